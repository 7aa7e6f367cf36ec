"""The OpenID provider: authorisation code with PKCE, and an ID token that is verified before it is believed.

    begin   state, nonce and code verifier, which the browser keeps sealed  ->  the provider's address
    finish  state, issuer, code -> token -> signature, issuer, audience, expiry, nonce  ->  Identity

OpenID Connect Core 1.0, 3.1; RFC 7636 (PKCE), RFC 9207 (issuer of the answer). Keys are read again when a token names
one that is not known: providers rotate them.
"""

from __future__ import annotations

import hmac
import json
import ssl
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from threading import Lock
from typing import Any
from urllib.parse import urlsplit

import httpx2
from authlib.integrations.base_client import OAuthError
from authlib.integrations.httpx_client import OAuth2Client
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import BadSignatureError, InvalidKeyIdError, JoseError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry

from echosearch.access.keys import AccessKeys
from echosearch.access.oidc.configuration import OidcClient, is_trusted_address
from echosearch.access.password import new_secret
from echosearch.errors import ConfigError

__all__ = ["PENDING_SECONDS", "Identity", "Pending", "Provider", "ProviderDown", "SignInRefused", "pending_from"]

# signed by a key pair of the provider's: never "none", and never HS256, whose key would be a public one
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519")
SECONDS = 10.0  # for each answer of the provider
KEPT_SECONDS = 3600.0  # of its description
PENDING_SECONDS = 600  # from the button to the way back
LEEWAY = 60  # seconds that two clocks may differ
MOST_SUBJECT = 255  # characters (OpenID Connect Core 1.0, 2)


class ProviderDown(Exception):
    """The provider does not answer, or not as OpenID Connect has it."""


class SignInRefused(Exception):
    """Nobody is signed in. The message says why; it holds no code, token or claim."""


@dataclass(frozen=True)
class Identity:
    """Who the provider says has signed in."""

    issuer: str
    subject: str = field(repr=False)
    name: str = field(repr=False)  # as the name claim has it; empty if there is none
    groups: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True)
class Pending:
    """A sign-in that is on its way to the provider and back; the browser keeps it, encrypted."""

    state: str = field(repr=False)
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)
    until: int  # Unix time
    back: str = "/"  # the page that was asked for

    def sealed(self, keys: AccessKeys) -> str:
        return keys.seal(json.dumps(asdict(self)).encode()).decode()


def pending_from(keys: AccessKeys, cookie: str) -> Pending:
    """Open what a browser kept. Raises SignInRefused if it is not of this server, or too old."""
    try:
        found = Pending(**json.loads(keys.unseal(cookie.encode())))
    except ConfigError:
        raise SignInRefused("this browser has begun no sign-in here") from None
    if found.until < time.time():
        raise SignInRefused("the sign-in took too long")
    return found


class Provider:
    """One provider. Any number of threads may ask."""

    def __init__(self, client: OidcClient) -> None:
        """Raises ConfigError if the provider's certificate authority cannot be read. Nothing is asked yet."""
        self.client = client
        try:
            self._verify = ssl.create_default_context(cafile=client.ca) if client.ca is not None else True
        except OSError as exc:
            raise ConfigError(f"ECHOSEARCH_OIDC_CA {client.ca}: {exc.strerror or exc}") from exc
        self._guard = Lock()
        self._described: tuple[float, dict[str, Any]] | None = None  # when, what
        self._keys: KeySet | None = None

    def begin(self, redirect: str, back: str = "/") -> tuple[str, Pending]:
        """Return the address that the browser is sent to, and what it keeps. Raises ProviderDown.

        ``redirect``: where the provider sends the browser; ``back``: the page that was asked for.
        """
        described = self._describe()
        until = int(time.time()) + PENDING_SECONDS
        pending = Pending(new_secret(), new_secret(), new_secret() + new_secret(), until, back)
        with self._session() as session:
            address, _ = session.create_authorization_url(
                described["authorization_endpoint"],
                state=pending.state,
                code_verifier=pending.verifier,
                nonce=pending.nonce,
                redirect_uri=redirect,
            )
        return str(address), pending

    def finish(self, pending: Pending, redirect: str, answer: Mapping[str, str]) -> Identity:
        """Return who has signed in. Raises SignInRefused, ProviderDown."""
        described = self._describe()
        if not hmac.compare_digest(pending.state.encode(), answer.get("state", "").encode()):
            raise SignInRefused("the answer has another state")
        if answer.get("iss", self.client.issuer) != self.client.issuer:
            raise SignInRefused("the answer is another issuer's")
        if "error" in answer or "code" not in answer:
            raise SignInRefused("the provider has signed nobody in")
        try:
            with self._session(described) as session:
                token = session.fetch_token(
                    described["token_endpoint"],
                    grant_type="authorization_code",
                    code=answer["code"],
                    code_verifier=pending.verifier,
                    redirect_uri=redirect,
                )
        except OAuthError as exc:
            raise SignInRefused("the provider does not take the code") from exc
        except (httpx2.HTTPError, ValueError) as exc:
            raise ProviderDown(type(exc).__name__) from exc
        return self._verified(described, token, pending.nonce)

    def _verified(self, described: Mapping[str, Any], token: Mapping[str, Any], nonce: str) -> Identity:
        supported = described.get("id_token_signing_alg_values_supported") or ["RS256"]
        allowed = [name for name in ALGORITHMS if name in supported]
        if not allowed:  # never what the library would take by default
            raise SignInRefused("the provider signs by no algorithm that is believed here")
        own = self.client
        wanted = {
            "iss": {"essential": True, "value": own.issuer},
            "aud": {"essential": True, "value": own.client_id},
            "sub": {"essential": True},
        }
        try:
            found = self._decoded(str(token.get("id_token", "")), described, allowed)
            given = {"nonce": nonce, "client_id": own.client_id, "access_token": token.get("access_token")}
            claims = CodeIDToken(found.claims, found.header, wanted, given)
            claims.validate(leeway=LEEWAY)
        except (JoseError, ValueError, TypeError, LookupError) as exc:
            claim = getattr(exc, "claim", None)
            raise SignInRefused(f"the ID token: {type(exc).__name__}{f' {claim}' if claim else ''}") from exc
        if len(claims["sub"]) > MOST_SUBJECT:
            raise SignInRefused(f"the ID token: a subject of more than {MOST_SUBJECT} characters")
        name, groups = claims.get(own.name_claim), claims.get(own.role_claim)
        listed = [groups] if isinstance(groups, str) else groups if isinstance(groups, list) else []
        return Identity(
            own.issuer,
            claims["sub"],
            name if isinstance(name, str) else "",
            tuple(one for one in listed if isinstance(one, str)),
        )

    def _decoded(self, token: str, described: Mapping[str, Any], allowed: list[str]) -> jwt.Token:
        registry = JWSRegistry(algorithms=allowed, strict_check_header=False)
        keys = self._keys
        if keys is not None:
            try:
                return jwt.decode(token, keys, registry=registry)
            except (InvalidKeyIdError, BadSignatureError):
                pass  # it may have other keys by now
        self._keys = keys = KeySet.import_key_set(self._read(described["jwks_uri"]))  # type: ignore[arg-type]
        return jwt.decode(token, keys, registry=registry)

    def _describe(self) -> dict[str, Any]:
        """The provider's description (OpenID Connect Discovery 1.0, 4), kept for an hour."""
        with self._guard:
            now = time.monotonic()
            if self._described is not None and now - self._described[0] < KEPT_SECONDS:
                return self._described[1]
            read = self._read(f"{self.client.issuer.rstrip('/')}/.well-known/openid-configuration")
            if read.get("issuer") != self.client.issuer:
                raise ProviderDown("its description names another issuer")
            for name in ("authorization_endpoint", "token_endpoint", "jwks_uri"):
                if not isinstance(read.get(name), str) or not self._is_trusted(read[name]):
                    raise ProviderDown(f"its description has no {name} by https")
            self._described = now, read
            return read

    def _read(self, url: str) -> dict[str, Any]:
        try:
            with self._session() as session:
                answer = session.request("GET", url, withhold_token=True).raise_for_status()
                read = answer.json()
        except (httpx2.HTTPError, ValueError) as exc:
            raise ProviderDown(type(exc).__name__) from exc
        if not isinstance(read, dict):
            raise ProviderDown("not a JSON object")
        return read

    def _is_trusted(self, url: str) -> bool:
        return is_trusted_address(url) and (url.startswith("https:") or not self.client.issuer.startswith("https:"))

    def _session(self, described: Mapping[str, Any] | None = None) -> OAuth2Client:
        methods = (described or {}).get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        method = "client_secret_basic" if "client_secret_basic" in methods else "client_secret_post"
        return OAuth2Client(
            self.client.client_id,
            self.client.secret,
            token_endpoint_auth_method=method if self.client.secret is not None else "none",
            scope="openid profile",
            code_challenge_method="S256",
            timeout=SECONDS,
            verify=self._verify,
            trust_env=urlsplit(self.client.issuer).scheme == "https",  # a proxy is not asked for this machine
        )
