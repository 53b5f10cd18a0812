"""The live service under requests made from its own OpenAPI document, valid and invalid ones.

No answer may be a 5xx or outside of the document, and every route has to refuse a missing key. What was sent and
what was left out is printed, whether it passes or not.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL, Engine, text

from access.keys import create_key
from benchmarks._model import make_artifact
from modelling.store import promote, save_challenger
from records.columns import TARGETS
from records.engine import create_app_engine
from records.load import write_world
from records.world import make_world
from scoring.jobs import score_all
from tests.bentos.conftest import serving
from tests.conftest import temporary_database
from tqs.settings import load_settings

Count = Callable[[str, object], None]
FEW, MANY = 6, 60  # requests made up for each route, beside the systematic ones
CONFIG = Path(__file__).with_name("schemathesis.toml")
TOOL = Path(sys.executable).with_name("schemathesis")


@pytest.fixture(scope="module")
def populated(template_url: URL, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str, Engine]]:
    """A service with a small world, scores and models: its address, a key of all scopes, its engine."""
    home = tmp_path_factory.mktemp("fuzzed")
    now = datetime.now(UTC)
    with temporary_database(template_url, template=template_url.database) as database:
        engine = create_app_engine(database)
        write_world(engine, make_world(8, 10, 90, end=now.date()))
        for target in TARGETS:
            version = save_challenger(engine, make_artifact(target)).version
            promote(engine, target, version, expected_champion=None, reason="a test", actor="test")
        score_all(engine, load_settings(home=home), now)
        key = create_key(engine, "fuzz", scopes=["admin"])
        with serving(database, home, TQS_RATE_LIMIT="1000000/minute", TQS_WEBHOOK_SECRET="w" * 32) as (url, _, log):
            yield url, key, engine
            assert "Traceback" not in log.read_text()
        engine.dispose()


def test_made_up_requests(populated: tuple[str, str, Engine], tmp_path: Path, record_property: Count) -> None:
    url, key, _ = populated
    report = fuzz(url, key, tmp_path, record_property, examples=FEW)
    assert report["operations"]["tested"] == report["operations"]["total"] >= 30


@pytest.mark.long
def test_made_up_requests_about_people_and_sessions_there_are(
    populated: tuple[str, str, Engine], tmp_path: Path, record_property: Count
) -> None:
    url, key, engine = populated
    fuzz(url, key, tmp_path, record_property, examples=FEW, parameters=ids_of(engine))


@pytest.mark.long
def test_many_made_up_requests(populated: tuple[str, str, Engine], tmp_path: Path, record_property: Count) -> None:
    url, key, engine = populated
    fuzz(url, key, tmp_path, record_property, examples=MANY)
    fuzz(url, key, tmp_path, record_property, examples=MANY, parameters=ids_of(engine))


def fuzz(
    url: str,
    key: str,
    folder: Path,
    count: Count,
    *,
    examples: int,
    parameters: dict[str, str] | None = None,
) -> dict[str, Any]:
    """Run the tool against the service; its report. parameters: values that path parameters are given.

    count: pytest's `record_property`; what it is given is in the summary of the run.
    """
    config = folder / "schemathesis.toml"
    fixed = "".join(f'"path.{name}" = "{value}"\n' for name, value in (parameters or {}).items())
    config.write_text(CONFIG.read_text() + (f"\n[parameters]\n{fixed}" if fixed else ""))
    found = folder / "report.json"
    command = [str(TOOL), "--no-color", "--config-file", str(config), "run", f"{url}/docs.json", "--url", url]
    command += ["-H", f"X-API-Key: {key}", "--max-examples", str(examples), "--request-timeout", "25"]
    command += ["--report", "json", "--report-json-path", str(found)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert found.exists(), done.stdout + done.stderr
    report: dict[str, Any] = json.loads(found.read_text())
    count("counted", f"routes {report['operations']}, cases {report['test_cases']}")
    assert report["complete"], done.stdout
    assert not report["operations"]["skipped"], report["operations"]
    assert done.returncode == 0, done.stdout
    return report


def ids_of(engine: Engine) -> dict[str, str]:
    """An id that exists for each path parameter."""
    with engine.connect() as connection:
        tutor = connection.scalar(text("SELECT id FROM tutors WHERE is_active ORDER BY id LIMIT 1"))
        student = connection.scalar(text("SELECT id FROM students ORDER BY id LIMIT 1"))
        session = connection.scalar(
            text("SELECT id FROM sessions WHERE status = 'scheduled' ORDER BY scheduled_time DESC, id LIMIT 1")
        )
    return {"tutor_id": str(tutor), "student_id": str(student), "session_id": str(session)}
