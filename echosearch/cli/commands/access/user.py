"""echosearch user: accounts of the server, projects, tokens."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from echosearch.archive import open_archive
from echosearch.cli.audited import recorded
from echosearch.cli.lazy import LazyGroup
from echosearch.cli.output import note, say, say_json, table
from echosearch.errors import InputError
from echosearch.settings import load_settings

__all__ = ["COMMANDS", "add", "disable", "link", "project", "show_list", "token", "user"]

ROLES = ("searcher", "clinician", "researcher", "admin", "auditor")
COMMANDS: dict[str, tuple[str, str]] = {
    "add": ("echosearch.cli.commands.access.user:add", "Add an account."),
    "list": ("echosearch.cli.commands.access.user:show_list", "List accounts, projects and tokens."),
    "disable": ("echosearch.cli.commands.access.user:disable", "Disable an account, or enable it."),
    "link": ("echosearch.cli.commands.access.user:link", "Link an account with somebody of the OpenID provider."),
    "token": ("echosearch.cli.commands.access.user:token", "Make a token for a program, or revoke it."),
    "project": ("echosearch.cli.commands.access.user:project", "Make a part of the archive that accounts are held to."),
}


@click.group(cls=LazyGroup, lazy=COMMANDS, short_help="Accounts of the server, projects, tokens.")
def user() -> None:
    """Say who may sign in to `echosearch serve`, as what, and which part of the archive they see.

    \b
    echosearch user add sato --role clinician --totp
    echosearch user project mr2020 --where "date >= 2020-01 and age >= 65"
    echosearch user add suzuki --role researcher --project mr2020
    echosearch user token suzuki notebook --days 90 --right search --right export
    """


@click.command(short_help="Add an account.")
@click.argument("name")
@click.option("--role", type=click.Choice(ROLES), required=True, help="What it may do (docs/serve.md).")
@click.option("--project", help="The only part of the archive that it sees.")
@click.option("--totp", is_flag=True, help="A second factor: prints what an authenticator reads.")
@click.option("--password-file", type=click.Path(path_type=Path), metavar="FILE", help="Instead of asking for it.")
def add(name: str, role: str, project: str | None, totp: bool, password_file: Path | None) -> None:
    """Add the account NAME; its password is asked for.

    \b
    echosearch user add sato --role clinician --totp
    echosearch user add root --role admin --password-file secret.txt
    """
    from echosearch.access.password import check_password, hash_password, new_totp, totp_uri
    from echosearch.access.trail import open_trail
    from echosearch.db.access.accounts import add_account, project_named

    check_account_name(name)
    password = _password(password_file)
    check_password(password)
    secret = new_totp() if totp else None
    with open_archive(load_settings()) as archive:
        trail = open_trail(archive)
        recorded(archive, f"account add {name}")
        with archive.engine.begin() as connection:
            if project is not None and project_named(connection, project) is None:
                raise InputError(f"no project {project}: make it with echosearch user project")
            sealed = trail.keys.seal(secret) if secret is not None else None
            if add_account(connection, name, role, project, hash_password(password), sealed) is None:
                raise InputError(f"there is an account {name}: give another name")
    note(f"account {name} added")
    if secret is not None:
        note("keep this in an authenticator, it is not shown again:")
        say(totp_uri(name, secret))


@click.command("list", short_help="List accounts, projects and tokens.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def show_list(as_json: bool) -> None:
    """List the accounts with their roles, the projects, the tokens, and whom of the provider each is linked with.

    \b
    echosearch user list
    echosearch user list --json
    """
    from echosearch.db.access.accounts import accounts, projects
    from echosearch.db.access.identities import identities
    from echosearch.db.access.sessions import stored_tokens

    with open_archive(load_settings()) as archive, archive.engine.connect() as connection:
        shown: dict[str, list[dict[str, Any]]] = {
            "accounts": [
                {
                    "name": one.name,
                    "role": one.role,
                    "project": one.project,
                    "disabled": one.disabled,
                    "two_factors": one.totp is not None,
                }
                for one in accounts(connection)
            ],
            "projects": [{"name": one.name, "condition": one.condition} for one in projects(connection)],
            "tokens": [
                {
                    "account": one.account,
                    "name": one.name,
                    "rights": list(one.rights),
                    "expires_at": one.expires_at.isoformat(),
                    "revoked": one.revoked,
                }
                for one in stored_tokens(connection)
            ],
            "identities": [asdict(one) for one in identities(connection)],
        }
    if as_json:
        say_json(shown)
        return
    for kind, rows in shown.items():
        if rows:
            say(f"{kind}:")
            cells = [[" ".join(cell) if isinstance(cell, list) else cell for cell in row.values()] for row in rows]
            table([*rows[0]], cells)


@click.command(short_help="Disable an account, or enable it.")
@click.argument("name")
@click.option("--enable", is_flag=True, help="The opposite.")
def disable(name: str, enable: bool) -> None:
    """Disable the account NAME: its sessions and tokens end at once.

    \b
    echosearch user disable suzuki
    echosearch user disable suzuki --enable
    """
    from echosearch.db.access.accounts import set_disabled

    with open_archive(load_settings()) as archive:
        recorded(archive, f"account {'enable' if enable else 'disable'} {name}")
        with archive.engine.begin() as connection:
            if not set_disabled(connection, name, not enable):
                raise InputError(f"no account {name}: echosearch user list shows them")
    note(f"account {name} {'enabled' if enable else 'disabled'}")


@click.command(short_help="Link an account with somebody of the OpenID provider.")
@click.argument("account")
@click.option("--subject", required=True, metavar="SUBJECT", help="The claim sub of the provider's tokens.")
@click.option("--remove", is_flag=True, help="The opposite; the account's sessions end.")
def link(account: str, subject: str, remove: bool) -> None:
    """Let whom the provider (ECHOSEARCH_OIDC_ISSUER) calls SUBJECT sign in as ACCOUNT.

    The subject of somebody who was refused is in the audit: echosearch audit show --open.

    \b
    echosearch user link sato --subject 8f2c1d7e
    echosearch user link sato --subject 8f2c1d7e --remove
    """
    from echosearch.access.oidc.configuration import oidc_client
    from echosearch.db.access.accounts import account_named
    from echosearch.db.access.identities import link_account, unlink_account

    settings = load_settings()
    client = oidc_client(settings)
    if client is None:
        raise InputError("ECHOSEARCH_OIDC_ISSUER is not set: it is the provider that knows the subject")
    with open_archive(settings) as archive, archive.engine.begin() as connection:
        found = account_named(connection, account)
        if found is None:
            raise InputError(f"no account {account}: echosearch user list shows them")
        recorded(archive, f"account {'unlink' if remove else 'link'} {account}", query=f"subject {subject}")
        if remove:
            if not unlink_account(connection, found.id, client.issuer, subject):
                raise InputError(f"{account} is not linked with this subject of {client.issuer}")
        elif not link_account(connection, found.id, client.issuer, subject):
            raise InputError("this subject has an account already: echosearch user list shows it")
    note(f"account {account} {'unlinked' if remove else 'linked'}")


@click.command(short_help="Make a token for a program, or revoke it.")
@click.argument("account")
@click.argument("name")
@click.option("--days", type=click.IntRange(1, 366), default=90, show_default=True, help="Until it expires.")
@click.option("--right", "rights", multiple=True, help="A right of its role; may be given again. Default: search, see.")
@click.option("--reason", default="", help="Why patients are looked up, for identifiers.")
@click.option("--revoke", is_flag=True, help="Revoke it instead.")
def token(account: str, name: str, days: int, rights: tuple[str, ...], reason: str, revoke: bool) -> None:
    """Make the token NAME for a program that acts as ACCOUNT, and print it once; a digest of it is stored.

    \b
    echosearch user token suzuki notebook --right search --right see --right export
    echosearch user token suzuki notebook --revoke
    """
    from echosearch.access.password import digest, new_secret
    from echosearch.access.rights import RIGHTS, Right
    from echosearch.access.trail import open_trail
    from echosearch.db.access.accounts import account_named
    from echosearch.db.access.sessions import add_token, revoke_token
    from echosearch.db.access.viewer import Role

    with open_archive(load_settings()) as archive:
        trail = open_trail(archive)
        with archive.engine.begin() as connection:
            found = account_named(connection, account)
            if found is None:
                raise InputError(f"no account {account}: echosearch user list shows them")
            wanted = rights or ("search", "see")
            allowed = RIGHTS[Role(found.role)]
            if wrong := [one for one in wanted if one not in allowed]:
                known = ", ".join(sorted(allowed - {Right.SELF}))
                raise InputError(f"--right {wrong[0][:40]}: a {found.role} has {known}")
            recorded(archive, f"token {'revoke' if revoke else 'add'} {account}/{name}")
            if revoke:
                if not revoke_token(connection, found.id, name):
                    raise InputError(f"{account} has no token {name}")
                note(f"token {name} of {account} revoked")
                return
            check_account_name(name)
            secret = new_secret()
            sealed = trail.keys.seal(reason.encode()) if reason else None
            if not add_token(connection, found.id, name, digest(secret), [*wanted], days, sealed):
                raise InputError(f"{account} has a token {name}: give another name")
    note("keep it, it is not shown again:")
    say(secret)


@click.command(short_help="Make a part of the archive that accounts are held to.")
@click.argument("name")
@click.option("--where", "condition", required=True, help='On age, sex and date, such as "date >= 2020-01".')
def project(name: str, condition: str) -> None:
    """Save the project NAME: its accounts see the studies that meet the condition, and no others.

    \b
    echosearch user project mr2020 --where "date >= 2020-01 and age >= 65"
    """
    from echosearch.db.access.accounts import put_project
    from echosearch.db.access.viewer import SCOPE_FIELDS
    from echosearch.filters import fields_of
    from echosearch.search.filter_parser import parse_where

    check_account_name(name)
    if not fields_of(parse_where(condition)) <= SCOPE_FIELDS:
        raise InputError("--where of a project is on age, sex and date alone: a study has one of each")
    with open_archive(load_settings()) as archive:
        recorded(archive, f"project {name}")
        with archive.engine.begin() as connection:
            put_project(connection, name, condition)
    note(f"project {name} saved")


def check_account_name(name: str) -> None:
    """Raise InputError on a name that an address could not hold."""
    import re

    if not re.fullmatch(r"[\w.@-]{1,64}", name):
        raise InputError(f"name {name[:80]!r}: letters, digits, _ . @ and - only, at most 64")


def _password(file: Path | None) -> str:
    if file is None:
        if not sys.stdin.isatty():
            raise InputError("there is no terminal to ask for the password on: give --password-file FILE")
        return str(click.prompt("password", hide_input=True, confirmation_prompt=True, err=True))
    try:
        return file.read_text(encoding="utf-8").strip()
    except OSError as exc:
        raise InputError(f"--password-file {file}: {exc.strerror}") from exc
