"""Explanations of matches: by the language model where there is one and it is of use, else by rule."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Final

from sqlalchemy import Engine

from scoring.explanation_check import RefusedTextError
from scoring.explanation_prompt import Prompt, check_answer, write_prompt
from scoring.explanation_store import (
    Explanation,
    find_explanation,
    is_promised,
    keep_explanation,
    promise_explanation,
    withdraw_promise,
)
from scoring.explanation_text import MatchFacts, write_explanation
from scoring.language_model import LIMIT_S, LanguageModel, LanguageModelError

log: Final = logging.getLogger(__name__)

LOOK_AGAIN_S: Final = 0.2


class Explainer:
    """Explains matches. Lives in one event loop; no thread and no connection to the database waits for the model."""

    def __init__(self, engine: Engine, model: LanguageModel | None) -> None:
        self._engine = engine
        self._model = model
        self._writing: dict[str, asyncio.Task[Explanation]] = {}

    async def explain(self, facts: MatchFacts) -> Explanation:
        """The explanation of a match, in five seconds at most.

        Matches of the same facts share one. Of those who ask at once for one that is not there yet, in any process,
        one asks the model. What the model failed to give, or gave and must not be shown, the rule writes.
        """
        by_rule = Explanation(write_explanation(facts), "rules")
        if self._model is None:
            return by_rule
        prompt = write_prompt(facts, self._model.name)
        task = self._writing.get(prompt.key)
        if task is None:
            task = asyncio.create_task(self._find_or_write(self._model, facts, prompt, by_rule))
            self._writing[prompt.key] = task
            task.add_done_callback(lambda _: self._writing.pop(prompt.key, None))
        return await asyncio.shield(task)  # one who goes away leaves it to the others

    async def open(self) -> None:
        """Load the model's client beforehand, so that nobody's first explanation waits for it."""
        if self._model is not None:
            try:
                await self._model.open()
            except LanguageModelError as error:
                log.error("explanations are written by rule: %s", error)

    async def close(self) -> None:
        """Let go of the model's server."""
        if self._model is not None:
            await self._model.close()

    async def _find_or_write(
        self, model: LanguageModel, facts: MatchFacts, prompt: Prompt, by_rule: Explanation
    ) -> Explanation:
        found = await asyncio.to_thread(find_explanation, self._engine, prompt.key)
        if found is not None:
            return found
        if model.is_resting:
            return by_rule
        if not await asyncio.to_thread(promise_explanation, self._engine, prompt.key):
            return await self._wait_for_other(prompt.key) or by_rule
        try:
            written = Explanation(check_answer(await model.complete(prompt.system, prompt.user), facts), "llm")
        except LanguageModelError:
            await asyncio.to_thread(withdraw_promise, self._engine, prompt.key)
            return by_rule
        except RefusedTextError as error:
            log.warning("a text of the language model %s was refused: %s", model.name, error)
            written = by_rule
        await asyncio.to_thread(keep_explanation, self._engine, prompt.key, written)
        return written

    async def _wait_for_other(self, key: str) -> Explanation | None:
        """What another process is writing; None where it gives up, or takes too long."""
        end = time.monotonic() + LIMIT_S
        while time.monotonic() < end and await asyncio.to_thread(is_promised, self._engine, key):
            await asyncio.sleep(LOOK_AGAIN_S)
        return await asyncio.to_thread(find_explanation, self._engine, key)
