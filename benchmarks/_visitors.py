"""Visitors of the dashboards without a browser: they log in, open a page and use its table by the messages that a
browser sends and receives (Bokeh's protocol over a websocket), so that many cost little.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import time
from collections.abc import Iterator, Mapping
from http.cookiejar import CookieJar
from math import ceil
from random import Random
from typing import Any, Final, Self
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, build_opener

from tornado.httpclient import AsyncHTTPClient, HTTPRequest
from tornado.websocket import WebSocketClientConnection, websocket_connect

from records.world.people import FIRST_NAMES, LAST_NAMES

PATIENCE_S: Final = 60.0
# What a name may begin with, each once: no search finds what the one before it found.
BEGINNINGS: Final = sorted({name[:3].lower() for name in f"{FIRST_NAMES} {LAST_NAMES}".split()})
MOST_PAGES: Final = 40  # that somebody turns to
_TOKEN: Final = re.compile(r'"token":\s*"([^"]+)"')
_READY: Final = {
    "kind": "MessageSent",
    "msg_type": "bokeh_event",
    "msg_data": {"type": "event", "name": "document_ready", "values": {"type": "map"}},
}


def log_in(address: str, password: str) -> str:
    """The value of the header `Cookie` of who is logged in."""
    jar = CookieJar()
    opener = build_opener(HTTPCookieProcessor(jar))
    opener.open(f"{address}/login", timeout=PATIENCE_S).read()
    form = {"username": "admin", "password": password, "_xsrf": next(one.value for one in jar if one.name == "_xsrf")}
    opener.open(f"{address}/login", urlencode(form).encode(), timeout=PATIENCE_S).read()
    return "; ".join(f"{one.name}={one.value}" for one in jar)


class Visitor:
    """A page that is open. To be entered; `use` does something with its table and answers how long that took."""

    def __init__(self, address: str, cookie: str, page: str) -> None:
        self._address = address
        self._headers = {"Cookie": cookie, "Origin": address}
        self._page = page
        self._numbers = itertools.count(1)
        self._random = Random()  # noqa: S311  # what a visitor does next is no secret
        self._searches = itertools.cycle(self._random.sample(BEGINNINGS, len(BEGINNINGS)))
        self._pages = itertools.cycle(self._random.sample(range(MOST_PAGES), MOST_PAGES))
        self.opened_s = 0.0

    async def __aenter__(self) -> Self:
        started = time.perf_counter()
        url = f"{self._address}/{self._page}"
        patient: dict[str, Any] = {
            "headers": self._headers,
            "connect_timeout": PATIENCE_S,
            "request_timeout": PATIENCE_S,
        }
        client = AsyncHTTPClient(force_instance=True)
        page = await client.fetch(HTTPRequest(url, **patient))
        client.close()
        token = _TOKEN.search(page.body.decode())
        assert token is not None, "the page names no session: the login did not work"
        self._socket: WebSocketClientConnection = await websocket_connect(
            HTTPRequest(f"{url.replace('http', 'ws', 1)}/ws", **patient),
            subprotocols=["bokeh", token.group(1)],
            max_message_size=2**26,
        )
        self._heard: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()
        self._ear = asyncio.create_task(self._listen())
        await self._read("ACK")
        await self._send("PULL-DOC-REQ", {})
        document = (await self._read("PULL-DOC-REPLY"))["doc"]
        self._table, self._search = _find_table(document), _find_search(document)
        keys = [one["key"] for one in self._table["columns"] if one.get("sortable")]
        orders = [{"by": key, "order": order} for key in keys for order in ("asc", "desc")]
        self._orders = itertools.cycle(self._random.sample(orders, len(orders)))
        await self._send("PATCH-DOC", {"events": [_READY]})
        await self._read("OK")
        self.opened_s = time.perf_counter() - started
        return self

    async def __aexit__(self, *_: object) -> None:
        self._socket.close()
        await self._ear

    async def use(self) -> float:
        """Turn to another page of the table, or sort it anew, by all in turns; the seconds until its rows are there."""
        table = self._table
        there_are = ceil(table["total"] / table["page_size"])
        if there_are > 1 and self._random.random() < 0.7:
            change: tuple[str, Any] = (
                "page",
                next(one for one in self._pages if one != table["page"] and one < there_are),
            )
        else:
            change = ("sort", next(one for one in self._orders if one["by"] != table["sort"]["by"]))
        table[change[0]] = change[1]
        return await self._change(table["id"], *change)

    async def filter(self) -> float:
        """Search for another name; the seconds until the rows are there."""
        return await self._change(self._search, "value_input", next(self._searches))

    async def _change(self, model: str, attribute: str, value: Any) -> float:
        while not self._heard.empty():  # what was told before is no answer
            self._take_rows(self._heard.get_nowait()[1])
        started = time.perf_counter()
        await self._send("PATCH-DOC", {"events": [_change(model, attribute, value)]})
        async with asyncio.timeout(PATIENCE_S):
            while not self._take_rows(await self._read("PATCH-DOC")):
                pass
        return time.perf_counter() - started

    async def wait(self, seconds: float) -> None:
        """Let time pass, and hear meanwhile what the server tells."""
        until = time.perf_counter() + seconds
        while (rest := until - time.perf_counter()) > 0:
            try:
                self._take_rows((await asyncio.wait_for(self._heard.get(), rest))[1])
            except TimeoutError:
                return

    def _take_rows(self, content: Mapping[str, Any]) -> bool:
        """Follow what a patch changes of the table; whether other rows are there by it, or more or fewer in all."""
        before = self._table["ids"], self._table["total"]
        for event in content.get("events", ()):
            if event.get("kind") == "ModelChanged" and event["model"]["id"] == self._table["id"]:
                if event["attr"] == "rows":
                    self._table["ids"] = [_plain(row)["id"] for row in event["new"]]
                elif event["attr"] in ("page", "total"):
                    self._table[event["attr"]] = event["new"]
        return before != (self._table["ids"], self._table["total"])

    async def _send(self, kind: str, content: Mapping[str, Any]) -> None:
        header = {"msgid": str(next(self._numbers)), "msgtype": kind}
        for part in (header, {}, content):
            await self._socket.write_message(json.dumps(part))

    async def _read(self, kind: str) -> Any:
        """The content of the next message of this kind."""
        while True:
            found, content = await asyncio.wait_for(self._heard.get(), PATIENCE_S)
            if found in ("ERROR", "closed"):
                raise ConnectionError(f"the server ended it: {content}")
            if found == kind:
                return content

    async def _listen(self) -> None:
        """Put what the server tells into `_heard`: a message is its header, its metadata and its content, and then a
        header and the bytes of each buffer."""
        parts: list[str | bytes] = []
        while (part := await self._socket.read_message()) is not None:
            parts.append(part)
            if len(parts) < 3:
                continue
            header = json.loads(parts[0])
            if len(parts) == 3 + 2 * header.get("num_buffers", 0):
                self._heard.put_nowait((header["msgtype"], json.loads(parts[2])))
                parts = []
        self._heard.put_nowait(("closed", "it closed the connection"))


def _change(model: str, attribute: str, value: Any) -> dict[str, Any]:
    if isinstance(value, dict):
        value = {"type": "map", "entries": list(value.items())}
    return {"kind": "ModelChanged", "model": {"id": model}, "attr": attribute, "new": value}


def _find_table(document: Any) -> dict[str, Any]:
    """The id of the first table of a document in JSON, with its columns, the rows that are shown, and its order."""
    for one in _walk(document):
        if str(one.get("name", "")).startswith("DataTable") and "columns" in one.get("attributes", {}):
            attributes = one["attributes"]
            return {
                "id": one["id"],
                "columns": [_plain(column) for column in attributes["columns"]],
                "ids": [_plain(row)["id"] for row in attributes.get("rows", ())],
                "total": attributes.get("total", 0),
                "page_size": attributes["page_size"],
                "page": attributes.get("page", 0),
                "sort": _plain(attributes["sort"]),
            }
    raise LookupError("the page has no table")


def _find_search(document: Any) -> str:
    """The id of what holds the text of the first search."""
    for one in _walk(document):
        if str(one.get("attributes", {}).get("label", "")).startswith("Search"):
            return str(one["id"])
    raise LookupError("the page has no search")


def _walk(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, list):
        for one in value:
            yield from _walk(one)


def _plain(value: Any) -> dict[str, Any]:
    return dict(value["entries"]) if value.get("type") == "map" else value
