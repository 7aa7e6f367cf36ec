"""The access schema: who may sign in, what they asked last, and the audit. Nothing of it is read by a search.

Passwords are stored as argon2 hashes, cookies and tokens as SHA-256. What may name a patient (a saved search, a reason,
the text of a query) is encrypted with a key outside the database (echosearch/access/keys.py).
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, ForeignKey, Identity, Index, LargeBinary, Text, UniqueConstraint, func
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Mapped, mapped_column

from echosearch.db.schema.base import Base, Key

__all__ = ["AccountRow", "AuditRow", "IdentityRow", "ProjectRow", "SavedSearchRow", "SessionRow", "TokenRow"]

ACCESS = {"schema": "access"}


class ProjectRow(Base):
    """A part of the archive: the studies that meet a condition on age, sex and date."""

    __tablename__ = "project"
    __table_args__ = (ACCESS,)
    name: Mapped[str] = mapped_column(primary_key=True)
    condition: Mapped[str]  # as --where
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class AccountRow(Base):
    """Somebody who may sign in. ``project``: sees its studies only; null: all that the role may see."""

    __tablename__ = "account"
    __table_args__ = (
        CheckConstraint("role in ('searcher', 'clinician', 'researcher', 'admin', 'auditor')", name="role"),
        ACCESS,
    )
    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    role: Mapped[str]
    project: Mapped[str | None] = mapped_column(ForeignKey("access.project.name"))
    password: Mapped[str | None]  # argon2; null: no sign-in by password
    totp: Mapped[bytes | None] = mapped_column(LargeBinary)  # the secret, encrypted
    totp_step: Mapped[int] = mapped_column(server_default="0")  # of the last code that was used
    disabled: Mapped[bool] = mapped_column(server_default="false")
    failures: Mapped[int] = mapped_column(server_default="0")  # wrong passwords since the last right one
    wait_until: Mapped[datetime | None]  # no password is tried before
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class IdentityRow(Base):
    """Somebody of an OpenID provider whom an account belongs to."""

    __tablename__ = "identity"
    __table_args__ = (ACCESS,)
    issuer: Mapped[str] = mapped_column(primary_key=True)
    subject: Mapped[str] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("access.account.id", ondelete="CASCADE"), index=True)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class SessionRow(Base):
    """A browser that is signed in."""

    __tablename__ = "session"
    __table_args__ = (ACCESS,)
    digest: Mapped[bytes] = mapped_column(LargeBinary, primary_key=True)  # SHA-256 of the cookie
    account_id: Mapped[int] = mapped_column(ForeignKey("access.account.id", ondelete="CASCADE"), index=True)
    csrf: Mapped[str]
    reason: Mapped[bytes | None] = mapped_column(LargeBinary)  # why patients are looked up, encrypted
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    seen_at: Mapped[datetime] = mapped_column(server_default=func.now())


class TokenRow(Base):
    """What a program signs in with."""

    __tablename__ = "token"
    __table_args__ = (UniqueConstraint("account_id", "name"), ACCESS)
    id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("access.account.id", ondelete="CASCADE"))
    name: Mapped[str]
    digest: Mapped[bytes] = mapped_column(LargeBinary, unique=True)  # SHA-256
    rights: Mapped[list[str]] = mapped_column(ARRAY(Text))  # of those of the role
    reason: Mapped[bytes | None] = mapped_column(LargeBinary)  # encrypted
    expires_at: Mapped[datetime]
    revoked: Mapped[bool] = mapped_column(server_default="false")
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class SavedSearchRow(Base):
    """The answer of a search, from which its pages are cut."""

    __tablename__ = "saved_search"
    __table_args__ = (ACCESS,)
    id: Mapped[str] = mapped_column(Key, primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("access.account.id", ondelete="CASCADE"), index=True)
    encoder: Mapped[str]  # fingerprint
    body: Mapped[bytes] = mapped_column(LargeBinary)  # encrypted
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime] = mapped_column(index=True)


class AuditRow(Base):
    """One act. ``mac`` is an HMAC of this row and of the mac before; triggers refuse every change (migration 0015)."""

    __tablename__ = "audit"
    __table_args__ = (Index("ix_audit_at", "at"), ACCESS)
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)  # from 1, without gaps
    at: Mapped[str]  # ISO 8601, UTC: the text that the mac was made of
    who: Mapped[str]
    role: Mapped[str]
    project: Mapped[str]
    via: Mapped[str]  # "session", "token NAME", "command line"
    action: Mapped[str]
    outcome: Mapped[str]
    keys: Mapped[list[str]] = mapped_column(ARRAY(Text))  # pseudonymous keys that were shown
    query_mac: Mapped[bytes | None] = mapped_column(LargeBinary)  # the same query gives the same
    sealed: Mapped[bytes | None] = mapped_column(LargeBinary)  # query and reason, encrypted
    mac: Mapped[bytes] = mapped_column(LargeBinary)
