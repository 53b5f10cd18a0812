"""The tutors' page as a person meets it: a real server, a real database and a real Chromium."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page, expect
from sqlalchemy import URL, insert, text

from records.tables import tutor_scores, tutors
from tests.conftest import connect_as_owner
from tests.e2e.conftest import Dashboards

NOW = datetime(2026, 3, 11, 12, tzinfo=UTC)
XSS = '<img src=x onerror="window.hacked=true"><b>Eve</b>'


@pytest.fixture
def page(dashboards: Dashboards, visitor: BrowserContext) -> Iterator[Page]:
    page = visitor.new_page()
    page.goto(dashboards.address + "/tutors")
    expect(page.get_by_role("heading", name="Tutors")).to_be_visible()
    yield page
    page.close()


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
    expect(shown_names(page).first).to_be_visible()
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
