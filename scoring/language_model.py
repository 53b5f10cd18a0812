"""A language model behind an OpenAI-compatible server: one prompt in, one text out, within five seconds or not at all.

A server that is down, slow or wrong costs one call; then it is left alone for a while, which doubles as long as it
goes on so. Nothing that is sent or answered is logged.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from tqs.settings import Settings

if TYPE_CHECKING:
    from openai import AsyncOpenAI

log: Final = logging.getLogger(__name__)

LIMIT_S: Final = 5.0  # for all of one answer, the wait for a free place and the connection included
MOST_AT_ONCE: Final = 8  # calls of one process
FIRST_REST_S: Final = 10.0
LONGEST_REST_S: Final = 600.0
_LEFT_ALONE: Final = "the server failed a moment ago and is left alone"


class LanguageModelError(Exception):
    """There is no text. The message says why and quotes nothing."""


class LanguageModel:
    """A model on a server. Lives in one event loop."""

    def __init__(
        self,
        url: str,
        key: SecretStr,
        name: str,
        *,
        limit_s: float = LIMIT_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """url: of the API, such as https://api.openai.com/v1. clock: seconds, for the rest after a failure."""
        self.name = name
        self._url = url
        self._key = key
        self._limit_s = limit_s
        self._clock = clock
        self._client: AsyncOpenAI | None = None
        self._opening = asyncio.Lock()
        self._places = asyncio.Semaphore(MOST_AT_ONCE)
        self._failures = 0  # since it last gave a text; those of calls at the same time count as one
        self._not_before = 0.0

    @property
    def is_resting(self) -> bool:
        """Whether the server failed a moment ago and is left alone."""
        return self._clock() < self._not_before

    async def complete(self, system: str, user: str) -> str:
        """The model's answer to a system and a user message, as it came.

        Raises
        ------
        LanguageModelError
            where the server is resting, busy, or gives no answer within the limit.
        """
        if self.is_resting:
            raise LanguageModelError(_LEFT_ALONE)
        failures = self._failures
        if failures:  # one call finds out how the server is by now, the others wait for what it finds
            self._not_before = self._clock() + self._limit_s
        at_once = self._client is not None and not self._places.locked()
        too_late = "the client is not loaded yet"
        try:
            async with asyncio.timeout(self._limit_s):
                client = await self.open()
                too_late = "all places are taken"
                async with self._places:
                    if self._failures > failures:  # while this call waited for its place
                        raise LanguageModelError(_LEFT_ALONE)
                    too_late = f"no answer within {self._limit_s:g} s"
                    text = await _call(client, self.name, system, user)
        except TimeoutError:
            # Of a call that had its place for a part of the limit only, we took the time and not the server.
            raise self._fail(too_late, failures if at_once else None) from None
        except LanguageModelError as error:
            raise self._fail(str(error), failures) from None
        self._failures, self._not_before = 0, 0.0
        return text

    async def close(self) -> None:
        """Let go of the connections."""
        if self._client is not None:
            await self._client.close()

    async def open(self) -> AsyncOpenAI:
        """Load the client, which imports a large package: some seconds the first time, in a thread of its own.

        Raises
        ------
        LanguageModelError
            where the package is missing or will not have the address.
        """
        async with self._opening:
            if self._client is None:
                try:
                    self._client = await asyncio.to_thread(_open_client, self._url, self._key.get_secret_value())
                except Exception as error:
                    raise LanguageModelError(f"the client cannot be loaded ({type(error).__name__})") from error
            return self._client

    def _fail(self, reason: str, failures_before: int | None) -> LanguageModelError:
        """failures_before: as of the start of the call; None where the server is not to blame."""
        if failures_before is not None and self._failures == failures_before:
            self._failures += 1
            rest_s = min(FIRST_REST_S * 2 ** min(failures_before, 10), LONGEST_REST_S)
            self._not_before = self._clock() + rest_s
        log.warning("the language model gave no text: %s", reason)
        return LanguageModelError(reason)


def open_language_model(settings: Settings) -> LanguageModel | None:
    """The model that the settings name; None unless TQS_LLM_BASE_URL and a key are set."""
    if settings.llm_base_url is None or settings.llm_api_key is None:
        return None
    return LanguageModel(settings.llm_base_url, settings.llm_api_key, settings.llm_model)


class _Message(BaseModel):
    model_config = ConfigDict(hide_input_in_errors=True)
    content: str


class _Choice(BaseModel):
    message: _Message


class _Completion(BaseModel):
    """The part of an answer that is read."""

    choices: list[_Choice] = Field(min_length=1)


async def _call(client: AsyncOpenAI, name: str, system: str, user: str) -> str:
    from openai import APIStatusError  # noqa: PLC0415  # is loaded by now, as the client is

    messages: Any = [{"role": "system", "content": system}, {"role": "user", "content": user}]
    try:
        # The few parameters that every server of the kind knows.
        answer = await client.chat.completions.with_raw_response.create(model=name, messages=messages)
        return _read_text(answer.content)
    except APIStatusError as error:
        raise LanguageModelError(f"the server answered with the status {error.status_code}") from None
    except LanguageModelError:
        raise
    except Exception as error:  # noqa: BLE001  # a stranger's server may make the wire raise anything
        raise LanguageModelError(f"the server cannot be reached or read ({type(error).__name__})") from None


def _read_text(body: bytes) -> str:
    try:
        return _Completion.model_validate_json(body).choices[0].message.content
    except ValidationError:
        raise LanguageModelError("the answer is no chat completion with a text") from None


def _open_client(url: str, key: str) -> AsyncOpenAI:
    from openai import AsyncOpenAI, DefaultAsyncHttpxClient  # noqa: PLC0415

    from scoring.language_model_wire import BoundedTransport  # noqa: PLC0415

    for name in ("openai", "httpx2", "httpcore2"):  # what they say below this level quotes what is sent
        logging.getLogger(name).setLevel(logging.WARNING)
    wire = DefaultAsyncHttpxClient(
        transport=BoundedTransport(trust_env=False), follow_redirects=False, trust_env=False, timeout=LIMIT_S
    )
    # Of a trickling answer each part is in time, so the limit that counts is the one around the whole call.
    return AsyncOpenAI(base_url=url, api_key=key, max_retries=0, timeout=LIMIT_S, http_client=wire)
