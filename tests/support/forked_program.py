"""The console script, forked from a process that has imported what it imports: a start costs 0.1 s and not 2.

`python forked_program.py PATH` listens at PATH, a Unix socket. install() writes a program that hands its arguments,
folder, environment and streams to it. The fork runs as the console script does, in a process of its own.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

__all__ = ["installed"]

CLIENT = """\
#!{python} -IS
import json, os, socket, sys
with socket.socket(socket.AF_UNIX) as asked:
    asked.connect({path!r})
    said = json.dumps([sys.argv[1:], os.getcwd(), dict(os.environ)]).encode()
    socket.send_fds(asked, [len(said).to_bytes(8, "big")], [0, 1, 2])
    asked.sendall(said)
    code = int(asked.makefile().read() or 1)
if code < 0:
    os.kill(os.getpid(), -code)
sys.exit(code)
"""


@contextmanager
def installed(folder: Path, environment: Mapping[str, str]) -> Iterator[Path]:
    """A program `echosearch` in ``folder``, for as long as the block runs."""
    path, program = folder / "socket", folder / "echosearch"
    program.write_text(CLIENT.format(python=sys.executable, path=str(path)))
    program.chmod(0o755)
    server = subprocess.Popen([sys.executable, __file__, str(path)], env=environment, stdout=subprocess.PIPE, text=True)
    try:
        assert server.stdout is not None
        assert server.stdout.readline() == "ready\n"
        yield program
    finally:
        server.terminate()
        server.communicate()


def wait_for_a_call(path: str) -> None:
    """Return in a fork for each call, as a process that was started with its arguments and streams."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(path)
        listening.listen()
        print("ready", flush=True)
        while True:
            call, _ = listening.accept()
            if not os.fork():
                break
            call.close()
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    with call:
        head, streams, _, _ = socket.recv_fds(call, 8, 3)
        with call.makefile("rb") as stream:
            arguments, folder, environment = json.loads(stream.read(int.from_bytes(head, "big")))
        child = os.fork()
        if child:
            _, status = os.waitpid(child, 0)
            call.sendall(str(os.waitstatus_to_exitcode(status)).encode())
            os._exit(0)
    for number, one in enumerate(streams):
        os.dup2(one, number)
        os.close(one)
    sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w", 1)  # noqa: SIM115 - as Python opens them
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["echosearch", *arguments]


if __name__ == "__main__":
    from echosearch.cli.main import main
    from echosearch.encoder import torch_encoder
    from echosearch.phantom.files import archive
    from echosearch.search import query
    from ingest import pipeline

    loaded = (torch_encoder, archive, query, pipeline)
    gc.freeze()
    wait_for_a_call(sys.argv[1])
    main()
