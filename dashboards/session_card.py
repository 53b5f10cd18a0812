"""The card of the chosen session: how likely it is moved, why, what was done and what can be."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import panel_material_ui as pmui

from dashboards.context import Context
from dashboards.deed_form import DeedForm
from dashboards.html import show_html, update_html
from dashboards.page import LivePage
from dashboards.views.cards import frame
from dashboards.views.session_detail import render_reasons, render_session, say_only_look
from dashboards.visitor import Visitor
from scoring.models import ServedModel
from scoring.session_detail import SessionDetail
from scoring.session_predictions import predict_session
from tqs.errors import ModelError


class SessionCard:
    """`stay` is called when the visitor begins something with the session shown. above: what stands first in it."""

    def __init__(self, context: Context, page: LivePage, stay: Callable[[], None], above: Any) -> None:
        self._context = context
        self._page = page
        self._stay = stay
        self._session: UUID | None = None
        self._detail = show_html(style="session_detail", margin=(16, 18, 12, 18), sizing_mode="stretch_width")
        self._reasons = show_html(style="session_detail", margin=(0, 18, 12, 18), sizing_mode="stretch_width")
        self._only_look = show_html(style="session_detail", margin=(0, 18, 14, 18), sizing_mode="stretch_width")
        self._renew = pmui.Button(
            label="Predict anew",
            icon="refresh",
            variant="text",
            size="small",
            margin=(0, 18, 12, 10),
            visible=False,
            on_click=self._predict,
        )
        self.form = DeedForm(context, page, stay)
        self.view = frame(above, self._detail, self.form.view, self._only_look, self._reasons, self._renew)

    def show(self, session: SessionDetail | None, visitor: Visitor) -> None:
        """The session with what the visitor may do about it; without one nothing."""
        self.view.visible = session is not None
        if session is None:
            return
        may_act = visitor.may_act_as("coach")
        self._session = session.id
        update_html(self._detail, render_session(session, self._context.zone))
        mails_leave = self._context.settings.smtp_url is not None
        update_html(self._reasons, render_reasons(session, self._context.zone, mails_leave=mails_leave))
        self.form.show(session, may_act=may_act)
        self._renew.visible = may_act and session.ahead
        self._only_look.visible = not may_act
        if not may_act:
            update_html(self._only_look, say_only_look(visitor.role))

    def _predict(self, _event: Any) -> None:
        session = self._session
        if session is None:
            return

        def predict(actor: str) -> str:
            now, models = datetime.now(UTC), require_models(self._context)
            made = predict_session(self._context.engine, models, session, now, timezone=self._context.zone, actor=actor)
            return f"Predicted anew: {made.reschedule_probability:.1%}, {made.risk_level} risk"

        self._stay()
        self._page.act("coach", predict)


def require_models(context: Context) -> dict[str, ServedModel]:
    """What answers for each target.

    Raises
    ------
    ModelError
        the first are being loaded.
    """
    if not context.models:
        raise ModelError("the models are not loaded yet; try again in a few seconds")
    return dict(context.models)
