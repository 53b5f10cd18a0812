"""What tqs needs, checked one by one."""

from __future__ import annotations

import platform
import shutil
import sys
from dataclasses import dataclass

from bentos.preflight import check_settings
from records.columns import TARGETS
from records.engine import connect, explain_outage
from records.migrate import current_revision, head_revision
from tqs.cli.up import parts_of, require_free
from tqs.errors import SettingsError, TqsError
from tqs.private_files import ensure_private_folder
from tqs.settings import Settings

ROOMY_DISK_BYTES = 2 * 1024**3


@dataclass(frozen=True)
class Finding:
    """One thing that was checked, and what was found."""

    what: str
    ok: bool
    found: str


def examine(settings: Settings) -> list[Finding]:
    """Check Python, disk, settings, ports, database, schema, models; what needs a database that is gone is left out."""
    try:
        ensure_private_folder(settings.home)
    except OSError as error:
        return [Finding("home", False, f"{settings.home} cannot be used ({error}); name another folder in TQS_HOME")]
    free = shutil.disk_usage(settings.home).free
    findings = [
        Finding("python", (3, 11) <= sys.version_info[:2] <= (3, 13), platform.python_version()),
        Finding("disk", free > ROOMY_DISK_BYTES, f"{free / 1024**3:.1f} GiB free for {settings.home}"),
    ]
    try:
        check_settings(settings)
    except SettingsError as error:
        findings.append(Finding("settings", False, str(error)))
    for part in parts_of(settings, []):
        try:
            require_free(part)
        except TqsError:
            # Not wrong in itself: `tqs up` may be running in another terminal.
            findings.append(Finding(f"port {part.port}", True, f"in use ({part.name})"))
        else:
            if part.port is not None:
                findings.append(Finding(f"port {part.port}", True, f"free ({part.name})"))
    try:
        return findings + _examine_database(settings)
    except TqsError as error:
        return [*findings, Finding("database", False, str(error))]


def _examine_database(settings: Settings) -> list[Finding]:
    from modelling.store import champion_versions  # pulls in XGBoost: only after the database answered

    databases = connect(settings)
    with explain_outage(databases.app), databases.app.connect() as connection:
        revision = current_revision(connection)
        current = revision in (None, head_revision())  # every command that needs a schema makes it
        findings = [
            Finding("database", True, databases.app.url.render_as_string(hide_password=True)),
            Finding("schema", current, f"{revision or 'none yet'}" + ("" if current else "; run: tqs db upgrade")),
        ]
    if revision != head_revision():
        return findings
    champions = champion_versions(databases.app)
    return findings + [
        Finding(f"model {target}", True, champions.get(target, "the rule answers (no model yet)")) for target in TARGETS
    ]
