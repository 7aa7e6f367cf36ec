"""An OpenID provider on loopback, in a thread: Authlib's authorization server, which asks nobody for a password.

What it signs can be made wrong (``claims``, ``key``, ``forge``), and it can be stopped.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Thread
from types import TracebackType
from typing import Any
from urllib.parse import parse_qsl

import uvicorn
from authlib.oauth2.rfc6749 import (
    AuthorizationServer,
    ClientMixin,
    OAuth2Request,
)
from authlib.oauth2.rfc6749.grants import AuthorizationCodeGrant
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload
from authlib.oauth2.rfc6750 import BearerTokenGenerator
from authlib.oauth2.rfc7636 import CodeChallenge
from authlib.oidc.core import AuthorizationCodeMixin, OpenIDCode, UserInfo
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse
from joserfc.jwk import KeySet, RSAKey

__all__ = ["CLIENT_ID", "SECRET", "LoopbackProvider", "new_key"]

CLIENT_ID, SECRET = "echosearch", "a-secret-of-the-tests"


def new_key() -> RSAKey:
    return RSAKey.generate_key(2048, auto_kid=True)


class _Client(ClientMixin):  # type: ignore[misc]  # Authlib is untyped
    def get_client_id(self) -> str:
        return CLIENT_ID

    def get_allowed_scope(self, scope: str) -> str:
        return scope

    def check_redirect_uri(self, uri: str) -> bool:
        return uri.endswith("/sign-in/oidc/back")

    def check_client_secret(self, secret: str) -> bool:
        return secret == SECRET

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return method == "client_secret_basic"

    def check_response_type(self, kind: str) -> bool:
        return kind == "code"

    def check_grant_type(self, kind: str) -> bool:
        return kind == "authorization_code"


@dataclass
class _Code(AuthorizationCodeMixin):  # type: ignore[misc]
    code: str
    redirect_uri: str
    scope: str
    user: Mapping[str, Any]
    nonce: str
    code_challenge: str
    code_challenge_method: str

    def get_redirect_uri(self) -> str:
        return self.redirect_uri

    def get_scope(self) -> str:
        return self.scope

    def get_nonce(self) -> str:
        return self.nonce

    def get_auth_time(self) -> int:
        return int(time.time())


class _Request(OAuth2Request):  # type: ignore[misc]
    def __init__(self, request: Request, body: bytes) -> None:
        address = str(request.url).replace("http:", "https:", 1)  # the library refuses plain http, this is loopback
        super().__init__(request.method, address, headers=request.headers)
        self._form = dict(parse_qsl(body.decode()))
        self.payload = BasicOAuth2Payload({**request.query_params, **self._form})

    @property
    def args(self) -> dict[str, str]:
        return dict(self.payload.data)

    @property
    def form(self) -> dict[str, str]:
        return self._form


class _Server(AuthorizationServer):  # type: ignore[misc]
    def __init__(self, provider: LoopbackProvider) -> None:
        super().__init__(scopes_supported=["openid", "profile"])
        self.provider = provider
        self.register_token_generator("default", BearerTokenGenerator(lambda *_, **__: "an-access-token"))
        self.register_grant(_Grant, [CodeChallenge(required=True), _IdToken(provider)])

    def query_client(self, client_id: str) -> _Client | None:
        return _Client() if client_id == CLIENT_ID else None

    def save_token(self, token: Mapping[str, Any], request: OAuth2Request) -> None:
        pass

    def send_signal(self, name: str, *args: Any, **kwargs: Any) -> None:
        pass

    def create_oauth2_request(self, request: OAuth2Request) -> OAuth2Request:
        return request

    def handle_response(self, status: int, body: Any, headers: Any) -> Response:
        if isinstance(body, dict):
            return JSONResponse(body, status, dict(headers))
        return Response(body, status, dict(headers))


class _Grant(AuthorizationCodeGrant):  # type: ignore[misc]
    TOKEN_ENDPOINT_AUTH_METHODS = ("client_secret_basic",)

    def save_authorization_code(self, code: str, request: OAuth2Request) -> None:
        given = request.payload.data
        assert given["code_challenge_method"] == "S256"
        self.server.provider.codes[code] = _Code(
            code,
            given["redirect_uri"],
            request.scope,
            request.user,
            given["nonce"],
            given["code_challenge"],
            given["code_challenge_method"],
        )

    def query_authorization_code(self, code: str, client: _Client) -> _Code | None:
        found: _Code | None = self.server.provider.codes.get(code)
        return found

    def delete_authorization_code(self, code: _Code) -> None:
        del self.server.provider.codes[code.code]

    def authenticate_user(self, code: _Code) -> Mapping[str, Any]:
        return code.user


class _IdToken(OpenIDCode):  # type: ignore[misc]
    def __init__(self, provider: LoopbackProvider) -> None:
        super().__init__(require_nonce=True)
        self.provider = provider

    def exists_nonce(self, nonce: str, request: OAuth2Request) -> bool:
        return False

    def resolve_client_private_key(self, client: _Client) -> Any:
        return self.provider.key

    def get_encode_header(self, client: _Client) -> dict[str, str]:
        return {"alg": "RS256", "kid": self.provider.kid}

    def get_client_claims(self, client: _Client) -> dict[str, Any]:
        return {"iss": self.provider.issuer, "aud": [CLIENT_ID]}

    def encode_id_token(self, token: Mapping[str, Any], request: OAuth2Request) -> str:
        return self.provider.forge(super().encode_id_token(token, request))

    def generate_user_info(self, user: Mapping[str, Any], scope: str) -> UserInfo:
        return UserInfo(**{**user, **self.provider.claims})  # the last of what is signed: they replace any claim


@dataclass
class LoopbackProvider:
    """``user``: who signs in, as claims. ``claims`` replace what is signed otherwise."""

    user: dict[str, Any]
    claims: dict[str, Any] = field(default_factory=dict)
    forge: Callable[[str], str] = str  # replaces the signed token
    key: RSAKey = field(default_factory=new_key)
    published: list[RSAKey] = field(default_factory=list)
    description: dict[str, Any] = field(default_factory=dict)  # replaces parts of the discovery document
    codes: dict[str, _Code] = field(default_factory=dict)
    issuer: str = ""

    @property
    def kid(self) -> str:
        return str(self.published[-1].kid)

    def rotate(self) -> None:
        """Sign with a new key, and publish that alone."""
        self.key = new_key()
        self.published = [self.key]

    def __enter__(self) -> LoopbackProvider:
        self.published = [self.key]
        listening = socket.create_server(("127.0.0.1", 0))
        self.issuer = f"http://127.0.0.1:{listening.getsockname()[1]}"
        self._server = uvicorn.Server(uvicorn.Config(self._app(), log_level="error", lifespan="off", ws="none"))
        self._thread = Thread(target=self._server.run, kwargs={"sockets": [listening]})
        self._thread.start()
        while not self._server.started:
            time.sleep(0.01)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join()

    def _app(self) -> FastAPI:
        app, server = FastAPI(), _Server(self)

        @app.get("/.well-known/openid-configuration")
        def describe() -> dict[str, Any]:
            return {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
                "jwks_uri": f"{self.issuer}/keys",
                "response_types_supported": ["code"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256", "HS256", "none"],
                **self.description,
            }

        @app.get("/keys")
        def keys() -> Any:
            return KeySet([*self.published]).as_dict()

        @app.get("/authorize")
        async def authorize(request: Request) -> Response:
            asked = _Request(request, b"")
            grant = server.get_consent_grant(asked, self.user)
            answer: Response = server.create_authorization_response(asked, self.user, grant)
            return answer

        @app.post("/token")
        async def token(request: Request) -> Response:
            answer: Response = server.create_token_response(_Request(request, await request.body()))
            return answer

        return app
