"""Sockets between processes of one user: another user's process is known by the kernel, not by a file's mode."""

from __future__ import annotations

import os
import socket
import threading
from pathlib import Path

from echosearch.index.shared.peers import connect_peer, is_ours, listen, user_of
from tests.support.other_user import OTHER_USER, needs_root, said_to_another_user


def test_a_peer_of_this_user_is_ours(tmp_path: Path) -> None:
    with listen(tmp_path, "s") as listening:
        connection = connect_peer(tmp_path, "s")
        assert connection is not None
        with connection, listening.accept()[0] as accepted:
            assert is_ours(accepted)
            assert user_of(accepted) == os.geteuid()


@needs_root
def test_a_peer_of_another_user_is_not(tmp_path: Path) -> None:
    seen: list[tuple[bool, int]] = []

    def accept_one(listening: socket.socket) -> None:
        with listening.accept()[0] as accepted:
            seen.append((is_ours(accepted), user_of(accepted)))

    with listen(tmp_path, "s") as listening:
        thread = threading.Thread(target=accept_one, args=(listening,), daemon=True)
        thread.start()
        assert said_to_another_user(tmp_path, "s", b"?") == b""
        thread.join(60)
    assert seen == [(False, OTHER_USER)]


@needs_root
def test_a_socket_that_another_user_listens_on_is_not_asked(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "s"))
        ours = os.fork()
        if ours == 0:  # the kernel notes who calls listen
            os.setgid(OTHER_USER)
            os.setuid(OTHER_USER)
            listening.listen(1)
            os._exit(0)
        assert os.waitpid(ours, 0)[1] == 0
        assert connect_peer(tmp_path, "s") is None
