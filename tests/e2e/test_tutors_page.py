"""The tutors' page as a person meets it: a real server, a real database and a real Chromium."""

from __future__ import annotations

import base64
import http.client
import http.cookiejar
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect
from sqlalchemy import URL, Engine, insert, text

from dashboards.login import PASSWORD_FILE
from dashboards.serve import main
from records.engine import create_app_engine
from records.tables import tutor_scores, tutors
from tests.conftest import connect_as_owner, temporary_database

NOW = datetime(2026, 3, 11, 12, tzinfo=UTC)
XSS = '<img src=x onerror="window.hacked=true"><b>Eve</b>'
SERVE = """
from tornado.ioloop import IOLoop
from dashboards.serve import serve
from records.engine import open_databases
from tqs.settings import load_settings

settings = load_settings()
IOLoop.current().add_callback(print, "ready", flush=True)
with open_databases(settings) as databases:
    serve(databases.app, settings, refresh_s=1)
"""


expect.set_options(timeout=20_000)  # a busy machine is slow, not wrong


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, Any]:
    quiet = ["--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-first-run"]
    return {"executable_path": "/usr/bin/chromium", "args": ["--no-sandbox", "--disable-gpu", *quiet]}


@dataclass(frozen=True)
class Dashboards:
    address: str
    port: int
    password: str
    engine: Engine


@pytest.fixture(scope="module")
def dashboards(template_url: URL, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dashboards]:
    home, port = tmp_path_factory.mktemp("home"), free_port()
    with temporary_database(template_url, template=template_url.database) as url:
        environment = {
            **os.environ,
            "TQS_HOME": str(home),
            "TQS_DATABASE_URL": url.render_as_string(hide_password=False),
            "TQS_DASHBOARD_PORT": str(port),
            "TQS_TIMEZONE": "Europe/Berlin",
        }
        log = home / "log"
        with (
            log.open("w") as errors,
            subprocess.Popen(
                [sys.executable, "-c", SERVE], env=environment, stdout=subprocess.PIPE, stderr=errors, text=True
            ) as server,
        ):
            assert server.stdout is not None
            assert server.stdout.readline() == "ready\n", log.read_text()
            password = (home / PASSWORD_FILE).read_text().strip()
            engine = create_app_engine(url)
            yield Dashboards(f"http://127.0.0.1:{port}", port, password, engine)
            engine.dispose()
            server.send_signal(signal.SIGTERM)
            assert server.wait(timeout=20) == 0
        assert password not in log.read_text()


@pytest.fixture(scope="module")
def visitor(dashboards: Dashboards, browser: Browser) -> Iterator[BrowserContext]:
    """A browser that is logged in, and keeps its cache from test to test."""
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.goto(dashboards.address)
    page.get_by_label("Password").fill(dashboards.password)
    page.get_by_role("button", name="Log in").click()
    expect(page).to_have_url(dashboards.address + "/tutors")
    page.close()
    yield context
    context.close()


@pytest.fixture
def page(dashboards: Dashboards, visitor: BrowserContext) -> Iterator[Page]:
    page = visitor.new_page()
    page.goto(dashboards.address + "/tutors")
    expect(page.get_by_role("heading", name="Tutors")).to_be_visible()
    yield page
    page.close()


@pytest.fixture
def stranger(browser: Browser) -> Iterator[Page]:
    context = browser.new_context()
    yield context.new_page()
    context.close()


@pytest.fixture(autouse=True)
def records(dashboards: Dashboards) -> None:
    """Alma above the threshold, Bert on it, Eve with a hostile name, Never unscored, and twelve more: 16 in all."""
    with dashboards.engine.begin() as connection:
        connection.execute(text("TRUNCATE tutors CASCADE"))
    add_tutor(dashboards, "Alma", (2, 4), (4, 10), (10, 40), email="alma@example.org", trend=0.1)
    add_tutor(dashboards, "Bert", (0, 2), (3, 20), (6, 50), trend=-0.15)
    add_tutor(dashboards, XSS, (0, 1), (1, 50), (1, 60), trend=0.0)
    add_tutor(dashboards, "Never", None, None, None)
    for number in range(12):
        add_tutor(dashboards, f"Other {number:02}", (0, 1), (1, 100 + number), (1, 200), trend=0.0)


def add_tutor(
    dashboards: Dashboards,
    name: str,
    of_7: tuple[int, int] | None,
    of_30: tuple[int, int] | None,
    of_90: tuple[int, int] | None,
    *,
    trend: float | None = None,
    email: str | None = None,
) -> None:
    """A tutor with (rescheduled, sessions) of 7, 30 and 90 days; None: never scored."""
    key = uuid.uuid5(uuid.NAMESPACE_OID, name)
    with dashboards.engine.begin() as connection:
        connection.execute(insert(tutors).values(id=key, name=name, email=email, source="api"))
        if of_7 is None or of_30 is None or of_90 is None:
            return
        rates: dict[str, Any] = {}
        for days, (part, whole) in ((7, of_7), (30, of_30), (90, of_90)):
            rates[f"reschedule_rate_{days}d"] = 100 * part / whole
            rates[f"total_sessions_{days}d"] = whole
            rates[f"tutor_reschedules_{days}d"] = part
        connection.execute(
            insert(tutor_scores).values(
                tutor_id=key,
                **rates,
                no_shows_90d=0,
                reschedule_trend=trend,
                is_high_risk=100 * of_30[0] / of_30[1] > 15,
                risk_threshold=15.0,
                last_calculated_at=NOW,
            )
        )


def row(page: Page, name: str) -> Any:
    return page.locator("tbody tr").filter(has=page.get_by_role("rowheader").filter(has_text=name))


def shown_names(page: Page) -> Any:
    return page.locator("tbody th .text")


def test_strangers_see_the_login_and_nothing_else(dashboards: Dashboards, stranger: Page) -> None:
    stranger.goto(dashboards.address + "/tutors")

    expect(stranger).to_have_url(re.compile(r"/login\?next=%2Ftutors$"))
    expect(stranger.get_by_role("button", name="Log in")).to_be_visible()
    expect(stranger.get_by_text("Alma")).to_have_count(0)


def test_a_wrong_password_is_refused(dashboards: Dashboards, stranger: Page) -> None:
    stranger.goto(dashboards.address + "/tutors")
    stranger.get_by_label("Password").fill(dashboards.password + "x")
    with stranger.expect_response("**/login*") as answer:
        stranger.get_by_role("button", name="Log in").click()

    assert answer.value.status == 401
    expect(stranger.get_by_role("alert")).to_have_text("That name and password do not belong together.")
    stranger.goto(dashboards.address + "/tutors")
    expect(stranger).to_have_url(re.compile("/login"))


def test_logging_out_ends_it(dashboards: Dashboards, stranger: Page) -> None:
    stranger.goto(dashboards.address)
    stranger.get_by_label("Password").fill(dashboards.password)
    stranger.get_by_role("button", name="Log in").click()
    stranger.get_by_role("link", name="Log out").click()
    expect(stranger.get_by_role("button", name="Log in")).to_be_visible()
    stranger.goto(dashboards.address + "/tutors")

    expect(stranger).to_have_url(re.compile("/login"))


def test_tutors_with_their_rates_worst_first(page: Page) -> None:
    expect(shown_names(page).nth(0)).to_have_text("Alma")
    expect(shown_names(page).nth(1)).to_have_text("Bert")
    expect(row(page, "Alma").locator("td .text")).to_have_text(["High", "40.0%", "+10.0 pp", "50.0%", "25.0%", "10"])
    expect(row(page, "Bert").locator("td .text")).to_have_text(["Low", "15.0%", "−15.0 pp", "0.0%", "12.0%", "20"])
    expect(page.get_by_role("table").get_by_role("status")).to_have_count(0)
    expect(page.get_by_text("1–10 of 16")).to_be_visible()
    # 10 + 20 + 50 and twelve of 100 to 111 sessions; 4 + 3 + 1 + 12 of them rescheduled: 20 of 1,346
    expect(page.locator("dl.tiles .figure")).to_have_text(["16", "1", "1,346", "1.5%"])
    expect(page.get_by_text(re.compile(r"Updated \d+ \w+ \d{4}, \d\d:\d\d:\d\d CES?T"))).to_be_visible()


def test_sorting_and_paging(page: Page) -> None:
    page.get_by_role("button", name="Next page").click()
    expect(page.get_by_text("11–16 of 16")).to_be_visible()
    expect(shown_names(page).last).to_have_text("Never")

    page.get_by_role("button", name="Sessions", exact=True).click()
    expect(page.get_by_role("columnheader", name="Sessions")).to_have_attribute("aria-sort", "descending")
    expect(page.get_by_text("1–10 of 16")).to_be_visible()
    expect(shown_names(page).first).to_have_text("Other 11")

    page.get_by_role("button", name="Tutor", exact=True).click()
    expect(shown_names(page)).to_have_text([XSS, "Alma", "Bert", "Never", *(f"Other {n:02}" for n in range(6))])
    page.get_by_role("button", name="Tutor", exact=True).press("Enter")
    expect(page.get_by_role("columnheader", name="Tutor")).to_have_attribute("aria-sort", "descending")
    expect(shown_names(page).first).to_have_text("Other 11")


def test_search_and_risk_filter(page: Page) -> None:
    page.get_by_role("button", name="Next page").click()
    page.get_by_role("textbox").fill("OTHER 0")
    expect(shown_names(page)).to_have_text([f"Other {n:02}" for n in range(10)])
    page.get_by_role("textbox").fill("ALMA@")
    expect(shown_names(page)).to_have_text(["Alma"])
    page.get_by_role("textbox").fill("nobody")
    expect(page.get_by_role("heading", name="No tutor matches")).to_be_visible()
    expect(page.get_by_role("table")).to_be_hidden()
    page.get_by_role("textbox").fill("")

    page.get_by_role("button", name="High risk").click()
    expect(shown_names(page)).to_have_text(["Alma"])
    page.get_by_role("button", name="Low risk").click()
    expect(page.get_by_text("1–10 of 15")).to_be_visible()
    expect(shown_names(page).first).to_have_text("Bert")


def test_the_chosen_tutor_in_detail(page: Page) -> None:
    expect(page.get_by_role("heading", name="Alma")).to_be_visible()

    row(page, "Bert").get_by_role("button").press("Enter")

    expect(page.get_by_role("heading", name="Bert")).to_be_visible()
    expect(row(page, "Bert").get_by_role("button")).to_have_attribute("aria-pressed", "true")
    expect(page.locator("section dd > span")).to_have_text(["0.0%", "15.0%", "12.0%", "−15.0 pp"])


def test_a_hostile_name_is_only_text(page: Page) -> None:
    page.get_by_role("textbox").fill("<img")
    expect(shown_names(page)).to_have_text([XSS])
    row(page, "Eve").click()
    expect(page.get_by_role("heading", name=XSS)).to_be_visible()

    assert page.evaluate("window.hacked") is None
    expect(page.locator("img[src=x]")).to_have_count(0)


def test_a_new_score_shows_without_a_reload(dashboards: Dashboards, page: Page) -> None:
    expect(row(page, "Bert").locator("td .text").nth(1)).to_have_text("15.0%")

    with dashboards.engine.begin() as connection:
        connection.execute(
            text("UPDATE tutor_scores SET reschedule_rate_30d = 16, is_high_risk = true WHERE tutor_id = :id"),
            {"id": uuid.uuid5(uuid.NAMESPACE_OID, "Bert")},
        )

    expect(row(page, "Bert").locator("td .text").nth(1)).to_have_text("16.0%")
    expect(page.locator("dl.tiles .figure").nth(1)).to_have_text("2")


def test_a_lost_database_is_said_and_got_over(dashboards: Dashboards, page: Page) -> None:
    banner = page.get_by_role("alert").filter(has_text="The records cannot be reached")
    expect(shown_names(page).first).to_have_text("Alma")
    expect(banner).to_be_hidden()

    with without_database(dashboards.engine.url):
        expect(banner).to_be_visible()
        expect(banner).to_contain_text("does not answer")
        page.get_by_role("textbox").fill("bert")
        expect(shown_names(page).first).to_have_text("Alma")

    expect(banner).to_be_hidden()
    expect(shown_names(page)).to_have_text(["Bert"])
    expect(page.get_by_role("textbox")).to_have_value("bert")


def test_nothing_to_show_says_what_to_do(dashboards: Dashboards, page: Page) -> None:
    with dashboards.engine.begin() as connection:
        connection.execute(text("TRUNCATE tutors CASCADE"))
    expect(page.get_by_role("heading", name="No tutors yet")).to_be_visible()
    expect(page.locator("code")).to_have_text(["tqs import DIR", "tqs demo"])
    expect(page.get_by_role("table")).to_be_hidden()

    add_tutor(dashboards, "Never", None, None, None)

    expect(page.get_by_role("heading", name="No scores yet")).to_be_visible()
    expect(page.locator("code")).to_have_text(["tqs score"])
    expect(row(page, "Never")).to_be_visible()


@pytest.mark.parametrize("width", [390, 1440])
def test_nothing_sticks_out_and_all_text_can_be_read(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    expect(shown_names(page).first).to_be_visible()
    for look in ("light", "dark"):
        if look == "dark":
            page.get_by_label("Toggle theme").click()
        expect(page.locator(f".page.mui-{look}")).to_be_visible()

        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.locator(".scroller").evaluate("e => e.scrollWidth <= e.clientWidth")
        for words in (
            "tbody .detail",
            "td .badge .text",
            "td .bad .text",
            "td .good .text",
            ".note",
            "h1",
            "h2",
            "[href$=logout]",
        ):
            ratio = page.locator(words).first.evaluate(CONTRAST)
            assert ratio >= 4.5, f"{words} in {look}: {ratio:.2f}"


def test_it_asks_for_nothing_from_elsewhere(dashboards: Dashboards, page: Page) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.reload()
    expect(shown_names(page).first).to_be_visible()

    own = (dashboards.address, dashboards.address.replace("http", "ws"), "data:", "blob:")
    assert [url for url in asked if not url.startswith(own)] == []


def test_a_login_needs_the_token_of_its_form(dashboards: Dashboards) -> None:
    form = urllib.parse.urlencode({"username": "admin", "password": dashboards.password}).encode()

    with pytest.raises(urllib.error.HTTPError) as refusal:
        urllib.request.build_opener().open(dashboards.address + "/login", data=form, timeout=10)

    assert refusal.value.code == 403


@pytest.mark.parametrize(
    ("origin", "status"),
    [("http://127.0.0.1:{port}", 101), ("http://evil.example", 403), ("http://127.0.0.1:{port}1", 403)],
)
def test_only_the_own_origin_may_open_the_socket(dashboards: Dashboards, origin: str, status: int) -> None:
    cookie = log_in(dashboards)

    assert shake_hands(dashboards, origin.format(port=dashboards.port), cookie) == status


def test_without_a_login_there_is_no_socket(dashboards: Dashboards) -> None:
    assert shake_hands(dashboards, dashboards.address, "") == 403


def test_a_port_in_use_is_one_sentence(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setenv("TQS_HOME", str(tmp_path))
        monkeypatch.setenv("TQS_DATABASE_URL", engine.url.render_as_string(hide_password=False))
        monkeypatch.setenv("TQS_DASHBOARD_PORT", str(port))

        assert main() == 1

    assert capsys.readouterr().err == f"port {port} is in use; stop what listens there or set TQS_DASHBOARD_PORT\n"


CONTRAST = """element => {
  const channel = v => { v /= 255; return v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4 }
  const luminance = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b)
  const parse = color => {
    const probe = document.createElement("canvas").getContext("2d")
    probe.fillStyle = color
    probe.fillRect(0, 0, 1, 1)
    return [...probe.getImageData(0, 0, 1, 1).data]
  }
  const layers = []
  for (let node = element; node; node = node.parentNode ?? node.host) {
    if (node instanceof Element) layers.push(parse(getComputedStyle(node).backgroundColor))
  }
  let under = [255, 255, 255]
  for (const [r, g, b, a] of layers.reverse()) {
    under = [r, g, b].map((value, index) => value * a / 255 + under[index] * (1 - a / 255))
  }
  const [light, dark] = [luminance(parse(getComputedStyle(element).color)), luminance(under)].sort((a, b) => b - a)
  return (light + 0.05) / (dark + 0.05)
}"""


class without_database:  # noqa: N801  # reads as a statement
    """While inside, the database refuses connections and has cut those it had."""

    def __init__(self, url: URL) -> None:
        self.url = url

    def __enter__(self) -> None:
        with connect_as_owner(self.url) as run:
            run(f'ALTER DATABASE "{self.url.database}" ALLOW_CONNECTIONS false')
            run(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{self.url.database}'")

    def __exit__(self, *_: object) -> None:
        with connect_as_owner(self.url) as run:
            run(f'ALTER DATABASE "{self.url.database}" ALLOW_CONNECTIONS true')


def log_in(dashboards: Dashboards) -> str:
    """The cookies of a login, as a header."""
    cookies = http.cookiejar.CookieJar()
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(cookies))
    form = opener.open(dashboards.address + "/login", timeout=10).read().decode()
    token = re.search(r'name="_xsrf" value="([^"]+)"', form)
    assert token is not None
    fields = {"username": "admin", "password": dashboards.password, "_xsrf": token[1]}
    opener.open(dashboards.address + "/login", data=urllib.parse.urlencode(fields).encode(), timeout=10)
    return "; ".join(f"{cookie.name}={cookie.value}" for cookie in cookies)


def shake_hands(dashboards: Dashboards, origin: str, cookie: str) -> int:
    """The status that answers a request to open the page's websocket."""
    connection = http.client.HTTPConnection("127.0.0.1", dashboards.port, timeout=10)
    try:
        connection.request("GET", "/tutors", headers={"Cookie": cookie})
        page = connection.getresponse().read().decode()
        token = re.search(r'"token":"([^"]+)"', page)
        headers = {
            "Cookie": cookie,
            "Origin": origin,
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
            "Sec-WebSocket-Protocol": f"bokeh, {token[1] if token else 'none'}",
        }
        connection.request("GET", "/tutors/ws", headers=headers)
        return connection.getresponse().status
    finally:
        connection.close()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])
