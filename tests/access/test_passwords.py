"""Passwords: random, stored as scrypt's, compared whole."""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Any

import pytest

from access.passwords import ALPHABET, generate_password, hash_password, is_password


def test_a_password_has_125_random_bits() -> None:
    made = {generate_password() for _ in range(200)}

    assert len(made) == 200
    assert all(re.fullmatch(r"([a-km-np-z2-9]{5}-){4}[a-km-np-z2-9]{5}", password) for password in made)
    assert len(set(ALPHABET)) == 32  # 5 bits each, 25 of them
    assert set("".join(made)) == {*ALPHABET, "-"}


def test_what_is_stored_is_scrypt_s_with_a_salt_of_its_own() -> None:
    first, second = hash_password("correct horse"), hash_password("correct horse")

    assert first != second
    name, log_n, block, parallel, salt, made = first.split("$")
    assert (name, log_n, block, parallel) == ("scrypt", "14", "8", "5")
    assert len(base64.b64decode(salt)) == 16
    again = hashlib.scrypt(b"correct horse", salt=base64.b64decode(salt), n=16384, r=8, p=5, maxmem=2**26, dklen=32)
    assert base64.b64decode(made) == again


def test_the_right_one_and_no_other_is_taken() -> None:
    stored = hash_password("h7k2m-correct")

    assert is_password("h7k2m-correct", stored)
    for wrong in ("", "h7k2m-correcT", "h7k2m-correct ", "h7k2m", "h7k2m-correct" * 100, "\ud800"):
        assert not is_password(wrong, stored)


def test_older_parameters_still_count() -> None:
    salt = b"sixteen bytes !!"
    made = hashlib.scrypt(b"old", salt=salt, n=1024, r=4, p=1, dklen=32)
    stored = f"scrypt$10$4$1${base64.b64encode(salt).decode()}${base64.b64encode(made).decode()}"

    assert is_password("old", stored)
    assert not is_password("new", stored)


def test_the_work_is_done_for_those_without_a_password_too(monkeypatch: pytest.MonkeyPatch) -> None:
    stored, real, done = hash_password("x"), hashlib.scrypt, []
    is_password("warm up", None)

    def count(password: bytes, **options: Any) -> bytes:
        done.append((options["n"], options["r"], options["p"]))
        return real(password, **options)

    monkeypatch.setattr(hashlib, "scrypt", count)
    assert not is_password("anything", None)
    assert not is_password("anything", stored)

    assert done == [(16384, 8, 5)] * 2
