from __future__ import annotations

import uuid

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from records.importing.ids import NAMESPACE, is_uuid, make_uuids, write_hex


def test_a_uuid_stays_itself_and_other_text_becomes_its_uuid5() -> None:
    one = uuid.UUID("0E1D2C3B-4A59-4687-9123-456789ABCDEF")
    texts = [str(one), str(one).upper(), "booking-17", None, "x" * 36, str(one)[:-1] + "g", one.hex]
    expected = [one, one, *[uuid.UUID(int=0) if t is None else uuid.uuid5(NAMESPACE, t) for t in texts[2:]]]
    found = make_uuids(pa.array(texts))
    assert [uuid.UUID(bytes=bytes(row)) for row in found] == expected
    assert is_uuid(pa.array(texts)).tolist() == [True, True, False, False, False, False, False]
    assert write_hex(found).to_pylist() == [value.hex for value in expected]


def test_the_namespace_never_changes() -> None:
    """Ids that companies have seen hang on it."""
    (found,) = make_uuids(pa.array(["tutor-1"]))
    assert str(uuid.UUID(bytes=bytes(found))) == str(
        uuid.uuid5(uuid.UUID("6f1b6f0e-9a57-5c7d-8a5e-0d2f1c3b4a59"), "tutor-1")
    )


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=40) | st.uuids().map(str)))
def test_any_text_has_the_id_that_pythons_uuid_module_gives_it(texts: list[str]) -> None:
    def expected(text: str) -> uuid.UUID:
        try:
            value = uuid.UUID(text)
        except ValueError:
            value = None
        return value if value is not None and str(value) == text.lower() else uuid.uuid5(NAMESPACE, text)

    assert [uuid.UUID(bytes=bytes(row)) for row in make_uuids(pa.array(texts, pa.string()))] == [
        expected(text) for text in texts
    ]
