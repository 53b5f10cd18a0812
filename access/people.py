"""People who may see the dashboards, their roles, and whether a login of theirs is still good."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection, Engine, exists, func, insert, select, update

from access.audit import record_action
from access.passwords import generate_password, hash_password, is_password
from records.locking import run_alone
from records.tables.operations import ROLES, people
from tqs.errors import ConflictError, NotFoundError, UsageError

ADMIN: Final = "admin"  # whoever has the password of TQS_HOME; no row of `people`
LONGEST_LOGIN: Final = 320  # characters: the longest e-mail address
LONGEST_TYPED: Final = 1_000  # nothing longer is looked at


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who may log in, or might until they were removed.

    role: of `records.tables.operations.ROLES`. has_password: else they log in elsewhere (OAuth). security_stamp:
    another one with every new password and removal; a login made under a former one has ended.
    """

    login: str
    role: str
    is_active: bool
    has_password: bool
    security_stamp: UUID
    created_at: datetime


def read_login(text: str) -> str:
    """`text` as logins are stored and compared: Unicode's form NFKC, no blanks around it, no difference of case.

    Raises
    ------
    UsageError
        it has no printable characters, others too, or more than 320; or it is the built-in `admin`.
    """
    login = normalise(text)
    if not login:
        raise UsageError(f"a login is 1 to {LONGEST_LOGIN} printable characters, got {text[:LONGEST_LOGIN]!r}")
    if login == ADMIN:
        raise UsageError(
            f"{ADMIN} is built in, with the role admin and the password in TQS_HOME/dashboard-password; "
            "delete that file and start anew for another one, and choose another name for somebody else"
        )
    return login


def normalise(text: str) -> str:
    """`text` as a login would be stored; "" for what no login can be."""
    if len(text) > LONGEST_TYPED:
        return ""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).strip().casefold())
    return folded if folded.isprintable() and len(folded) <= LONGEST_LOGIN else ""


def find_person(engine: Engine, login: str) -> Person | None:
    """Who has this login, as `normalise` writes it, also where they were removed; None where nobody has."""
    with engine.connect() as connection:
        row = connection.execute(_SELECT.where(people.c.login == login)).one_or_none()
    return None if row is None else Person(**row._mapping)


def list_people(engine: Engine) -> list[Person]:
    """All people by login, those who were removed too."""
    with engine.connect() as connection:
        return [Person(**row._mapping) for row in connection.execute(_SELECT.order_by(people.c.login))]


def is_anybody_here(engine: Engine) -> bool:
    """Whether there is anybody besides `admin` who may log in."""
    with engine.connect() as connection:
        return bool(connection.scalar(select(exists().where(people.c.is_active))))


def check_password(engine: Engine, login: str, typed: str) -> Person | None:
    """Who has this login and password and may log in; None for all others. Takes 0.2 s of one core, whoever it is."""
    query = _SELECT.add_columns(people.c.password_hash).where(people.c.login == login, people.c.is_active)
    with engine.connect() as connection:
        row = connection.execute(query).one_or_none()
    # The stamp was read with the hash: where the password changes meanwhile, this login has ended as well.
    right = is_password(typed, None if row is None else row.password_hash)
    return Person(*row[:-1]) if right and row is not None else None


def add_person(engine: Engine, login: str, role: str, *, oauth: bool = False, actor: str) -> str | None:
    """Let somebody log in; their generated password, which is shown never again, or None with `oauth`.

    Whoever was removed comes back with this role and a new password.

    Raises
    ------
    UsageError
        a login or a role that is none.
    ConflictError
        they are here already.
    """
    login, role = read_login(login), _read_role(role)
    password = None if oauth else generate_password()
    values = {
        "role": role,
        "is_active": True,
        "password_hash": None if password is None else hash_password(password),
        "security_stamp": func.gen_random_uuid(),
    }
    with engine.begin() as connection:
        run_alone(connection, "people")
        former = _lock(connection, login)
        if former is not None and former.is_active:
            raise ConflictError(f"{login} is here already, as {former.role}; change it with: tqs people role")
        if former is None:
            connection.execute(insert(people).values(login=login, **values))
        else:
            _update(connection, login, values)
        details = {"role": role, "by": "oauth" if oauth else "password", "back": former is not None}
        record_action(connection, actor, "add person", login, details)
    return password


def change_role(engine: Engine, login: str, role: str, *, actor: str) -> str:
    """Give somebody another role, which counts from their next act on; the role they had.

    Raises
    ------
    UsageError, NotFoundError
        a role that is none; nobody of that login.
    """
    login, role = read_login(login), _read_role(role)
    with engine.begin() as connection:
        person = _require(connection, login)
        if person.role != role:
            _update(connection, login, {"role": role})
            record_action(connection, actor, "change role", login, {"from": person.role, "to": role})
    return person.role


def change_password(engine: Engine, login: str, *, actor: str) -> str:
    """A new password for somebody, which is shown never again; all logins with the former one have ended.

    Raises
    ------
    NotFoundError
        nobody of that login.
    ConflictError
        they log in elsewhere.
    """
    login, password = read_login(login), generate_password()
    values = {"password_hash": hash_password(password), "security_stamp": func.gen_random_uuid()}
    with engine.begin() as connection:
        person = _require(connection, login)
        if not person.has_password:
            raise ConflictError(
                f"{login} logs in elsewhere (OAuth) and has no password here; for one, remove them and add them anew"
            )
        _update(connection, login, values)
        record_action(connection, actor, "change password", login)
    return password


def remove_person(engine: Engine, login: str, *, actor: str) -> None:
    """Let somebody log in no more; all logins of theirs have ended. What they did stays in the audit log.

    Raises
    ------
    NotFoundError
        nobody of that login.
    """
    login = read_login(login)
    with engine.begin() as connection:
        _require(connection, login)
        values = {"is_active": False, "password_hash": None, "security_stamp": func.gen_random_uuid()}
        _update(connection, login, values)
        record_action(connection, actor, "remove person", login)


_SELECT: Final = select(
    people.c.login,
    people.c.role,
    people.c.is_active,
    people.c.password_hash.is_not(None).label("has_password"),
    people.c.security_stamp,
    people.c.created_at,
)


def _read_role(role: str) -> str:
    if role not in ROLES:
        raise UsageError(f"there is no role {role!r}; the roles are {', '.join(ROLES)}")
    return role


def _lock(connection: Connection, login: str) -> Person | None:
    row = connection.execute(_SELECT.where(people.c.login == login).with_for_update()).one_or_none()
    return None if row is None else Person(**row._mapping)


def _require(connection: Connection, login: str) -> Person:
    person = _lock(connection, login)
    if person is None or not person.is_active:
        raise NotFoundError(f"nobody here has the login {login!r}; see them with: tqs people list")
    return person


def _update(connection: Connection, login: str, values: dict[str, Any]) -> None:
    connection.execute(update(people).where(people.c.login == login).values(**values, updated_at=func.now()))
