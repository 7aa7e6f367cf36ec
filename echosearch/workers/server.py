"""The server that workers fork from: started without the caller's environment, and without its __main__."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Sequence
from multiprocessing import forkserver, spawn, util
from typing import Any

from echosearch.workers.sandbox import plain_environment

__all__ = ["TEXTS_NAME", "WORKER_NAME", "start_fork_server"]

WORKER_NAME = "decode-worker"
TEXTS_NAME = "texts"  # the process that reads reports (ingest/text_process.py)


_starting = threading.Lock()


def start_fork_server(preload: list[str]) -> None:
    """Start the fork server of this process, unless it runs, with ``preload`` imported."""
    with _starting:
        forkserver.set_forkserver_preload(preload)
        whole = util.spawnv_passfds  # hands the whole environment over, and knows no other way
        util.spawnv_passfds = _spawn
        try:
            forkserver.ensure_running()
        finally:
            util.spawnv_passfds = whole


def _spawn(path: bytes, args: Sequence[Any], passfds: Sequence[int]) -> int:
    """Start the server as multiprocessing does, with the environment that workers may have."""
    quiet = subprocess.DEVNULL  # the pool says in one line that workers cannot start
    process = subprocess.Popen(
        args, executable=path, env=plain_environment(), pass_fds=passfds, stdout=quiet, stderr=quiet
    )
    process.returncode = 0  # multiprocessing waits for it, by its number
    return process.pid


def _without_main(name: str) -> dict[str, Any]:
    """Prepare a worker as multiprocessing does, but without importing the caller's __main__, which it does not need."""
    data = _prepared(name)
    if name in (WORKER_NAME, TEXTS_NAME):
        for key in ("init_main_from_name", "init_main_from_path"):
            data.pop(key, None)
        data["sys_argv"] = [name]
    return data


# for good, and told apart by name: to hide __main__ while a worker starts would hide it from every other thread
_prepared = spawn.get_preparation_data
spawn.get_preparation_data = _without_main
