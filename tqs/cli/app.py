"""The commands, gathered: what `tqs --help` shows."""

from __future__ import annotations

import typer

from tqs.cli import data, database, drift, interventions, looking_back, models, people, process, running, why

app = typer.Typer(
    name="tqs",
    help="Tutor Quality Scoring: session records in, trusted probabilities out.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
for room in (data, models, drift, why, looking_back, process, running, people):
    room.add_commands(app)
app.add_typer(models.models_app, name="models")
app.add_typer(interventions.app, name="interventions")
app.add_typer(running.keys_app, name="keys")
app.add_typer(people.people_app, name="people")
app.add_typer(database.app, name="db")
