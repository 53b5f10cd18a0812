"""Who may see the dashboards and what they may do: `tqs people ...`; what everybody did: `tqs audit`."""

from __future__ import annotations

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from tqs.cli.data import AsJson
from tqs.cli.output import print_json, print_table
from tqs.cli.person import name_person
from tqs.settings import load_settings

if TYPE_CHECKING:
    from access.people import Person

people_app = typer.Typer(help="Who may see the dashboards: add, list, role, password, remove.", no_args_is_help=True)
Login = Annotated[str, typer.Argument(help="The name they log in with, such as their e-mail address.")]


def add_commands(app: typer.Typer) -> None:
    """Add this file's commands to the command line."""
    app.command()(audit)


@people_app.command("add")
def add_person(
    login: Login,
    role: Annotated[str, typer.Option(help="viewer looks, coach acts on sessions and tutors, admin also on models.")],
    oauth: Annotated[bool, typer.Option("--oauth", help="They log in elsewhere and have no password here.")] = False,
) -> None:
    """Let somebody see the dashboards, and print their password once. Example: tqs people add ada --role coach.

    Whoever was removed comes back, with a new password.
    """
    from access.people import add_person as run
    from records.engine import open_databases

    with open_databases(load_settings()) as databases:
        password = run(databases.app, login, role, oauth=oauth, actor=name_person())
    if password is None:
        print(f"{login} may log in by OAuth, as {role}")
    else:
        print(f"password of {login}, shown this once:", file=sys.stderr)
        print(password)


@people_app.command("list")
def list_people(json: AsJson = False) -> None:
    """List who may log in, and who might until they were removed. Example: tqs people list."""
    from access.people import ADMIN
    from access.people import list_people as run
    from records.engine import open_databases

    with open_databases(load_settings()) as databases:
        rows = [_show(person) for person in run(databases.app)]
    if json:
        print_json(rows)
    else:
        print_table(rows, empty=f"nobody but {ADMIN} yet; let somebody in with: tqs people add LOGIN --role viewer")


@people_app.command("role")
def change_role(login: Login, role: Annotated[str, typer.Argument(help="viewer, coach or admin.")]) -> None:
    """Give somebody another role; it counts from their next act on. Example: tqs people role ada admin."""
    from access.people import change_role as run
    from records.engine import open_databases

    with open_databases(load_settings()) as databases:
        former = run(databases.app, login, role, actor=name_person())
    print(f"{login} is {role} (was {former})")


@people_app.command("password")
def change_password(login: Login) -> None:
    """Print a new password for somebody once; logins with the old one end at once. Example: tqs people password ada."""
    from access.people import change_password as run
    from records.engine import open_databases

    with open_databases(load_settings()) as databases:
        password = run(databases.app, login, actor=name_person())
    print(f"new password of {login}, shown this once:", file=sys.stderr)
    print(password)


@people_app.command("remove")
def remove_person(login: Login) -> None:
    """Let somebody in no more; what they have open ends at once. Example: tqs people remove ada."""
    from access.people import remove_person as run
    from records.engine import open_databases

    with open_databases(load_settings()) as databases:
        run(databases.app, login, actor=name_person())
    print(f"removed {login}")


def audit(
    last: Annotated[int, typer.Option(help="How many actions.", min=1, max=100_000)] = 50,
    json: AsJson = False,
) -> None:
    """List who did what to what, the newest first. Example: tqs audit --last 20."""
    from access.audit import list_actions
    from records.engine import open_databases

    with open_databases(load_settings()) as databases:
        actions = [asdict(action) for action in list_actions(databases.app, last)]
    if json:
        print_json(actions)
    else:
        print_table(actions, empty="nothing yet")


def _show(person: Person) -> dict[str, object]:
    return {
        "login": person.login,
        "role": person.role,
        "active": person.is_active,
        "by": ("password" if person.has_password else "oauth") if person.is_active else None,
        "created_at": person.created_at,
    }
