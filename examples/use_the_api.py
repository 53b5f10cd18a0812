# ruff: noqa: T201
"""The HTTP API as a client uses it, from the first list to an assignment. Start the service, then run:

    pip install httpx
    export TQS_API_KEY=$(cat .tqs/api-key)      # `tqs keys create` makes further ones
    python examples/use_the_api.py              # TQS_API_URL names another service than http://127.0.0.1:3000

It takes tutors and students that are there (`make demo` makes some) and tells the service of two sessions, so the key
needs the scopes `read` and `ingest`. Every part is a function of its own: take what you need.
"""

from __future__ import annotations

import os
import sys
import time
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

ATTEMPTS = 5


class ApiError(Exception):
    """What the service answered in the place of what was asked for: its status and the sentence of its problem."""


def open_client() -> httpx.Client:
    """A client that sends the key with every call. One client for all calls keeps its connections open."""
    key = os.environ.get("TQS_API_KEY")
    if not key:
        sys.exit("set TQS_API_KEY; the first key is in .tqs/api-key, and `tqs keys create` makes others")
    url = os.environ.get("TQS_API_URL", "http://127.0.0.1:3000")
    return httpx.Client(base_url=url, headers={"X-API-Key": key}, timeout=30)


def call(client: httpx.Client, method: str, path: str, **options: Any) -> Any:
    """The JSON of an answer.

    429 (too many calls) and 503 (a dependency is down) say in Retry-After when to ask again; every call may be
    repeated, a POST too, since the caller chooses the ids, and so is one that got no answer. Every other error is a
    problem document (RFC 9457).
    """
    for attempt in range(1, ATTEMPTS + 1):
        try:
            answer = client.request(method, path, **options)
        except httpx.TransportError as error:
            if attempt == ATTEMPTS:
                raise ApiError(
                    f"no answer from {client.base_url} ({error}); TQS_API_URL names another address"
                ) from error
            time.sleep(1)
            continue
        if answer.is_success:
            return answer.json()
        if answer.status_code not in (429, 503) or attempt == ATTEMPTS:
            problem = answer.json()
            wrong = "".join(f"\n  {error['field']}: {error['message']}" for error in problem.get("errors", ()))
            raise ApiError(f"{problem['status']} {problem['title']}: {problem['detail']}{wrong}")
        time.sleep(float(answer.headers.get("Retry-After", 1)))
    raise AssertionError("not reached")


def read_all(client: httpx.Client, path: str, plural: str, **query: Any) -> list[Any]:
    """All rows of a list, page by page. Lists answer {<plural>: [...], total, limit, offset}, in a stable order."""
    rows: list[Any] = []
    while True:
        page = call(client, "GET", path, params={**query, "limit": 500, "offset": len(rows)})
        rows += page[plural]
        if len(rows) >= page["total"] or not page[plural]:
            return rows


def list_tutors(client: httpx.Client) -> list[Any]:
    """The tutors who reschedule most come first; rates are percentages, null where there is no session."""
    tutors = call(client, "GET", "/api/tutors", params={"sort_by": "reschedule_rate_30d", "limit": 5})["tutors"]
    for tutor in tutors:
        rate = tutor["reschedule_rate_30d"]
        told = "no session in 30 days" if rate is None else f"{rate:.1f} % of 30 days rescheduled"
        print(f"  {tutor['name']}: {told}{', high risk' if tutor['is_high_risk'] else ''}")
    return list(tutors)


def tell_of_a_session(client: httpx.Client, tutor_id: str, student_id: str) -> str:
    """A session when it is booked, and once more when its outcome is known: the same id, another status.

    The answer (202) comes when the session is durable. The same body again changes nothing, so a caller that saw no
    answer just sends it again.
    """
    now = datetime.now(UTC).replace(microsecond=0)
    session = {
        "session_id": str(uuid.uuid4()),
        "tutor_id": tutor_id,
        "student_id": student_id,
        "booked_at": (now - timedelta(days=7)).isoformat(),
        "scheduled_time": (now - timedelta(hours=2)).isoformat(),
        "duration_minutes": 60,
        "status": "scheduled",
    }
    call(client, "POST", "/api/sessions", json=session)
    call(client, "POST", "/api/sessions", json=session)
    outcome = {"status": "completed", "completed_time": (now - timedelta(hours=1)).isoformat()}
    told = call(client, "POST", "/api/sessions", json=session | outcome)
    print(f"  session {told['id']} is {told['status']}")
    return str(told["id"])


def book_a_session(client: httpx.Client, tutor_id: str, student_id: str) -> str:
    """Several sessions in one call: the valid ones are taken, each of the others is told with its place and fault."""
    ahead = datetime.now(UTC).replace(microsecond=0) + timedelta(days=3)
    session = {
        "session_id": str(uuid.uuid4()),
        "tutor_id": tutor_id,
        "student_id": student_id,
        "scheduled_time": ahead.isoformat(),
        "duration_minutes": 45,
        "status": "scheduled",
    }
    from_nobody = session | {"session_id": str(uuid.uuid4()), "tutor_id": str(uuid.uuid4())}
    answer = call(client, "POST", "/api/sessions/batch", json={"sessions": [session, from_nobody]})
    print(f"  {answer['accepted']} taken")
    for refused in answer["refused"]:
        print(f"  number {refused['index']} refused ({refused['status']}): {refused['detail']}")
    return str(session["session_id"])


def look_ahead(client: httpx.Client, session_id: str) -> None:
    """The sessions of a week, the riskiest first, and one of them predicted as of now with what moved it most."""
    riskiest = {"days_ahead": 7, "sort_by": "reschedule_probability", "sort_order": "desc"}
    sessions = read_all(client, "/api/upcoming-sessions", "sessions", **riskiest)
    print(f"  {len(sessions)} sessions within a week")
    one = call(client, "GET", f"/api/upcoming-sessions/{session_id}/predict")
    print(f"  the new one: {one['reschedule_probability']:.0%} to be rescheduled ({one['risk_level']} risk)")
    for reason in one["contributions"]:
        print(f"    {reason['effect']:+.2f} {reason['phrase']}")


def predict_and_explain(client: httpx.Client, student_id: str, tutor_id: str) -> None:
    """How probable it is that two part after their first session, and why, in figures and in words."""
    match = call(client, "GET", f"/api/matching/predict/{student_id}/{tutor_id}")
    print(f"  churn {match['churn_probability']:.0%} ({match['risk_level']} risk), by {match['model_version']}")
    why = call(client, "GET", f"/api/matching/explain/{student_id}/{tutor_id}")
    print(f"  {why['explanation']} (written by {'a language model' if why['source'] == 'llm' else 'rule'})")
    for reason in why["contributions"]:
        print(f"    {reason['effect']:+.2f} {reason['phrase']}")


def run_a_matching(client: httpx.Client, student_ids: list[str], tutor_ids: list[str]) -> None:
    """The assignment with the least churn in total. `capacity` says how many students a tutor takes at most."""
    body = {"student_ids": student_ids, "tutor_ids": tutor_ids, "capacity": 2}
    answer = call(client, "POST", "/api/matching/run-matching", json=body)
    for match in answer["matches"]:
        print(f"  student {match['student_id']} to tutor {match['tutor_id']}: churn {match['churn_probability']:.0%}")
    print(f"  total churn {answer['total_churn_risk']:.2f}, {len(answer['unmatched'])} without a tutor")


def ask_the_models(client: httpx.Client) -> None:
    """The model endpoints are stateless: records in, predictions out in the same order, nothing stored.

    Send up to 10,000 records at once: a thousand take little longer than one. A record that cannot be scored is
    answered in its place with its error.
    """
    soon = (datetime.now(UTC) + timedelta(days=2)).isoformat()
    past = [
        {"scheduled_time": "2026-01-05T15:00:00Z", "status": "completed"},
        {"scheduled_time": "2026-01-12T15:00:00Z", "status": "rescheduled", "initiator": "tutor"},
    ]
    session = {"scheduled_time": soon, "duration_minutes": 60, "tutor_history": past}
    student, tutor = {"age": 15, "preferred_pace": 4}, {"age": 30, "preferred_pace": 2}
    for path, records in {
        "/predict_match": [{"student": student, "tutor": tutor}, {"student": {"age": 900}, "tutor": tutor}],
        "/predict_reschedule": [session],
        "/predict_no_show": [session],
        "/score_tutors": [{"sessions": past, "as_of": "2026-01-20T00:00:00Z"}],
    }.items():
        for answer in call(client, "POST", path, json={"records": records}):
            if "error" in answer:
                print(f"  {path}: {answer['error']['field']} {answer['error']['message']}")
            elif "probability" in answer:
                print(f"  {path}: {answer['probability']:.1%}, {answer['risk_level']} risk, {answer['model_version']}")
            else:
                print(f"  {path}: {answer['reschedule_rate_30d']:.0f} % of 30 days rescheduled")


def main() -> None:
    """All of it, one after the other."""
    with open_client() as client:
        print("Tutors:")
        tutor_ids = [tutor["id"] for tutor in list_tutors(client)]
        page = call(client, "GET", "/api/matching/students", params={"limit": 5})
        student_ids = [student["id"] for student in page["students"]]
        if not tutor_ids or not student_ids:
            sys.exit("there is nobody to match yet; `make demo` makes a world, `tqs import` takes your own records")
        print("Sessions:")
        tell_of_a_session(client, tutor_ids[0], student_ids[0])
        booked = book_a_session(client, tutor_ids[0], student_ids[0])
        print("Ahead:")
        look_ahead(client, booked)
        print("A match:")
        predict_and_explain(client, student_ids[0], tutor_ids[0])
        print("A matching:")
        run_a_matching(client, student_ids, tutor_ids)
        print("The models:")
        ask_the_models(client)


if __name__ == "__main__":
    try:
        main()
    except ApiError as error:
        sys.exit(str(error))
