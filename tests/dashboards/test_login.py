from __future__ import annotations

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dashboards.login import own_path
from dashboards.password_file import COOKIE_SECRET_FILE, PASSWORD_FILE, derive_cookie_secret, ensure_password
from tqs.errors import SettingsError


def test_the_password_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    home = tmp_path / "home"

    first, second = ensure_password(home), ensure_password(home)

    assert first == second
    assert len(first) >= 20
    assert [stat.S_IMODE(file.stat().st_mode) for file in home.iterdir()] == [0o600]


def test_two_homes_have_two_passwords(tmp_path: Path) -> None:
    assert ensure_password(tmp_path / "a") != ensure_password(tmp_path / "b")


def test_those_who_come_at_once_get_the_same_password(tmp_path: Path) -> None:
    with ThreadPoolExecutor(16) as pool:
        passwords = set(pool.map(ensure_password, [tmp_path] * 64))

    assert len(passwords) == 1
    assert [file.name for file in tmp_path.iterdir()] == [PASSWORD_FILE]


def test_a_password_of_ones_own_is_kept(tmp_path: Path) -> None:
    (tmp_path / PASSWORD_FILE).write_text("correct horse battery\n")
    (tmp_path / PASSWORD_FILE).chmod(0o600)

    assert ensure_password(tmp_path) == "correct horse battery"


@pytest.mark.parametrize(
    ("content", "mode", "told"),
    [
        (b"correct horse battery", 0o644, "can be read by others than its owner; run `chmod 600"),
        (b"correct horse battery", 0o640, "can be read by others than its owner"),
        (b"", 0o600, "holds 0 characters and needs 12 or more; delete it for a new one"),
        (b"short", 0o600, "holds 5 characters and needs 12 or more"),
        (b"\xff\xfe not text at all", 0o600, "cannot be used"),
    ],
)
def test_a_file_that_would_not_keep_anyone_out_is_refused(tmp_path: Path, content: bytes, mode: int, told: str) -> None:
    file = tmp_path / PASSWORD_FILE
    file.write_bytes(content)
    file.chmod(mode)

    with pytest.raises(SettingsError) as refusal:
        ensure_password(tmp_path)

    assert told in str(refusal.value)
    assert "correct horse" not in str(refusal.value)


def test_a_home_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("")

    with pytest.raises(SettingsError, match="cannot be used"):
        ensure_password(tmp_path / "home")


def test_a_new_password_ends_the_old_logins(tmp_path: Path) -> None:
    before = derive_cookie_secret(tmp_path)
    assert derive_cookie_secret(tmp_path) == before
    secret = (tmp_path / COOKIE_SECRET_FILE).read_text()

    (tmp_path / PASSWORD_FILE).unlink()

    assert derive_cookie_secret(tmp_path) != before
    assert (tmp_path / COOKIE_SECRET_FILE).read_text() == secret


@pytest.mark.parametrize(
    ("address", "path"),
    [
        ("/tutors?risk=high", "/tutors?risk=high"),
        ("https://evil.example", "/"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("/\t/evil.example", "/"),
        ("", "/"),
    ],
)
def test_a_login_leads_to_this_server_only(address: str, path: str) -> None:
    assert own_path(address) == path
