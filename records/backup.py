"""Backup and restore of the application's database, by PostgreSQL's own pg_dump, pg_restore and psql."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

from sqlalchemy import Engine, text

from records.engine import explain_outage, load_pgserver
from tqs.errors import RecordsError


def back_up(engine: Engine, file: Path) -> None:
    """Write the database to `file` in pg_dump's custom format; an existing file is replaced only once that is done.

    Raises
    ------
    RecordsError
        no pg_dump as new as the server, no space, no access: with pg_dump's own words.
    """
    part = file.with_name(file.name + ".part")
    try:
        part.touch(mode=0o600)
        options = ("--format=custom", "--no-owner", "--no-privileges", f"--file={part}")
        _run("pg_dump", engine, _name_database(engine), *options)
        part.replace(file)
    except OSError as error:
        raise RecordsError(f"the backup {file} cannot be written ({error})") from error
    finally:
        part.unlink(missing_ok=True)


def restore(engine: Engine, file: Path) -> None:
    """Put the database back to what `file` holds, in one transaction: where it fails, nothing has changed.

    The whole schema gives way, also tables that are newer than the backup, so that the next upgrade finds what the
    backup's revision says. The backup is unpacked first, into the folder of temporary files (TMPDIR).

    Raises
    ------
    RecordsError
        a file that is not there or is no backup, no space to unpack it, or the server's refusal.
    """
    if not file.is_file():
        raise RecordsError(f"the backup {file} does not exist; `tqs db backup FILE` makes one")
    engine.dispose()
    with tempfile.TemporaryDirectory(prefix="tqs-restore-") as folder:  # open to its owner only
        script = Path(folder) / "records.sql"
        _run("pg_restore", engine, "--no-owner", "--no-privileges", f"--file={script}", str(file))
        empty = (f"--command={statement}" for statement in _EMPTY_SCHEMA)
        options = ("--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--single-transaction")
        _run("psql", engine, _name_database(engine), *options, *empty, f"--file={script}")


_EMPTY_SCHEMA: Final = (
    "SET client_min_messages = warning",  # else the first line of what psql says lists what goes
    "DROP SCHEMA public CASCADE",
    "CREATE SCHEMA public",
    "GRANT USAGE ON SCHEMA public TO PUBLIC",
)


def _name_database(engine: Engine) -> str:
    return f"--dbname={engine.url.set(drivername='postgresql', password=None).render_as_string()}"


def _run(program: str, engine: Engine, *arguments: str) -> None:
    password = engine.url.password
    environment = os.environ | ({"PGPASSWORD": password} if password else {})
    command = [_find(program, engine), *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode != 0:
        said = (done.stderr.strip().splitlines() or ["no message"])[0]
        raise RecordsError(f"{program} failed ({said}); nothing has been changed")


def _find(program: str, engine: Engine) -> str:
    """The oldest of the embedded wheel's program and the one on the PATH that is not older than the server.

    A newer pg_restore sets what an older server does not know, and an older pg_dump refuses a newer server.
    """
    with explain_outage(engine), engine.connect() as connection:
        server = int(str(connection.scalar(text("SHOW server_version_num")))) // 10_000
    wheel = Path(str(load_pgserver().__file__)).parent / "pginstall18" / "bin"
    found = {_version(path): path for path in (shutil.which(program, path=str(wheel)), shutil.which(program)) if path}
    fitting = [version for version in found if version >= server]
    if not fitting:
        raise RecordsError(f"no {program} for PostgreSQL {server} was found; install its client programs")
    return found[min(fitting)]


def _version(program: str) -> int:
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)  # noqa: S603
    number = re.search(r"\) (\d+)", said.stdout)
    return int(number[1]) if number else 0
