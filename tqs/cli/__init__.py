"""The `tqs` command. Thin: each command calls one function of a room and prints what it returns.

Exit status: 0 done, 1 it could not be done (one sentence says why), 2 wrong usage.
"""

from __future__ import annotations

import sys

import typer

from tqs.cli import data, database, models, running
from tqs.errors import TqsError, UsageError

app = typer.Typer(
    name="tqs",
    help="Tutor Quality Scoring: session records in, trusted probabilities out.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
for room in (data, models, running):
    room.add_commands(app)
app.add_typer(models.models_app, name="models")
app.add_typer(running.keys_app, name="keys")
app.add_typer(database.app, name="db")


def main() -> None:
    """Run the command line; an expected failure is one sentence on stderr and exit status 1, or 2 for wrong usage."""
    try:
        app()
    except TqsError as error:
        print(f"tqs: {error}", file=sys.stderr)
        sys.exit(2 if isinstance(error, UsageError) else 1)
    except BrokenPipeError:  # `tqs ... | head`
        sys.exit(0)
    except OSError as error:  # a full disk, a folder that is not ours
        print(f"tqs: the system refused ({error}); what was being written is not complete", file=sys.stderr)
        sys.exit(1)
