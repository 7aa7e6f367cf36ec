"""Which provider signs users in, as the settings say it; what makes no sense is refused when the server starts."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from echosearch.db.access.viewer import Role
from echosearch.errors import ConfigError
from echosearch.settings import Settings

__all__ = ["OidcClient", "is_trusted_address", "oidc_client"]


@dataclass(frozen=True)
class OidcClient:
    """What this server is to the provider, and how claims become an account.

    ``roles``: value of ``role_claim`` -> role, the first that fits; empty: accounts keep their own role.
    """

    issuer: str
    client_id: str
    secret: str | None = field(repr=False)
    name_claim: str
    role_claim: str
    roles: tuple[tuple[str, Role], ...]
    creates_unknown: bool
    ca: Path | None

    def role_of(self, groups: Iterable[str]) -> Role | None:
        """Return the role of somebody in these groups, None if no group has one."""
        present = {*groups}
        return next((role for group, role in self.roles if group in present), None)


def oidc_client(settings: Settings) -> OidcClient | None:
    """Return what the settings say of a provider, None if they name none. Raises ConfigError."""
    issuer, client_id = settings.oidc_issuer, settings.oidc_client_id
    if issuer is None and client_id is None:
        return None
    if issuer is None or client_id is None:
        missing = "ECHOSEARCH_OIDC_ISSUER" if issuer is None else "ECHOSEARCH_OIDC_CLIENT_ID"
        raise ConfigError(f"{missing} is not set: a provider needs issuer and client id")
    place = urlsplit(issuer)
    if not is_trusted_address(issuer) or place.query or place.fragment or "@" in place.netloc:
        raise ConfigError(
            f"ECHOSEARCH_OIDC_ISSUER {issuer!r}: give the provider's https address, as its tokens name it"
        )
    roles = []
    for group, name in settings.oidc_roles.items():
        if name not in {*Role}:
            raise ConfigError(f"ECHOSEARCH_OIDC_ROLES: {name!r} is no role, it is one of {', '.join(Role)}")
        roles.append((group, Role(name)))
    return OidcClient(
        issuer,
        client_id,
        _secret(settings),
        settings.oidc_name_claim,
        settings.oidc_role_claim,
        tuple(roles),
        settings.oidc_unknown == "create",
        settings.oidc_ca,
    )


def is_trusted_address(url: str) -> bool:
    """Return whether tokens and keys may come from there: https, or plain http on this machine (tests)."""
    place = urlsplit(url)
    return bool(place.hostname) and (place.scheme == "https" or (place.scheme == "http" and _is_loopback(place)))


def _is_loopback(place: SplitResult) -> bool:
    try:
        return place.hostname == "localhost" or ipaddress.ip_address(place.hostname or "").is_loopback
    except ValueError:
        return False


def _secret(settings: Settings) -> str | None:
    file, given = settings.oidc_client_secret_file, settings.oidc_client_secret
    if file is not None and given is not None:
        raise ConfigError("ECHOSEARCH_OIDC_CLIENT_SECRET and ECHOSEARCH_OIDC_CLIENT_SECRET_FILE: give one of them")
    if file is None:
        return given.get_secret_value() if given is not None else None
    try:
        secret = file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as exc:
        told = exc.strerror if isinstance(exc, OSError) else "not UTF-8"
        raise ConfigError(f"ECHOSEARCH_OIDC_CLIENT_SECRET_FILE {file}: {told}") from exc
    if not secret:
        raise ConfigError(f"ECHOSEARCH_OIDC_CLIENT_SECRET_FILE {file}: the file is empty")
    return secret
