"""When a key was last used is written once for many calls, and at most each minute."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, text

from access.keys import create_key, list_keys
from access.usage import KeyUse

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def last_used(engine: Engine) -> dict[str, datetime | None]:
    return {row.name: row.last_used_at for row in list_keys(engine)}


def test_only_used_keys_are_written_and_with_their_last_use(engine: Engine) -> None:
    for name in "abc":
        create_key(engine, name, scopes=["read"])
    ids = {row.name: row.id for row in list_keys(engine)}
    use = KeyUse()
    for seconds in range(10):
        use.note(ids["a"], NOW + timedelta(seconds=seconds))
    use.note(ids["b"], NOW)
    use.note(None, NOW)
    use.write(engine)
    assert last_used(engine) == {"a": NOW + timedelta(seconds=9), "b": NOW, "c": None}


def test_within_a_minute_nothing_is_committed(engine: Engine) -> None:
    create_key(engine, "a", scopes=["read"])
    key, use = list_keys(engine)[0].id, KeyUse()
    use.note(key, NOW)
    use.write(engine)

    def written_by() -> str:
        """The transaction that wrote the key's row: another one as soon as it is written again."""
        with engine.connect() as connection:
            return str(connection.scalar(text("SELECT xmin FROM api_keys")))

    before = written_by()
    for seconds in (30, 60):
        use.note(key, NOW + timedelta(seconds=seconds))
        use.write(engine)
    assert written_by() == before
    assert last_used(engine) == {"a": NOW}
    use.note(key, NOW + timedelta(seconds=61))
    use.write(engine)
    assert last_used(engine) == {"a": NOW + timedelta(seconds=61)}
    assert written_by() != before


def test_what_cannot_be_written_is_written_later(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    create_key(engine, "a", scopes=["read"])
    use = KeyUse()
    use.note(list_keys(engine)[0].id, NOW)
    with monkeypatch.context() as patch:
        patch.setattr(engine, "begin", lambda: (_ for _ in ()).throw(OSError("gone")))
        with pytest.raises(OSError, match="gone"):
            use.write(engine)
    use.write(engine)
    assert last_used(engine) == {"a": NOW}
