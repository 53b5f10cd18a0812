"""MLflow shows who serves: after a person changed it, its aliases follow. Our database decides, so it may fail."""

from __future__ import annotations

import subprocess
import sys
from typing import Final

from modelling.store import list_models
from records.engine import Databases, open_databases
from tqs.errors import TqsError
from tqs.settings import Settings, load_settings

_FAILED: Final = 1


def mirror_champion(databases: Databases, settings: Settings, target: str) -> str | None:
    """Let the aliases of a target in MLflow say what our database says; why they cannot, None where they do."""
    from modelling.registry import LabBook, mirror_aliases  # noqa: PLC0415  # imports MLflow: seconds, and 200 MB

    try:
        book = LabBook(databases.url_of("mlflow"), settings.home / "mlruns")
        mirror_aliases(book, target, list_models(databases.app, target))
    except TqsError as error:
        return str(error)
    return None


def mirror_champion_aside(target: str) -> str | None:
    """As `mirror_champion` with the settings of the environment, in a process of its own that takes MLflow with it."""
    child = subprocess.run(  # noqa: S603  # our own interpreter and module
        [sys.executable, "-m", "modelling.mirror", target],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    if child.returncode == 0:
        return None
    lines = child.stderr.strip().splitlines()
    return lines[-1] if lines else f"the process ended with {child.returncode}"


def main() -> int:
    """Mirror the target that the command line names; the exit status, with the trouble on standard error."""
    settings = load_settings()
    try:
        with open_databases(settings) as databases:
            trouble = mirror_champion(databases, settings, sys.argv[1])
    except TqsError as error:
        trouble = str(error)
    sys.stderr.write(f"{trouble}\n" if trouble else "")
    return _FAILED if trouble else 0


if __name__ == "__main__":
    sys.exit(main())
