"""The environment variables that Prefect and the processes of `tqs up` read; nothing of theirs leaves `TQS_HOME`."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from records.engine import Databases
from tqs.loopback import answers
from tqs.private_logs import leave_values_unlogged
from tqs.settings import Settings

QUIET = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_CLI_COLORS": "false",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "180",  # 20 by default: too few on a busy machine
    "DO_NOT_TRACK": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
}


def quiet_run_logs() -> None:
    """Keep what is no help, or may be a person's, out of what Prefect logs of runs; called inside each flow.

    A task that returned a failed state has an empty traceback ("NoneType: None"), and the cause of a database error
    may quote the row. What happened stays: the frames, the types, and the sentence in the state.
    """
    for name in ("prefect.flow_runs", "prefect.task_runs"):
        logger = logging.getLogger(name)
        logger.addFilter(_drop_empty_traceback)
        leave_values_unlogged(logger)


def _drop_empty_traceback(record: logging.LogRecord) -> bool:
    if record.exc_info == (None, None, None):
        record.exc_info = None
    return True


def use_prefect(settings: Settings, databases: Databases) -> dict[str, str]:
    """What a flow needs that runs in this process; set it before `prefect` is imported.

    Runs go to the server of `tqs up` where it answers, else to a temporary one on the same database, so that they
    show up in the server's pages when it starts.
    """
    environment = _prefect_environment(settings, databases)
    address = _address_file(settings)
    if not address.exists() or not answers(f"{address.read_text(encoding='utf-8')}/health"):
        del environment["PREFECT_API_URL"]
        # Ctrl-C stops the temporary server too: by default Prefect would call the dead one again for minutes.
        environment["PREFECT_CLIENT_MAX_RETRIES"] = "1"
    return environment


@contextmanager
def announced_server(settings: Settings) -> Iterator[None]:
    """While inside, commands on this home send their runs to the server of its `tqs up`.

    Without the announcement a command would take any Prefect on the port for its own, another home's too.
    """
    address = _address_file(settings)
    address.parent.mkdir(parents=True, exist_ok=True)
    address.write_text(_api_url(settings), encoding="utf-8")
    try:
        yield
    finally:
        address.unlink(missing_ok=True)


def serve_environment(settings: Settings, databases: Databases) -> dict[str, str]:
    """What the processes of `tqs up` need; passwords travel here and never in an argument."""
    return _prefect_environment(settings, databases) | {
        "TQS_HOME": str(settings.home),
        "BENTOML_HOME": str(settings.home / "bentoml"),
        "BENTOML_CONFIG_OPTIONS": f"services.TutorQuality.workers={settings.api_workers}",
        "MLFLOW_BACKEND_STORE_URI": databases.url_of("mlflow"),
        "MLFLOW_ARTIFACTS_DESTINATION": (settings.home / "mlruns").as_uri(),
    }


def _prefect_environment(settings: Settings, databases: Databases) -> dict[str, str]:
    environment = {
        **QUIET,
        "PREFECT_HOME": str(settings.home / "prefect"),
        "PREFECT_API_URL": _api_url(settings),
        # Its default lets any page in any browser of this machine call the server, which can start flows.
        "PREFECT_SERVER_API_CORS_ALLOWED_ORIGINS": ",".join(
            f"http://{host}:{settings.prefect_port}" for host in ("127.0.0.1", "localhost")
        ),
    }
    if not databases.embedded:  # the embedded server lacks an extension that Prefect's schema wants
        url = databases.url_of("prefect").replace("postgresql+psycopg2://", "postgresql+asyncpg://", 1)
        environment["PREFECT_API_DATABASE_CONNECTION_URL"] = url
    return environment


def _api_url(settings: Settings) -> str:
    return f"http://127.0.0.1:{settings.prefect_port}/api"


def _address_file(settings: Settings) -> Path:
    return settings.home / "prefect" / "api-url"
