"""Who saw what, and who may: `echosearch audit`, `echosearch user`."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from echosearch.access.trail import AuditCheck
from shapes.base import CLOSED, OPTIONAL, Commands

__all__ = ["COMMANDS"]


class AuditRow(BaseModel):
    model_config = CLOSED
    seq: Annotated[int, Field(ge=1)]
    at: Annotated[str, Field(description="ISO 8601, UTC")]
    who: str
    role: Annotated[str, Field(description="empty: the command line")]
    project: str
    via: str
    action: str
    outcome: str
    keys: Annotated[list[str], Field(description="pseudonymous keys that were shown")]
    query_mac: Annotated[str | None, Field(description="the same for the same query")]
    mac: str
    # with --open
    query: str = OPTIONAL
    reason: str = OPTIONAL


class AuditShown(BaseModel):
    model_config = CLOSED
    entries: list[AuditRow]


class ListedAccount(BaseModel):
    model_config = CLOSED
    name: str
    role: str
    project: str | None
    disabled: bool
    two_factors: bool


class ListedProject(BaseModel):
    model_config = CLOSED
    name: str
    condition: str


class ListedToken(BaseModel):
    model_config = CLOSED
    account: str
    name: str
    rights: list[str]
    expires_at: str
    revoked: bool


class ListedIdentity(BaseModel):
    model_config = CLOSED
    account: str
    issuer: str
    subject: str


class UserList(BaseModel):
    model_config = CLOSED
    accounts: list[ListedAccount]
    projects: list[ListedProject]
    tokens: list[ListedToken]
    identities: Annotated[list[ListedIdentity], Field(description="who of an OpenID provider signs in as whom")]


COMMANDS: Commands = {
    "audit-show": ("echosearch audit show --json", AuditShown),
    "audit-verify": ("echosearch audit verify --json", AuditCheck),
    "user-list": ("echosearch user list --json", UserList),
}
