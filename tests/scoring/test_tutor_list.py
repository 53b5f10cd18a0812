from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import URL, Engine, insert

from records.engine import create_app_engine
from records.tables import tutor_scores, tutors
from scoring.shrinkage import RatePrior
from scoring.tutor_list import find_place, find_tutor, list_subjects, list_tutors, read_tutors, summarise_tutors
from scoring.tutor_page import LIKELY, Taught, TutorQuery
from tests.conftest import temporary_database
from tests.scoring.conftest import NOW, Records, days_ago
from tqs.errors import QueryError

SCORED = datetime(2026, 3, 11, 12, tzinfo=UTC)


def add_tutor(
    engine: Engine,
    number: int,
    name: str,
    *,
    email: str | None = None,
    active: bool = True,
    scored: tuple[int, int] | None = None,
    of_90: tuple[int, int] = (0, 0),
) -> uuid.UUID:
    """A tutor with the id `number`; `scored` is (rescheduled, sessions) of 30 days, `of_90` the same of 90."""
    key = uuid.UUID(int=number)
    with engine.begin() as connection:
        connection.execute(insert(tutors).values(id=key, name=name, email=email, is_active=active, source="api"))
        if scored is not None:
            connection.execute(insert(tutor_scores).values(tutor_id=key, **score(scored, of_90)))
    return key


def score(of_30: tuple[int, int], of_90: tuple[int, int]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for days, (part, whole) in ((7, (0, 0)), (30, of_30), (90, of_90)):
        values |= {
            f"reschedule_rate_{days}d": 100 * part / whole if whole else None,
            f"total_sessions_{days}d": whole,
            f"tutor_reschedules_{days}d": part,
        }
    high = bool(of_30[1]) and 100 * of_30[0] / of_30[1] > 15
    return values | {
        "no_shows_90d": 0,
        "reschedule_trend": None,
        "is_high_risk": high,
        "risk_threshold": 15.0,
        "last_calculated_at": SCORED,
    }


@pytest.fixture(scope="module")
def listed(template_url: URL) -> Iterator[Engine]:
    """Seven tutors: two of the same rate, one at the threshold, one without sessions, one unscored, one removed."""
    with temporary_database(template_url, template=template_url.database) as url:
        engine = create_app_engine(url)
        add_tutors(engine)
        yield engine
        engine.dispose()


def add_tutors(engine: Engine) -> None:
    add_tutor(engine, 4, "ada", email="Ada.B@example.org", scored=(4, 10), of_90=(5, 20))
    add_tutor(engine, 2, "Zoë", email="zoe@example.org", scored=(4, 10), of_90=(6, 30))
    add_tutor(engine, 1, "Bob", scored=(3, 20), of_90=(3, 20))
    add_tutor(engine, 5, "Émile", scored=(0, 8), of_90=(1, 10))
    add_tutor(engine, 3, "100%_sure", scored=(0, 0))
    add_tutor(engine, 6, "Never", scored=None)
    add_tutor(engine, 7, "Gone", scored=(9, 9), active=False)


def names(engine: Engine, **asked: Any) -> list[str]:
    return [tutor.name for tutor in list_tutors(engine, TutorQuery(**asked)).tutors]


def test_default_order_is_worst_first_with_nulls_last_and_ties_by_id(listed: Engine) -> None:
    assert names(listed) == ["Zoë", "ada", "Bob", "Émile", "100%_sure", "Never"]


def test_ascending_keeps_nulls_last(listed: Engine) -> None:
    assert names(listed, sort_order="asc") == ["Émile", "Bob", "Zoë", "ada", "100%_sure", "Never"]


def test_by_the_likely_rate_few_sessions_are_no_proof(listed: Engine) -> None:
    """Of a prior of 1 of 10: 5 of 20 for both of 4 of 10, 4 of 30 for 3 of 20, 1 of 18 for none of 8."""
    likely = {"sort_by": LIKELY, "prior": RatePrior(reschedules=1.0, sessions=10.0)}
    assert names(listed, **likely) == ["Zoë", "ada", "Bob", "Émile", "100%_sure", "Never"]
    assert names(listed, **likely, sort_order="asc") == ["Émile", "Bob", "Zoë", "ada", "100%_sure", "Never"]
    heavy = {"sort_by": LIKELY, "prior": RatePrior(reschedules=40.0, sessions=400.0)}
    assert names(listed, **heavy, risk_status="low_risk") == ["Bob", "Émile", "100%_sure", "Never"]
    # 44 of 410 twice and 43 of 420
    assert names(listed, **heavy, search="o", offset=1, limit=2) == ["ada", "Bob"]
    assert find_place(listed, TutorQuery(**heavy), uuid.UUID(int=1)) == 2


def test_without_a_prior_no_rate_is_likely() -> None:
    with pytest.raises(QueryError, match="sort_by is 'likely_rate_30d'; it can be reschedule_rate_30d"):
        TutorQuery(sort_by=LIKELY)


def test_names_compare_by_code_point(listed: Engine) -> None:
    assert names(listed, sort_by="name", sort_order="asc") == ["100%_sure", "Bob", "Never", "Zoë", "ada", "Émile"]


def test_sorts_by_sessions(listed: Engine) -> None:
    assert names(listed, sort_by="total_sessions_30d") == ["Bob", "Zoë", "ada", "Émile", "100%_sure", "Never"]


@pytest.mark.parametrize(
    ("risk_status", "expected"),
    [("high_risk", {"Zoë", "ada"}), ("low_risk", {"Bob", "Émile", "100%_sure", "Never"})],
)
def test_risk_filter_parts_the_list(listed: Engine, risk_status: str, expected: set[str]) -> None:
    page = list_tutors(listed, TutorQuery(risk_status=risk_status))

    assert {tutor.name for tutor in page.tutors} == expected
    assert page.total == len(expected)


@pytest.mark.parametrize(
    ("search", "expected"),
    [
        ("ADA", ["ada"]),
        ("ada.b@EXAMPLE", ["ada"]),
        ("éMILE", ["Émile"]),
        ("example.org", ["Zoë", "ada"]),
        ("%", ["100%_sure"]),
        ("%_", ["100%_sure"]),
        ("_", ["100%_sure"]),
        ("\\", []),
        ("'; --", []),
        ("gone", []),
    ],
)
def test_search_means_itself_whatever_the_case(listed: Engine, search: str, expected: list[str]) -> None:
    assert names(listed, search=search) == expected


def test_pages_join_to_the_whole_list_and_know_its_length(listed: Engine) -> None:
    pages = [list_tutors(listed, TutorQuery(limit=4, offset=offset)) for offset in (0, 4, 8)]

    assert [tutor.name for page in pages for tutor in page.tutors] == names(listed)
    assert [len(page.tutors) for page in pages] == [4, 2, 0]
    assert [page.total for page in pages] == [6, 6, 6]


@pytest.mark.parametrize(
    "asked", [{}, {"sort_by": "name", "sort_order": "asc"}, {"risk_status": "low_risk", "limit": 1}]
)
def test_a_tutor_is_found_where_the_list_has_it(listed: Engine, asked: dict[str, Any]) -> None:
    whole = list_tutors(listed, TutorQuery(**asked | {"limit": 100})).tutors

    assert [find_place(listed, TutorQuery(**asked), tutor.id) for tutor in whole] == list(range(len(whole)))


def test_former_tutors_are_listed_where_they_are_asked_for(listed: Engine) -> None:
    former, all_of_them = (
        list_tutors(listed, TutorQuery(standing=standing, sort_by="name", sort_order="asc"))
        for standing in ("former", "all")
    )

    assert [(tutor.name, tutor.is_active) for tutor in former.tutors] == [("Gone", False)]
    assert [tutor.name for tutor in all_of_them.tutors] == ["100%_sure", "Bob", "Gone", "Never", "Zoë", "ada", "Émile"]
    assert (former.total, all_of_them.total) == (1, 7)
    assert names(listed, standing="all", risk_status="high_risk") == ["Gone", "Zoë", "ada"]
    assert find_place(listed, TutorQuery(standing="all"), uuid.UUID(int=7)) == 0  # 9 of 9


def test_some_tutors_by_their_ids(listed: Engine) -> None:
    some = [tutor.id for tutor in list_tutors(listed, TutorQuery()).tutors if tutor.name in ("ada", "Bob")]

    assert names(listed, among=some, sort_by="name", sort_order="asc") == ["Bob", "ada"]
    assert names(listed, among=some, risk_status="high_risk") == ["ada"]
    assert names(listed, among=[]) == []
    assert list_tutors(listed, TutorQuery(among=some, limit=1)).total == 2
    assert find_place(listed, TutorQuery(among=some[1:]), some[1]) == 0


def test_who_taught_a_subject_in_some_time(engine: Engine, records: Records) -> None:
    ada, bob, zoe = records.tutor(1), records.tutor(2), records.tutor(3)
    for tutor, days, subject in (
        (ada, 10, "French"),
        (ada, 10, "music"),
        (bob, 91, "French"),
        (bob, 2, None),
        (zoe, -3, "French"),
        (zoe, 90, "chemistry"),
    ):
        records.session(tutor, days_ago(days), "completed" if days > 0 else "scheduled", subject=subject)

    def ask(subject: str) -> list[str]:
        taught = Taught(subject, NOW - timedelta(days=90), NOW)
        page = list_tutors(engine, TutorQuery(taught=taught))
        assert page.total == len(page.tutors)
        return [str(tutor.id) for tutor in page.tutors]

    assert ask("French") == [ada]  # Bob too long ago, Zoë not yet
    assert ask("music") == [ada]
    assert ask("chemistry") == []  # 90 days ago to the second is outside
    assert ask("french") == []
    assert list_subjects(engine) == ["French", "chemistry", "music"]


def test_all_that_match_are_read_in_the_order_of_the_list(listed: Engine) -> None:
    assert [tutor.name for tutor in read_tutors(listed, TutorQuery(limit=1, offset=3))] == names(listed)
    assert [tutor.name for tutor in read_tutors(listed, TutorQuery(search="o", limit=1))] == names(listed, search="o")


def test_who_does_not_match_has_no_place(listed: Engine) -> None:
    ada, gone, nobody = (uuid.UUID(int=number) for number in (4, 7, 99))

    assert find_place(listed, TutorQuery(search="o"), ada) == 1  # ada and zoe by example.org, Bob by name
    assert find_place(listed, TutorQuery(search="bob"), ada) is None
    assert find_place(listed, TutorQuery(risk_status="low_risk"), ada) is None
    assert find_place(listed, TutorQuery(), gone) is None
    assert find_place(listed, TutorQuery(), nobody) is None


def test_a_line_carries_the_scores(listed: Engine) -> None:
    ada = find_tutor(listed, uuid.UUID(int=4))

    assert ada is not None
    assert (ada.name, ada.email, ada.is_high_risk, ada.last_calculated_at) == ("ada", "Ada.B@example.org", True, SCORED)
    assert (ada.reschedule_rate_7d, ada.reschedule_rate_30d, ada.reschedule_rate_90d) == (None, 40.0, 25.0)
    assert (ada.total_sessions_30d, ada.tutor_reschedules_30d, ada.total_sessions_90d) == (10, 4, 20)


def test_a_tutor_never_scored_has_nulls_and_no_flag(listed: Engine) -> None:
    never = find_tutor(listed, uuid.UUID(int=6))

    assert never is not None
    assert (never.reschedule_rate_30d, never.total_sessions_30d, never.last_calculated_at) == (None, None, None)
    assert never.is_high_risk is False


def test_a_removed_or_unknown_tutor_is_not_found(listed: Engine) -> None:
    assert find_tutor(listed, uuid.UUID(int=7)) is None
    assert find_tutor(listed, uuid.UUID(int=99)) is None


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"risk_status": "medium"}, "risk_status is 'medium'; it can be all, high_risk, low_risk"),
        ({"sort_by": "id"}, "sort_by is 'id'; it can be reschedule_rate_30d, total_sessions_30d, name"),
        ({"standing": "gone"}, "standing is 'gone'; it can be active, former, all"),
        ({"sort_order": "DESC"}, "sort_order is 'DESC'; it can be asc, desc"),
        ({"limit": 0}, "limit is 0; it can be 1 to 1,000"),
        ({"limit": 1001}, "limit is 1001; it can be 1 to 1,000"),
        ({"offset": -1}, "offset is -1; it can be 0 or more"),
        ({"search": "a\0b"}, "search holds a NUL character"),
    ],
)
def test_refuses_what_cannot_be_asked(asked: dict[str, Any], told: str) -> None:
    with pytest.raises(QueryError) as refusal:
        TutorQuery(**asked)

    assert str(refusal.value).startswith(told)


def test_the_summary_adds_up_all_active_tutors(listed: Engine) -> None:
    summary = summarise_tutors(listed)

    assert (summary.tutors, summary.scored, summary.high_risk) == (6, 5, 2)
    assert (summary.sessions_30d, summary.tutor_reschedules_30d) == (48, 11)  # 10 + 10 + 20 + 8, 4 + 4 + 3
    assert summary.reschedule_rate_30d == pytest.approx(100 * 11 / 48)
    assert summary.reschedule_rate_90d == pytest.approx(100 * 15 / 80)  # 5 + 6 + 3 + 1 of 20 + 30 + 20 + 10
    assert summary.last_calculated_at == SCORED
    # 0 % is in the first bin; 15 % is in (14, 15], below the threshold; 40 % in (39, 40]
    assert {low: count for low, count in enumerate(summary.rate_counts) if count} == {0: 1, 14: 1, 39: 2}


def test_a_bin_holds_its_upper_end(engine: Engine) -> None:
    for number, rescheduled in enumerate((0, 1, 150, 151, 160, 1000)):
        add_tutor(engine, number, "somebody", scored=(rescheduled, 1000))

    counts = summarise_tutors(engine).rate_counts

    # 0 and 0.1 %; 15 % itself; 15.1 and 16 %; 100 %
    assert {low: count for low, count in enumerate(counts) if count} == {0: 2, 14: 1, 15: 2, 99: 1}


def test_the_summary_of_nobody(engine: Engine) -> None:
    summary = summarise_tutors(engine)

    assert (summary.tutors, summary.scored, summary.high_risk, summary.sessions_30d) == (0, 0, 0, 0)
    assert (summary.reschedule_rate_30d, summary.last_calculated_at) == (None, None)
    assert summary.rate_counts == [0] * 100
