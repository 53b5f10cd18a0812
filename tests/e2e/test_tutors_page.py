"""The tutors' page as a person meets it: a real server, a real database and a real Chromium."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from datetime import timedelta

import pytest
from playwright.sync_api import BrowserContext, Page, expect
from sqlalchemy import insert, text

from records.tables import sessions
from tests.e2e.conftest import Dashboards
from tests.e2e.tutors import NOW, XSS, add_tutor, row, shown_names, tutor_id, write_tutors


@pytest.fixture
def page(dashboards: Dashboards, visitor: BrowserContext) -> Iterator[Page]:
    page = visitor.new_page()
    page.goto(dashboards.address + "/tutors")
    yield page
    page.close()


@pytest.fixture(autouse=True)
def records(dashboards: Dashboards) -> None:
    write_tutors(dashboards.engine)


def test_tutors_with_their_rates_worst_first(page: Page) -> None:
    expect(page).to_have_title("Tutors · Tutor quality")
    expect(shown_names(page).nth(0)).to_have_text("Alma")
    expect(shown_names(page).nth(1)).to_have_text("Bert")
    expect(row(page, "Alma").locator("td .text")).to_have_text(
        ["High", "40.0%", "5.0%", "+10.0 pp", "50.0%", "25.0%", "10"]
    )
    expect(row(page, "Bert").locator("td .text")).to_have_text(
        ["Low", "15.0%", "3.9%", "−15.0 pp", "0.0%", "12.0%", "20"]
    )
    expect(row(page, "Alma").locator("td .detail")).to_have_text(["2–9%"])  # of tutors who hardly ever do
    expect(page.get_by_role("columnheader", name="Likely")).to_have_attribute("aria-sort", "descending")
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
    expect(page).to_have_url(re.compile(r"/tutors\?risk=low_risk$"))
    page.reload()
    expect(page.get_by_text("1–10 of 15")).to_be_visible()


@pytest.mark.long
def test_the_chosen_tutor_in_detail(page: Page) -> None:
    expect(page.get_by_role("heading", name="Alma")).to_be_visible()

    row(page, "Bert").click(position={"x": 300, "y": 10})  # beside the name

    expect(page.get_by_role("heading", name="Bert")).to_be_visible()
    expect(row(page, "Bert")).to_have_attribute("aria-current", "true")
    expect(page.locator("section dd > span")).to_have_text(["0.0%", "15.0%", "12.0%", "−15.0 pp"])

    row(page, "Alma").get_by_role("link").focus()
    page.keyboard.press("Tab")  # the keyboard goes from name to name
    page.keyboard.press("Tab")
    expect(page.get_by_role("heading", name="<img")).to_be_visible()

    row(page, "Bert").get_by_role("link").click()
    expect(page).to_have_url(re.compile(f"tutor\\?id={tutor_id('Bert')}"))
    expect(page.get_by_role("heading", name="Bert", level=1)).to_be_visible()


@pytest.mark.long
def test_bars_of_a_column_are_of_one_scale(dashboards: Dashboards, page: Page) -> None:
    widths = [
        row(page, name).locator(".fill").evaluate("bar => bar.offsetWidth / bar.parentNode.offsetWidth")
        for name in ("Alma", "Bert", "Other 00")
    ]
    assert widths == pytest.approx([0.8, 0.3, 0.02], abs=0.01)  # 40, 15 and 1 % of the 50 at which it ends

    add_tutor(dashboards.engine, "Worse", (4, 4), (8, 10), (10, 40))
    expect(row(page, "Worse").locator(".fill")).to_have_css("width", re.compile("."))
    full = row(page, "Worse").locator(".fill").evaluate("bar => bar.offsetWidth / bar.parentNode.offsetWidth")
    half = row(page, "Alma").locator(".fill").evaluate("bar => bar.offsetWidth / bar.parentNode.offsetWidth")
    mark = row(page, "Alma").locator(".mark").evaluate("mark => mark.offsetLeft / mark.parentNode.offsetWidth")
    assert (full, half, mark) == pytest.approx((1, 0.5, 0.19), abs=0.02)


@pytest.mark.long
def test_subjects_and_former_tutors(dashboards: Dashboards, page: Page) -> None:
    with dashboards.engine.begin() as connection:
        connection.execute(text("UPDATE tutors SET is_active = false WHERE name = 'Other 11'"))
        for name, subject in (("Bert", "French"), ("Other 11", "French"), ("Alma", "music")):
            connection.execute(
                insert(sessions).values(
                    id=uuid.uuid4(),
                    tutor_id=tutor_id(name),
                    student_id="somebody",
                    scheduled_time=NOW - timedelta(days=80),
                    status="completed",
                    subject=subject,
                    source="import",
                )
            )
    page.reload()
    expect(page.get_by_text("1–10 of 15")).to_be_visible()
    page.get_by_role("combobox").fill("fre")
    page.get_by_role("option", name="French").click()
    expect(shown_names(page)).to_have_text(["Bert"])
    page.get_by_role("button", name="Both").click()
    expect(shown_names(page)).to_have_text(["Bert", "Other 11"])
    expect(row(page, "Other 11").locator(".detail").first).to_have_text("Former tutor")

    page.goto(f"{dashboards.address}/tutors?standing=former&risk=low_risk")
    expect(shown_names(page)).to_have_text(["Other 11"])


def test_all_that_match_leave_as_csv_which_is_recorded(dashboards: Dashboards, page: Page) -> None:
    page.get_by_role("textbox").fill("OTHER")
    expect(page.get_by_text("1–10 of 12")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("button", name="Export as CSV").click()
    lines = download.value.path().read_text(encoding="utf-8-sig").splitlines()

    assert download.value.suggested_filename == "tutors.csv"
    assert lines[0].startswith("tutor_id,name,email,active,high_risk,")
    assert [line.split(",")[1] for line in lines[1:]] == [f"Other {number:02}" for number in range(12)]
    expect(page.get_by_role("status").filter(has_text="12 rows were exported")).to_be_visible()
    with dashboards.engine.connect() as connection:
        actor, action = connection.execute(text("SELECT actor, action FROM audit_log ORDER BY id DESC LIMIT 1")).one()
    assert actor == "person admin"
    assert "export" in action


def test_a_hostile_name_is_only_text(page: Page) -> None:
    page.get_by_role("textbox").fill("<img")
    expect(shown_names(page)).to_have_text([XSS])
    row(page, "Eve").click(position={"x": 300, "y": 10})
    expect(page.get_by_role("heading", name=XSS)).to_be_visible()

    assert page.evaluate("window.hacked") is None
    expect(page.locator("img[src=x]")).to_have_count(0)


@pytest.mark.long
def test_a_link_opens_at_its_tutor(dashboards: Dashboards, page: Page) -> None:
    # the 12 others follow Alma, Bert and Eve by their rates of 1 in 100 to 111 sessions, so 08 is the twelfth
    page.goto(f"{dashboards.address}/tutors?tutor={tutor_id('Other 08')}")

    expect(page.get_by_role("heading", name="Other 08")).to_be_visible()
    expect(page.get_by_text("11–16 of 16")).to_be_visible()
    expect(row(page, "Other 08")).to_have_attribute("aria-current", "true")

    row(page, "Other 09").click(position={"x": 300, "y": 10})
    expect(page.get_by_role("heading", name="Other 09")).to_be_visible()


@pytest.mark.long
def test_a_link_to_nobody_shows_all_and_repeats_nothing(dashboards: Dashboards, page: Page) -> None:
    notice = page.get_by_role("alert").filter(has_text="The tutor of this link is not here")
    for named in (str(uuid.UUID(int=7)), "%FF%00<img src=x onerror='window.hacked=true'>"):
        page.goto(f"{dashboards.address}/tutors?tutor={named}")

        expect(notice).to_be_visible()
        expect(page.get_by_role("heading", name="Alma")).to_be_visible()
        assert page.evaluate("window.hacked") is None
        expect(page.locator("img[src=x]")).to_have_count(0)
        assert named not in page.locator("body").inner_text()

    row(page, "Bert").click(position={"x": 300, "y": 10})
    expect(page.get_by_role("heading", name="Bert")).to_be_visible()
    expect(notice).to_be_hidden()


def test_polling_finds_what_nobody_was_told_of(dashboards: Dashboards, page: Page) -> None:
    expect(row(page, "Bert").locator("td .text").nth(1)).to_have_text("15.0%")

    with dashboards.engine.begin() as connection:
        connection.execute(text("ALTER TABLE tutor_scores DISABLE TRIGGER USER"))
        connection.execute(
            text("UPDATE tutor_scores SET reschedule_rate_30d = 16, is_high_risk = true WHERE tutor_id = :id"),
            {"id": tutor_id("Bert")},
        )
        connection.execute(text("ALTER TABLE tutor_scores ENABLE TRIGGER USER"))

    expect(row(page, "Bert").locator("td .text").nth(1)).to_have_text("16.0%")
    expect(page.locator("dl.tiles .figure").nth(1)).to_have_text("2")


def test_nothing_to_show_says_what_to_do(dashboards: Dashboards, page: Page) -> None:
    expect(shown_names(page).first).to_be_visible()
    with dashboards.engine.begin() as connection:
        connection.execute(text("TRUNCATE tutors CASCADE"))
    expect(page.get_by_role("heading", name="No tutors yet")).to_be_visible()
    expect(page.locator("code")).to_have_text(["tqs import DIR", "tqs demo"])
    expect(page.get_by_role("table")).to_be_hidden()

    add_tutor(dashboards.engine, "Never", None, None, None)

    expect(page.get_by_role("heading", name="No scores yet")).to_be_visible()
    expect(page.locator("code")).to_have_text(["tqs score"])
    expect(row(page, "Never")).to_be_visible()


@pytest.mark.parametrize("width", [390, 1440])
def test_nothing_sticks_out_and_all_text_can_be_read(page: Page, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    expect(shown_names(page).first).to_be_visible()
    for look in ("light", "dark"):
        if page.locator("html").get_attribute("data-theme") != look:
            page.get_by_label("Light or dark").click()
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
            ratio = None
            while ratio is None:  # its row was written anew just then
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
  if (!element.isConnected) return null
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
