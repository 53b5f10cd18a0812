"""The form by which something is done about a session: for the one that it was opened for, and no other."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import panel_material_ui as pmui
import pytest

from dashboards import deed_form
from dashboards.deed_form import DeedForm
from scoring.session_detail import SessionDetail

START = datetime(2026, 3, 11, 12, tzinfo=UTC)


def booked(number: int) -> SessionDetail:
    return SessionDetail(
        UUID(int=number), UUID(int=100 + number), f"tutor {number}", None, True, "a visitor", None, START, 60,
        "scheduled", False, True, (), {}, [],
    )  # fmt: skip


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[tuple[UUID, str]]:
    done: list[tuple[UUID, str]] = []
    monkeypatch.setattr(deed_form, "intervene", lambda _, session, kind, *__, **___: done.append((session, kind)))
    return done


@pytest.fixture
def form() -> DeedForm:
    def act(role: str, do: Callable[[str], str]) -> bool:
        assert role == "coach"
        do("person ada")
        return True

    context: Any = SimpleNamespace(zone="Europe/Berlin", engine=None)
    page: Any = SimpleNamespace(act=act)
    return DeedForm(context, page, lambda: None)


def send(form: DeedForm) -> pmui.Button:
    (button,) = (one for one in form.view.select(pmui.Button) if one.label in ("Send reminder", "Record call"))
    return button


def test_it_acts_on_the_session_that_it_was_opened_for(form: DeedForm, done: list[tuple[UUID, str]]) -> None:
    form.show(booked(1), may_act=True)
    form.open("call")
    form.show(booked(1), may_act=True)  # loaded anew: it stays as it is
    send(form).clicks += 1

    assert done == [(UUID(int=1), "call")]


def test_it_is_closed_where_another_session_takes_the_place(form: DeedForm, done: list[tuple[UUID, str]]) -> None:
    form.show(booked(1), may_act=True)
    form.open("call")
    button = send(form)
    form.show(booked(2), may_act=True)
    button.clicks += 1

    assert done == []
    form.open("call")
    send(form).clicks += 1
    assert done == [(UUID(int=2), "call")]
