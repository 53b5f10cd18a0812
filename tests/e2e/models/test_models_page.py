"""The models' page as a person meets it: what serves, how good it is, and why."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from modelling.store import promote
from tests.e2e.conftest import Dashboards
from tests.e2e.models.conftest import XSS

POLL_S = 3600  # pages change by what they are told


def test_what_serves_how_good_it_is_and_why(page: Page) -> None:
    expect(page).to_have_title("Models · Tutor quality")
    reschedule = page.get_by_role("main")
    expect(reschedule.locator(".flag")).to_contain_text("v1 serves")
    # 0.3 is a quarter less than 0.4
    expect(reschedule.locator("dd")).to_have_text(
        [
            "0.300025.0% below the base rate's",
            "0.01100.0120 by chance alone",
            "11.8%12.1% happened",
            "0.7770.5 is guessing",
        ]
    )
    expect(reschedule.get_by_role("article", name="Reschedule v1")).to_contain_text("serves")
    expect(reschedule.get_by_role("article", name="Reschedule v2")).to_contain_text("served before")
    expect(reschedule.locator("ol li .word")).to_contain_text(["Rolled back to v1", "Promoted v2", "Promoted v1"])
    expect(reschedule.locator("ol li").first).to_contain_text("by account ann")
    # predicted 5 % lies within 4 to 8 %, 20 % not within 25 to 35 %
    expect(reschedule).to_contain_text("800 sessions that the model never saw, in 3 groups")
    expect(reschedule).to_contain_text("In 1 of 2 what was predicted lies in the 90% interval of what happened")
    page.reload()  # nothing has changed, so that it is loaded once
    expect(reschedule.locator("canvas").first).to_be_visible()


@pytest.mark.long
def test_another_target_has_an_address_of_its_own(page: Page) -> None:
    page.get_by_role("button", name="No-show").click()
    expect(page.get_by_role("heading", name="No-show")).to_be_visible()
    expect(page).to_have_url(re.compile(r"/models\?target=no_show$"))
    page.go_back()  # to where one came from, and not to what was chosen before
    expect(page).to_have_url("about:blank")
    page.go_forward()
    expect(page.locator("ol li").first).to_contain_text("Refused v1")
    expect(page.locator("ol li .reason")).to_have_text(["Nothing was learned.", "Warning: The base rate moves."])
    page.goto(page.url.replace("no_show", "match"))
    expect(page.get_by_role("heading", name="Match")).to_be_visible()
    expect(page.locator(".flag")).to_contain_text("The rule answers")
    expect(page.locator("section")).to_contain_text("tqs retrain")
    expect(page.get_by_text("tqs drift --target match")).to_be_visible()


@pytest.mark.long
def test_what_the_drift_watch_found_and_what_followed(page: Page) -> None:
    reschedule = page.get_by_role("main")
    expect(reschedule.get_by_text("up to 2 Mar 2026")).to_be_visible()
    drifted = reschedule.get_by_role("listitem").filter(has_text="Local hour of the start")
    expect(drifted).to_contain_text("150%")  # 0.3 of 0.2
    expect(drifted).to_contain_text(XSS)
    expect(reschedule.get_by_text("the rate of reschedules is 18.0%, 12.0% in the reference")).to_be_visible()
    expect(reschedule.get_by_text("Held back: 10 rows are new.")).to_be_visible()
    link = reschedule.get_by_role("link", name="both distributions, page of Reschedule drift")
    with page.context.expect_page() as opened:
        link.click()
    framed = opened.value.frame_locator("iframe")
    expect(framed.get_by_role("heading", name="Both distributions")).to_be_visible()
    opened.value.close()


@pytest.mark.long
def test_a_reason_is_text_whatever_it_holds(page: Page) -> None:
    expect(page.get_by_text(XSS, exact=True)).to_have_count(2)  # of a decision, and of a finding
    expect(page).to_have_title("Models · Tutor quality")


@pytest.mark.long
def test_a_promotion_shows_without_a_reload(page: Page, dashboards: Dashboards) -> None:
    expect(page.locator(".flag")).to_contain_text("v1 serves")
    promote(dashboards.engine, "reschedule", "v2", expected_champion="v1", reason="By hand.", actor="account ann")
    expect(page.locator(".flag")).to_contain_text("v2 serves")


@pytest.mark.long
def test_pages_lead_to_each_other(page: Page) -> None:
    page.get_by_role("navigation", name="Pages").get_by_role("link", name="Tutors").click()
    expect(page).to_have_url(re.compile("/tutors$"))
    page.get_by_role("navigation", name="Pages").get_by_role("link", name="Models").click()
    expect(page.get_by_role("link", name="Models")).to_have_attribute("aria-current", "page")
    expect(page.get_by_role("heading", name="Reschedule")).to_be_visible()


@pytest.mark.long
def test_a_phone_shows_all_of_it(page: Page) -> None:
    page.set_viewport_size({"width": 390, "height": 800})
    expect(page.get_by_role("heading", name="Reschedule")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
