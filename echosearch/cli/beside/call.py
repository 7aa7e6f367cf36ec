"""Ask the server that runs in this home, if one does; nothing heavy is imported.

    request   {"version": ..., "settings": digest, "command": "query", "asked": {...}, "terminal": false}
    answer    {"parts": [...]}, as Shown has them; or {}: the server leaves it to the command line itself

A message is one JSON document, to the end of the stream. The server is asked by its own user and by root alone.
"""

from __future__ import annotations

import hashlib
import json
import os
import socket
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from echosearch import __version__
from echosearch.cli.shown import Shown
from echosearch.index.shared.peers import connect_peer

__all__ = ["MOST_ANSWER", "MOST_REQUEST", "NAME", "ask_server", "read_document", "settings_digest"]

NAME = "serve.socket"
SECONDS = 120.0  # for an answer; then the command line works on its own
MOST_REQUEST, MOST_ANSWER = 1 << 20, 64 << 20  # bytes
HOME = "~/.local/share/echosearch"  # as Settings has it
# of no influence on an answer, or of a server alone
APART = ("HOME", "OIDC_", "VIEWER_URL", "REQUESTS_PER_SECOND", "WORKER", "LOCK_WAIT", "MIN_FREE", "PREVIEW_", "LEASE_")


def ask_server(command: str, asked: Mapping[str, Any]) -> Shown | None:
    """Return what the server shows for a command; None if there is none, or it has other settings or is busy."""
    home = _variables().get("HOME") or HOME
    with suppress(OSError, ValueError, RuntimeError):
        connection = connect_peer(Path(home).expanduser().absolute(), NAME)
        if connection is None:
            return None
        terminal = sys.stdout.isatty()
        request = {
            "version": __version__,
            "settings": settings_digest(),
            "command": command,
            "asked": dict(asked),
            "terminal": terminal,
        }
        with connection:
            connection.settimeout(SECONDS)
            connection.sendall(json.dumps(request, ensure_ascii=False).encode())
            connection.shutdown(socket.SHUT_WR)
            answer = read_document(connection, MOST_ANSWER)
        if "parts" in answer:
            return Shown(terminal, answer["parts"])
    return None


def settings_digest() -> str:
    """Return a digest of the ECHOSEARCH_ variables that an answer depends on: with others, others would answer."""
    counted = {name: value for name, value in sorted(_variables().items()) if not name.startswith(APART)}
    return hashlib.sha256(json.dumps(counted).encode()).hexdigest()


def read_document(connection: socket.socket, most: int) -> dict[str, Any]:
    """Read one JSON object, to the end of the stream. Raises OSError, ValueError."""
    read = bytearray()
    while part := connection.recv(1 << 16):
        read += part
        if len(read) > most:
            raise ValueError(f"more than {most:,} bytes")
    document = json.loads(read)
    if not isinstance(document, dict):
        raise ValueError("not a JSON object")
    return document


def _variables() -> dict[str, str]:
    """The settings of this process, without their prefix; an empty one is none."""
    named = {name.upper(): value for name, value in os.environ.items() if value}
    prefix = "ECHOSEARCH_"
    return {name.removeprefix(prefix): value for name, value in named.items() if name.startswith(prefix)}
