"""Guesses are counted by address, and by address and login."""

from __future__ import annotations

from access.guesses import GuessLimit


def test_five_wrong_ones_of_a_login_stop_that_login_from_that_address() -> None:
    guesses = GuessLimit()
    for _ in range(5):
        assert not guesses.is_reached("1.1.1.1", "ada")
        guesses.note_wrong("1.1.1.1", "ada")

    assert guesses.is_reached("1.1.1.1", "ada")
    assert not guesses.is_reached("2.2.2.2", "ada")
    assert not guesses.is_reached("1.1.1.1", "bob")


def test_twenty_wrong_ones_stop_the_address() -> None:
    guesses = GuessLimit()
    for number in range(20):
        assert not guesses.is_reached("1.1.1.1", "ada")
        guesses.note_wrong("1.1.1.1", f"name {number}")

    assert guesses.is_reached("1.1.1.1", "ada")
    assert not guesses.is_reached("2.2.2.2", "ada")


def test_the_right_one_forgives_the_slips_before_it_but_not_the_address() -> None:
    guesses = GuessLimit()
    for _ in range(4):
        guesses.note_wrong("1.1.1.1", "ada")
    guesses.forgive("1.1.1.1", "ada")
    for number in range(15):
        guesses.note_wrong("1.1.1.1", f"name {number}")
    assert not guesses.is_reached("1.1.1.1", "ada")  # 19 of the address, none of the login

    guesses.note_wrong("1.1.1.1", "ada")

    assert guesses.is_reached("1.1.1.1", "ada")
