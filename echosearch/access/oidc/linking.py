"""From whom the provider has signed in to an account: by issuer and subject, never by a name or an e-mail address."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from echosearch.access.oidc.configuration import OidcClient
from echosearch.access.oidc.provider import Identity
from echosearch.db import Connection
from echosearch.db.access.accounts import Account, add_account, set_disabled, set_role
from echosearch.db.access.identities import account_linked, link_account
from echosearch.db.access.viewer import Role

__all__ = ["ACCOUNT_NAME", "Linked", "find_account"]

ACCOUNT_NAME = re.compile(r"[\w.@-]{1,64}")


@dataclass(frozen=True)
class Linked:
    """The account that is signed in, or None and why nobody is. ``made``: the name of an account that was added."""

    account: Account | None
    refusal: str = ""
    made: str | None = None


def find_account(connection: Connection, client: OidcClient, identity: Identity) -> Linked:
    """Return the account of an identity, with the role that its groups have now."""
    role = client.role_of(identity.groups)
    if client.roles and role is None:
        return Linked(None, "none of the groups has a role")
    account = account_linked(connection, identity.issuer, identity.subject)
    if account is None:
        return _unknown(connection, client, identity, role or Role.SEARCHER)
    if account.disabled:
        return Linked(None, "the account is disabled")
    if role is not None and role != account.role:
        set_role(connection, account.id, role)
        account = replace(account, role=role)
    return Linked(account)


def _unknown(connection: Connection, client: OidcClient, identity: Identity, role: Role) -> Linked:
    """Refuse somebody without an account; where the settings say so, add one that an admin has to enable."""
    if not client.creates_unknown:
        return Linked(None, "no account is linked with this subject")
    if not ACCOUNT_NAME.fullmatch(identity.name):
        return Linked(None, "the name claim is no name of an account")
    made = add_account(connection, identity.name, role, None, None)
    if made is None:
        return Linked(None, "the name is that of an account that is not linked")
    set_disabled(connection, identity.name, True)
    link_account(connection, made, identity.issuer, identity.subject)
    return Linked(None, "an account was added, which an admin has to enable", identity.name)
