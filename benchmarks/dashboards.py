"""The dashboards of a company of 10,000 tutors and a million sessions.

A page's opening in Chromium, from the start of the navigation until its table or first figures stand there, beside the
same page of a company without records, in turns. Turning a page, sorting and filtering, by the messages of a browser.
With `full`, 25 people at once for half an hour while sessions come in: how long each waits, and what memory the server
needs in the end; tests/e2e/test_many_visitors.py has five minutes of it.
"""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread
from typing import Any, Final

from playwright.sync_api import Page, sync_playwright
from sqlalchemy import Engine, text

from benchmarks._crowd import Crowd, visit
from benchmarks._dashboards import Server, found_company, processing, serving
from benchmarks._server import temporary_engine
from benchmarks._sessions import make_sessions
from benchmarks._visitors import Visitor, log_in
from dashboards.bar import PAGES
from dashboards.live import SHARED_S
from processing.intake import take_sessions
from processing.posted import PostedSession

USABLE: Final = ".notice h2, dl.tiles .figure, tbody tr, section h2"  # what is seen first of a page
TURNS: Final = 9
OPENING: Final = 1.3  # times the same page without records
INTERACTION_MS: Final = 300.0  # p95 on a warm server
INTERACTIONS, WARM_UP = 30, 15
WITH_TABLES: Final = ("tutors", "sessions")
PEOPLE: Final = 25
CROWD_MS: Final = 1000.0  # p95
OPENING_MS: Final = 5000.0  # p95 of a page that one of them opens
CROWD_S: Final = 1800.0
GROWTH: Final = 1.1  # of memory, from the middle to the end
SESSIONS_A_SECOND: Final = 5.0
CHROMIUM: Final[dict[str, Any]] = {"executable_path": "/usr/bin/chromium", "args": ["--no-sandbox", "--disable-gpu"]}
Row = dict[str, Any]


def run(full: bool = False) -> list[Row]:
    """Rows of results; `full` lets 25 people stay for half an hour."""
    with temporary_engine() as engine, temporary_engine() as empty, tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        size = f"{found_company(engine):,} sessions"
        with serving(engine, home / "full") as server, serving(empty, home / "empty") as bare:
            rows = measure_openings(server, bare, size)
            rows += asyncio.run(measure_interactions(server, size))
        if full:
            with serving(engine, home / "full") as server, posting(engine, home / "full"):
                found = asyncio.run(visit(server, CROWD_S, people=PEOPLE, pages=WITH_TABLES))
            rows += crowd_rows(found, size)
    return rows


def measure_openings(server: Server, bare: Server, size: str) -> list[Row]:
    """Each page beside the same of a company without records."""
    rows = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(**CHROMIUM)
        visitors = [(one, _log_in(browser.new_page(), one)) for one in (server, bare)]
        for name in PAGES:
            taken: dict[str, list[float]] = {server.address: [], bare.address: []}
            for turn in range(TURNS + 1):
                for one, page in visitors:
                    seconds = _open(page, f"{one.address}/{name}")
                    if turn:  # the first fills the browser's cache
                        taken[one.address].append(seconds)
            ours, theirs = (statistics.median(taken[one.address]) for one in (server, bare))
            rows.append(_row(f"{name} page usable, {size}", 1e3 * ours, 1e3 * theirs, OPENING))
        browser.close()
    return rows


async def measure_interactions(server: Server, size: str) -> list[Row]:
    """Turning a page, sorting and filtering, one after the other, once somebody else did so, too."""
    rows, cookie = [], log_in(server.address, server.password)
    for name in WITH_TABLES:
        async with Visitor(server.address, cookie, name) as before:
            for _ in range(WARM_UP):
                await before.use()
                await before.filter()
        async with Visitor(server.address, cookie, name) as visitor:
            await visitor.wait(SHARED_S)  # until nothing that the other one read is given again
            for what, do in (("turn a page or sort", visitor.use), ("filter", visitor.filter)):
                taken = [await do() for _ in range(INTERACTIONS)]
                rows.append(_row(f"{name}: {what}, {size}, p95", 1e3 * _p95(taken), INTERACTION_MS, 1.0))
    return rows


def crowd_rows(found: Crowd, size: str) -> list[Row]:
    """What many people at once waited for, and the memory."""
    who = f"{PEOPLE} people for {found.seconds:.0f} s while sessions come in, {size}"
    return [
        _row(f"{who}: p95 of {len(found.waits):,}", 1e3 * _p95(found.waits), CROWD_MS, 1.0),
        _row(f"{who}: a page opens, p95 of {len(found.openings):,}", 1e3 * _p95(found.openings), OPENING_MS, 1.0),
        _row(f"{who}: memory in the end by that of the middle", found.memory_after, found.memory_before, GROWTH, "MB"),
    ]


@contextmanager
def posting(engine: Engine, home: Path) -> Iterator[None]:
    """Meanwhile sessions come in and are processed.

    Raises
    ------
    RuntimeError
        fewer than half were: what was measured meanwhile is of records that stood still.
    """
    ended, posted = Event(), 0
    before = _count_processed(engine)
    with engine.connect() as connection:
        tutors, students = (
            list(connection.scalars(text(f"SELECT id::text FROM {who} ORDER BY id"))) for who in ("tutors", "students")
        )

    def post() -> None:
        nonlocal posted
        for session in make_sessions(tutors, students):
            if ended.wait(1 / SESSIONS_A_SECOND):
                return
            take_sessions(engine, [PostedSession.model_validate(session)], "benchmark")
            posted += 1

    thread = Thread(target=post)
    with processing(engine, home):
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()
    processed = _count_processed(engine) - before
    if processed < max(posted, 1) / 2:
        raise RuntimeError(f"{processed} sessions of {posted} posted were processed; see the log below {home}")


def _count_processed(engine: Engine) -> int:
    with engine.connect() as connection:
        return int(connection.execute(text("SELECT count(*) FROM work_items WHERE state = 'done'")).scalar_one())


def _log_in(page: Page, server: Server) -> Page:
    page.goto(f"{server.address}/login")
    page.locator("input[name=username]").fill("admin")
    page.locator("input[name=password]").fill(server.password)
    page.locator("button, input[type=submit]").first.click()
    page.wait_for_url(f"{server.address}/overview")
    return page


def _open(page: Page, url: str) -> float:
    page.goto("about:blank")
    started = time.perf_counter()
    page.goto(url, wait_until="commit")
    page.locator(USABLE).first.wait_for(state="visible", timeout=60_000)
    return time.perf_counter() - started


def _p95(taken: list[float]) -> float:
    return statistics.quantiles(taken, n=20)[-1]


def _row(name: str, ours: float, limit: float, most: float, unit: str = "ms") -> Row:
    print(f"  {name}: {ours:.0f} of {limit:.0f} {unit}", file=sys.stderr, flush=True)
    ratio = ours / limit
    figures = {"ours": round(ours, 1), "limit": round(limit, 1), "unit": unit, "ratio": round(ratio, 3)}
    return {"name": name, **figures, "target": f"<= {most:g}", "ok": ratio <= most}


if __name__ == "__main__":
    for result in run():
        print(json.dumps(result, ensure_ascii=False))
