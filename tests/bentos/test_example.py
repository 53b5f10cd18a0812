"""The documented example of a client runs against the live service as it stands."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import httpx
from sqlalchemy import text

from access.keys import create_key
from tests.bentos.conftest import Service
from tests.bentos.test_matching_people import create

EXAMPLE = Path(__file__).parents[2] / "examples" / "use_the_api.py"


def run_example(**environment: str) -> subprocess.CompletedProcess[str]:
    others = {name: value for name, value in os.environ.items() if not name.startswith("TQS_")}
    return subprocess.run(
        [sys.executable, str(EXAMPLE)],
        env=others | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_example_runs_with_a_key_that_may_read_and_ingest(service: Service, admin: httpx.Client) -> None:
    create(admin, "tutors", age=30, preferred_pace=2)
    create(admin, "students", age=15, preferred_pace=4)
    key = create_key(service.engine, "example", scopes=["read", "ingest"])

    ran = run_example(TQS_API_URL=service.url, TQS_API_KEY=key)

    try:
        assert ran.returncode == 0, ran.stderr
        assert not ran.stderr
        for said in (
            r"^  session [0-9a-f-]{36} is completed$",
            r"^  1 taken$",
            r"^  number 1 refused \(404\): .*no tutor",
            r"^  \d+ sessions? within a week$",
            r"^  the new one: \d+% to be rescheduled \((low|medium|high) risk\)$",
            r"^  churn \d+% \((low|medium|high) risk\), by rule$",
            r"continue together\. .* \(written by rule\)$",
            r"^    \+0\.\d\d \w+",
            r"^  total churn \d\.\d\d, \d without a tutor$",
            # 0.3 · 2/4 + 0.3 · 0.5 + 0.2 · 2.5/4 + 0.2 · 15/20
            r"^  /predict_match: 57\.5%, medium risk, rule$",
            r"^  /predict_match: student\.age 900 lies outside of 0 to 120$",
            r"^  /predict_reschedule: 10\.0%, low risk, rule$",
            r"^  /predict_no_show: 3\.0%, low risk, rule$",
            r"^  /score_tutors: 50 % of 30 days rescheduled$",
        ):
            assert re.search(said, ran.stdout, re.MULTILINE), f"{said} is not in\n{ran.stdout}"
    finally:  # other tests look at the queue
        with service.engine.begin() as connection:
            connection.execute(
                text("DELETE FROM work_items w USING sessions s WHERE s.id = w.session_id AND s.source = 'api'")
            )


def test_the_example_says_what_is_missing(service: Service) -> None:
    assert "set TQS_API_KEY" in run_example().stderr
    refused = run_example(TQS_API_URL=service.url, TQS_API_KEY="tqs_wrong")
    assert refused.returncode == 1
    assert refused.stderr.startswith("401 Unauthorized: ")
    assert "Traceback" not in refused.stderr
