"""The server's end: a socket in its home, and the commands that it answers."""

from __future__ import annotations

import json
import logging
import pwd
import socket
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from threading import Thread
from types import TracebackType
from typing import Any

from echosearch import __version__
from echosearch.archive import Archive
from echosearch.cli.answers.searches import answer_search
from echosearch.cli.answers.status import answer_status
from echosearch.cli.beside.call import MOST_REQUEST, NAME, read_document, settings_digest
from echosearch.cli.shown import Shown
from echosearch.encoder.bundle.folder import identify
from echosearch.encoder.bundle.installed import bundle_in_use
from echosearch.index.shared.peers import connect_peer, is_ours, listen, user_of
from echosearch.web.serving import Serving

__all__ = ["Answering"]

LOG = logging.getLogger("echosearch.access")
SECONDS = 10.0  # for a request to arrive
Answer = Callable[[Archive, str, Mapping[str, Any], bool, str], Shown]
ANSWERS: dict[str, Answer] = {
    "query": answer_search,
    "similar": answer_search,
    "report": answer_search,
    "status": answer_status,
}


class Answering:
    """Answers on HOME/serve.socket, a thread for each request, until it is left.

    Where another server of this home listens already, that one goes on answering. What cannot be answered for any
    reason is left to the command line, which then says what is wrong.
    """

    def __init__(self, serving: Serving) -> None:
        self._serving, self._home = serving, serving.archive.settings.home
        self._settings = settings_digest()
        self._socket: socket.socket | None = None

    def __enter__(self) -> Answering:
        other = connect_peer(self._home, NAME)
        if other is not None:
            other.close()
            return self
        try:
            with suppress(FileNotFoundError):
                (self._home / NAME).unlink()  # of a server that was killed
            self._socket = listen(self._home, NAME)
        except OSError as exc:  # a file system without sockets: commands work on their own
            LOG.warning("no socket for the command line: %s", exc.strerror)
            return self
        Thread(target=self._accept, args=(self._socket,), daemon=True, name="beside").start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._socket is not None:
            with suppress(FileNotFoundError):
                (self._home / NAME).unlink()
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)
            self._socket.close()

    def _accept(self, listening: socket.socket) -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            Thread(target=self._serve, args=(connection,), daemon=True, name="beside-caller").start()

    def _serve(self, connection: socket.socket) -> None:
        began, command, answer = time.perf_counter(), "-", None
        with connection, suppress(OSError):
            if not is_ours(connection):
                return
            try:
                connection.settimeout(SECONDS)
                request = read_document(connection, MOST_REQUEST)
                if self._fits(request):
                    command = request["command"]
                    user = _name_of(user_of(connection))
                    with self._serving.searching():
                        given = request["asked"], bool(request["terminal"]), user
                        answer = ANSWERS[command](self._serving.archive, command, *given)
            except Exception:  # whatever it is, the command line meets it too, and says so itself
                answer = None
            LOG.info(
                "command line %s %s %.0f ms",
                command,
                "left" if answer is None else "answered",
                1000 * (time.perf_counter() - began),
            )
            connection.sendall(json.dumps({} if answer is None else {"parts": answer.parts}).encode())

    def _fits(self, request: Mapping[str, Any]) -> bool:
        """Return True if the command line would answer with this program, these settings and this encoder."""
        same = request.get("version") == __version__ and request.get("settings") == self._settings
        if not (same and self._serving.ready and request.get("command") in ANSWERS):
            return False
        settings = self._serving.archive.settings
        now = identify(bundle_in_use(settings.home, settings.encoder))
        return now.fingerprint == self._serving.archive.encoder_info.fingerprint


def _name_of(user: int) -> str:
    try:
        return pwd.getpwuid(user).pw_name
    except KeyError:  # a user without a name
        return "?"
