"""Accounts and the projects that they belong to."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, text

__all__ = [
    "ACCOUNT_COLUMNS",
    "Account",
    "Project",
    "account_named",
    "accounts",
    "add_account",
    "has_admin",
    "note_failure",
    "note_sign_in",
    "project_named",
    "projects",
    "put_project",
    "set_disabled",
    "set_role",
]

ACCOUNT_COLUMNS = (
    "a.id, a.name, a.role, a.project, a.disabled, a.password, a.totp, a.totp_step, a.failures, a.wait_until"
)


@dataclass(frozen=True)
class Account:
    """Somebody who may sign in."""

    id: int
    name: str
    role: str
    project: str | None
    disabled: bool
    password: str | None = field(repr=False)  # argon2
    totp: bytes | None = field(repr=False)  # encrypted
    totp_step: int = 0
    failures: int = 0
    wait_until: datetime | None = None


@dataclass(frozen=True)
class Project:
    name: str
    condition: str


def add_account(
    connection: Connection, name: str, role: str, project: str | None, password: str | None, totp: bytes | None = None
) -> int | None:
    """Add an account and return its id, None if the name is taken."""
    made = connection.scalar(
        text(
            "insert into access.account (name, role, project, password, totp)"
            " values (:name, :role, :project, :password, :totp) on conflict (name) do nothing returning id"
        ),
        {"name": name, "role": role, "project": project, "password": password, "totp": totp},
    )
    return None if made is None else int(made)


def account_named(connection: Connection, name: str) -> Account | None:
    row = connection.execute(
        text(f"select {ACCOUNT_COLUMNS} from access.account a where a.name = :name"), {"name": name}
    ).one_or_none()
    return None if row is None else Account(**row._mapping)


def accounts(connection: Connection) -> list[Account]:
    """Return every account, by name."""
    return [
        Account(**row._mapping)
        for row in connection.execute(text(f"select {ACCOUNT_COLUMNS} from access.account a order by a.name"))
    ]


def has_admin(connection: Connection) -> bool:
    """Return whether somebody who can sign in is an admin."""
    return bool(
        connection.scalar(text("select exists (select from access.account where role = 'admin' and not disabled)"))
    )


def set_disabled(connection: Connection, name: str, disabled: bool) -> bool:
    """Disable or enable an account, and end its sessions; return whether there is one."""
    found = connection.scalar(
        text("update access.account set disabled = :disabled where name = :name returning id"),
        {"name": name, "disabled": disabled},
    )
    if found is not None and disabled:
        connection.execute(text("delete from access.session where account_id = :id"), {"id": found})
    return found is not None


def set_role(connection: Connection, account_id: int, role: str) -> None:
    connection.execute(text("update access.account set role = :role where id = :id"), {"id": account_id, "role": role})


def note_failure(connection: Connection, account_id: int, wait_seconds: float) -> None:
    """Count a wrong password; none is tried for ``wait_seconds``."""
    connection.execute(
        text(
            "update access.account set failures = failures + 1,"
            " wait_until = now() + make_interval(secs => :wait) where id = :id"
        ),
        {"id": account_id, "wait": wait_seconds},
    )


def note_sign_in(connection: Connection, account_id: int, totp_step: int | None) -> bool:
    """Forget wrong passwords and keep the step of the code that was used; False if that code was used before."""
    row = connection.execute(
        text(
            "update access.account set failures = 0, wait_until = null, totp_step = coalesce(:step, totp_step)"
            " where id = :id and (cast(:step as bigint) is null or totp_step < :step) returning id"
        ),
        {"id": account_id, "step": totp_step},
    ).one_or_none()
    return row is not None


def put_project(connection: Connection, name: str, condition: str) -> None:
    """Add a project, or give it another condition."""
    connection.execute(
        text(
            "insert into access.project (name, condition) values (:name, :condition)"
            " on conflict (name) do update set condition = excluded.condition"
        ),
        {"name": name, "condition": condition},
    )


def project_named(connection: Connection, name: str) -> Project | None:
    row = connection.execute(
        text("select name, condition from access.project where name = :name"), {"name": name}
    ).one_or_none()
    return None if row is None else Project(**row._mapping)


def projects(connection: Connection) -> list[Project]:
    """Return every project, by name."""
    return [
        Project(**row._mapping)
        for row in connection.execute(text("select name, condition from access.project order by name"))
    ]
