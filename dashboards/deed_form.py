"""The form by which a coach does something about a session: the first click opens it, the second does it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final
from urllib.parse import urlencode

import panel as pn
import panel_material_ui as pmui
from markupsafe import Markup

from dashboards.components.in_browser import InBrowser
from dashboards.context import Context
from dashboards.html import EMPTY, show_html, update_html
from dashboards.page import LivePage
from dashboards.views.deeds import DEEDS
from scoring.interventions import LONGEST_NOTE, NEEDS_SESSION_AHEAD, intervene
from scoring.session_detail import SessionDetail
from tqs.errors import QueryError

HINTS: Final = {
    "reminder": "An e-mail with the time of the session goes to {tutor} within minutes.",
    "call": "Record that you called {tutor}.",
    "reassign": "Record who gives the session instead of {tutor}. The booking itself is changed where you keep it.",
    "note": "A note about this session, for who looks at it next.",
}
NO_SERVER: Final = "No mail server is set (TQS_SMTP_URL): it is kept as a file on the server and reaches nobody."


class DeedForm:
    """Buttons for what can be done about the session shown, and the form of the one that was clicked.

    `opened` is called when a form opens: from then on the page must stay at this session.
    """

    def __init__(self, context: Context, page: LivePage, opened: Callable[[], None]) -> None:
        self._context = context
        self._page = page
        self._opened = opened
        self._session: SessionDetail | None = None  # that is shown
        self._asked: SessionDetail | None = None  # that the open form is for
        self._kind = ""
        self._buttons = {
            kind: pmui.Button(
                label=words.ask,
                icon=words.icon,
                variant="outlined",
                size="small",
                margin=0,
                on_click=partial(self._click, kind),
            )
            for kind, words in DEEDS.items()
        }
        self._row = pn.Row(
            *self._buttons.values(), margin=(2, 18, 12, 18), stylesheets=[":host { gap: 8px; flex-wrap: wrap; }"]
        )
        self._hint = show_html(style="session_detail", sizing_mode="stretch_width")
        self._tutor = pmui.TextInput(label="New tutor", size="small", margin=0, sizing_mode="stretch_width")
        self._note = pmui.TextAreaInput(
            label="Note (optional)",
            size="small",
            rows=2,
            max_length=LONGEST_NOTE,
            margin=0,
            sizing_mode="stretch_width",
        )
        self._send = pmui.Button(label="Send", variant="contained", size="small", margin=0, on_click=self._do)
        cancel = pmui.Button(label="Cancel", variant="text", size="small", margin=0, on_click=lambda _: self.close())
        buttons = pn.Row(self._send, cancel, margin=0, stylesheets=[":host { gap: 8px; }"])
        self._focus = InBrowser()
        self._fields = [self._focus, self._hint, self._tutor, self._note, buttons]
        self._form = pn.Column(  # gets its fields when it first opens: they are a tenth of what opening the page takes
            visible=False,
            margin=(0, 18, 14, 18),
            sizing_mode="stretch_width",
            stylesheets=[":host { gap: 10px; }"],
        )
        self.view = pn.Column(self._row, self._form, sizing_mode="stretch_width", margin=0, visible=False)

    def show(self, session: SessionDetail, *, may_act: bool) -> None:
        """The buttons of this session, where the visitor may use them; a form that is open for it stays as it is.

        One that is open for another session is closed: that one is gone.
        """
        self._session = session
        if self._asked is not None and self._asked.id != session.id:
            self.close()
        self.view.visible = may_act
        for kind, button in self._buttons.items():
            button.disabled = kind in NEEDS_SESSION_AHEAD and not session.ahead

    def open(self, kind: str) -> None:
        """Ask for what `kind` needs."""
        session = self._session
        if session is None or kind not in DEEDS:
            return
        self._kind, self._asked = kind, session
        link = EMPTY
        if kind == "reassign" and session.student_name is not None:
            asked = urlencode(
                {"student": session.student_id, "tutor": str(session.tutor_id), "session": str(session.id)}
            )
            link = Markup(' <a href="matching?{}" target=_blank>Find a better tutor for {}</a>').format(
                asked, session.student_name
            )
        update_html(
            self._hint,
            Markup("<section><p>{}{}</p></section>").format(self._hint_at(kind, session), link),
        )
        self._tutor.visible = kind == "reassign"
        self._focus.focused += 1
        self._note.label = "Note" if kind == "note" else "Note (optional)"
        self._send.label = DEEDS[kind].send
        self._form.objects = self._fields
        self._form.visible = True
        for name, button in self._buttons.items():
            button.variant = "contained" if name == kind else "outlined"
        self._opened()

    def _hint_at(self, kind: str, session: SessionDetail) -> str:
        hint = HINTS[kind].format(tutor=session.tutor_name)
        return f"{hint} {NO_SERVER}" if kind == "reminder" and self._context.settings.smtp_url is None else hint

    def close(self) -> None:
        """Take the form away, and what was typed into it."""
        self._kind, self._asked = "", None
        self._form.visible = False
        self._tutor.value = self._note.value = ""
        self._tutor.value_input = self._note.value_input = ""
        for button in self._buttons.values():
            button.variant = "outlined"

    def _click(self, kind: str, _event: Any) -> None:
        if kind == self._kind:
            self.close()
        else:
            self.open(kind)

    def _do(self, _event: Any) -> None:
        """Once: the form is closed by it, and a second click finds none."""
        session, kind = self._asked, self._kind
        if session is None:
            return
        if self._page.act("coach", partial(self._intervene, session, kind)):
            self.close()

    def _intervene(self, session: SessionDetail, kind: str, actor: str) -> str:
        note = self._note.value_input.strip()
        if kind == "reassign":
            tutor = self._tutor.value_input.strip()
            if not tutor:
                raise QueryError("no new tutor is named; write who gives the session")
            note = f"To {tutor}. {note}".strip()
        if kind == "note" and not note:
            raise QueryError("the note is empty; write what the next one should know")
        zone = self._context.zone
        intervene(self._context.engine, session.id, kind, note or None, datetime.now(UTC), timezone=zone, actor=actor)
        return _SAID[kind].format(tutor=session.tutor_name)


_SAID: Final = {
    "reminder": "The reminder to {tutor} is queued",
    "call": "The call to {tutor} is recorded",
    "reassign": "The reassignment from {tutor} is recorded",
    "note": "The note is saved",
}
