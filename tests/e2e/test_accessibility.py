"""Every page for everybody: no serious finding of axe-core in light or dark, and nothing beyond the edge of a phone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect

from dashboards.serve import SHOWN
from tests.e2e.company import Company, write_company
from tests.e2e.conftest import Dashboards

POLL_S = 3600.0
Look = Literal["light", "dark"]
WIDE, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def company(dashboards: Dashboards) -> Company:
    return write_company(dashboards.engine, dashboards.home)


@pytest.fixture(scope="module")
def page(company: Company, visitor: BrowserContext) -> Iterator[Page]:
    page = visitor.new_page()
    yield page
    page.close()


def test_the_addresses_are_of_all_pages(company: Company) -> None:
    assert {address.partition("?")[0] for address in company.addresses} >= set(SHOWN)


@pytest.mark.parametrize("look", ["light", pytest.param("dark", marks=pytest.mark.long)])
def test_no_page_shuts_anybody_out(dashboards: Dashboards, company: Company, page: Page, look: Look) -> None:
    page.goto(f"{dashboards.address}/cards/match/v1")
    page.emulate_media(color_scheme=look)
    expect(page.locator("html")).to_have_css("color-scheme", look)  # and the server draws the next pages so
    found = {}
    for address in company.addresses:
        page.set_viewport_size(WIDE)
        page.goto(f"{dashboards.address}/{address}")
        found[address] = find_barriers(page)
        page.set_viewport_size(PHONE)
        found[f"{address} on a phone"] = find_wide(page)
    assert not any(found.values()), "\n".join(f"{where}: {one}" for where, all_of in found.items() for one in all_of)


def test_nobody_is_shut_out_at_the_door(dashboards: Dashboards, browser: Browser) -> None:
    for look in ("light", "dark"):
        context = browser.new_context(viewport=PHONE, color_scheme=look)  # type: ignore[arg-type]
        page = context.new_page()
        page.goto(f"{dashboards.address}/tutors")
        expect(page.get_by_label("Password")).to_be_visible()
        assert find_barriers(page) + find_wide(page) == []
        context.close()


def test_a_phone_leads_everywhere_by_keyboard(dashboards: Dashboards, company: Company, page: Page) -> None:
    page.set_viewport_size(PHONE)
    page.goto(f"{dashboards.address}/tutors")
    expect(page.locator("tbody tr").first).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()

    menu = page.get_by_role("button", name="Menu")
    expect(page.get_by_role("link", name="Models")).to_be_hidden()
    menu.press("Enter")
    for name in ("Overview", "Sessions", "Tutors", "Matching", "Models", "Log out"):
        link = page.get_by_role("link", name=name, exact=True)
        expect(link).to_be_in_viewport(ratio=1)
    page.keyboard.press("Escape")
    expect(page.get_by_role("link", name="Models")).to_be_hidden()
    menu.press("Enter")
    page.get_by_role("link", name="Models").press("Enter")
    expect(page).to_have_title("Models · Tutor quality")


def test_light_or_dark_is_as_the_system_says_until_somebody_chooses(dashboards: Dashboards, page: Page) -> None:
    page.set_viewport_size(WIDE)
    page.emulate_media(color_scheme="dark")
    page.goto(f"{dashboards.address}/models")
    expect(page.locator(".page.mui-dark")).to_be_visible()
    page.emulate_media(color_scheme="light")
    expect(page.locator(".page.mui-light")).to_be_visible()

    page.get_by_label("Light or dark").click()
    expect(page.locator(".page.mui-dark")).to_be_visible()
    page.goto(f"{dashboards.address}/cards/match/v1")
    expect(page.locator("html")).to_have_css("color-scheme", "dark")
    page.goto(f"{dashboards.address}/tutors")
    expect(page.locator(".page.mui-dark")).to_be_visible()
    page.get_by_label("Light or dark").click()
    expect(page.locator(".page.mui-light")).to_be_visible()
    page.evaluate("localStorage.clear()")


def find_barriers(page: Page) -> list[str]:
    """What axe-core finds that keeps people out: the rule, what is wrong, and where."""
    expect(page.get_by_role("heading", level=1).first).to_be_visible()
    expect(page.locator("#loader")).to_be_hidden()
    page.wait_for_function(SETTLED)
    result = Axe().run(page, options={"resultTypes": ["violations"]})
    return [
        f"{violation['id']}: {node['failureSummary']} {node['html']}"
        for violation in result.response["violations"]
        if violation["impact"] in ("serious", "critical")
        for node in violation["nodes"]
    ]


def find_wide(page: Page) -> list[str]:
    """What is wider than the window, apart from what scrolls by itself."""
    wide: list[str] = page.evaluate(WIDER)
    return wide


SETTLED = """() => {
  const moves = root => root.getAnimations().some(one => one instanceof CSSTransition)
    || [...root.querySelectorAll("*")].some(element => element.shadowRoot && moves(element.shadowRoot))
  return !moves(document)
}"""
WIDER = """() => {
  const found = []
  const look = root => {
    for (const element of root.children) {
      const style = getComputedStyle(element)
      const place = element.getBoundingClientRect()
      const seen = style.display !== "none" && style.visibility !== "hidden" && place.width > 1
      if (seen && style.position !== "fixed" && place.right > innerWidth + 1) {
        found.push(`${element.tagName} ${element.className} at ${place.right}: ${element.textContent.slice(0, 60)}`)
        continue
      }
      const scrolls = ["auto", "scroll"].includes(style.overflowX) && !element.classList.contains("main-content")
      if (element.classList.contains("bk-Canvas")) continue // what is drawn there has boxes beyond it that nobody sees
      if (!scrolls) look(element)
      if (!scrolls && element.shadowRoot) look(element.shadowRoot)
    }
  }
  look(document.body)
  return found.slice(0, 5)
}"""
