"""The inside of a decode worker: its limits and its loop."""

from __future__ import annotations

import math
import os
import pickle
import resource
import signal
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path

from echosearch.locks import die_with
from echosearch.workers.answers import send
from echosearch.workers.handing import receive_file
from echosearch.workers.sandbox import confine, plain_environment

__all__ = ["EXIT_MEMORY", "EXIT_PANIC", "PRELOAD", "run_worker"]

# imported once, in the server that workers fork from
PRELOAD = ["echosearch.workers.tasks", "echosearch.workers.worker", "echosearch.encoder.pixels.preprocess"]
EXIT_MEMORY = 86  # a worker that reached its memory limit ends itself: its heap is not to be trusted
EXIT_PANIC = 87


def run_worker(pipe: Connection, lifeline: Connection, memory_mb: int, cpu_seconds: int) -> None:
    """Run the worker: limits, "ready", then (function, task) in and (succeeded, value) out until the pipe closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    watched = die_with(lifeline.fileno())
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _keep_only(pipe.fileno(), watched)
    try:
        _get_ready(memory_mb)
    except BaseException as exc:
        send(pipe, (False, f"{type(exc).__name__}: {exc}"))
        return
    send(pipe, (True, "ready"))
    while True:
        try:
            function, task = pickle.loads(pipe.recv_bytes())
            with receive_file(pipe):
                _allow_cpu(cpu_seconds)
                message = (True, function(task))
        except EOFError:
            return
        except MemoryError:
            os._exit(EXIT_MEMORY)
        except Exception as exc:  # raised again in the parent
            message = (False, _portable(exc))
        except BaseException:  # a panic inside a Rust codec (RLE): no state of it is to be trusted
            os._exit(EXIT_PANIC)
        try:
            send(pipe, message)
        except MemoryError:
            os._exit(EXIT_MEMORY)
        except (BrokenPipeError, ConnectionResetError):
            return
        del message  # a clip is megabytes


def _get_ready(memory_mb: int) -> None:
    """Import what decoding needs, then take the limits and give up the rights."""
    _one_thread()
    allowed = _data_bytes() + memory_mb * 1024 * 1024
    resource.setrlimit(resource.RLIMIT_DATA, (allowed, allowed))
    confine()


def _keep_only(*descriptors: int) -> None:
    """Drop the environment, which may hold passwords, and every descriptor but these."""
    kept = plain_environment()
    os.environ.clear()
    os.environ.update(kept)
    null = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):  # codecs complain to 2 about untrusted files
        os.dup2(null, stream)
    open_still = {0, 1, 2, *descriptors}
    for fd in map(int, os.listdir("/proc/self/fd")):
        if fd not in open_still:
            with suppress(OSError):  # the one that listed them
                os.close(fd)


def _portable(exc: Exception) -> Exception:
    """Return an exception that the parent can load."""
    try:
        pickle.loads(pickle.dumps(exc))
    except Exception:  # whatever its pickling raises, its name still travels
        return RuntimeError(f"{type(exc).__name__} in a decode worker")
    return exc


def _allow_cpu(seconds: int) -> None:
    """Move the soft limit, which counts the whole process, ahead of what was used. SIGXCPU ends the worker."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    limit = math.ceil(usage.ru_utime + usage.ru_stime) + seconds
    resource.setrlimit(resource.RLIMIT_CPU, (limit, resource.RLIM_INFINITY))


def _data_bytes() -> int:
    """Return the bytes that RLIMIT_DATA counts already: private writable memory, mostly of the imports."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmData:"):
            return int(line.split()[1]) * 1024
    return 0


def _one_thread() -> None:
    """Use one thread: there are as many workers as cores, and more threads would only take turns."""
    import cv2

    from echosearch.encoder.pixels import preprocess

    cv2.setNumThreads(1)
    preprocess.use_one_thread()
