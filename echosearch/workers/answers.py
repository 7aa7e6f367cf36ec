"""The values that a worker may answer: of known classes only. Unpickling any other could run code in the parent."""

from __future__ import annotations

import builtins
import io
import pickle
from enum import Enum
from multiprocessing.connection import Connection
from typing import Any

__all__ = ["receive", "send"]

MAX_PICKLED = 64 * 1024**2  # bytes of an answer without its arrays
MAX_ARRAYS = 4 * 1024**3  # bytes of its arrays
OWN = tuple(
    f"echosearch.{module}"
    for module in (
        "clip",
        "contour.values",
        "errors",
        "outcome",
        "preview.values",
        "reading.segmentation",
        "reading.stretch",
        "video",
        "workers.tasks",
    )
)
OTHERS = {
    *(("numpy", "ndarray"), ("numpy", "dtype")),
    *((f"numpy.{core}.numeric", "_frombuffer") for core in ("core", "_core")),
    *((f"numpy.{core}.multiarray", name) for core in ("core", "_core") for name in ("_reconstruct", "scalar")),
    *(("datetime", name) for name in ("date", "datetime", "timedelta")),
    *(("builtins", name) for name in ("set", "frozenset", "complex", "bytearray", "range", "slice")),
    *(("pathlib", name) for name in ("Path", "PosixPath")),
}


class _Sender(pickle.Pickler):
    def reducer_override(self, obj: Any) -> Any:
        """Reduce an enum's member to class and value: Python 3.11.0 to 3.11.3 want ``getattr``, which is refused."""
        return (type(obj), (obj.value,)) if isinstance(obj, Enum) else NotImplemented


class _Plain(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if module in OWN or (module, name) in OTHERS:
            found = super().find_class(module, name)
            if module not in OWN or (isinstance(found, type) and found.__module__ == module):
                return found
        if module == "builtins":
            error = getattr(builtins, name, None)
            if isinstance(error, type) and issubclass(error, Exception):
                return error
        raise pickle.UnpicklingError(f"a worker answered with {module}.{name}")


def receive(pipe: Connection) -> tuple[bool, Any]:
    """Take the other end of ``send``: (succeeded, value or error). Arrays arrive in memory of their own, uncopied.

    Raises EOFError, OSError, pickle.UnpicklingError for what is no answer.
    """
    pickled = pipe.recv_bytes(MAX_PICKLED)
    sizes = _load(pipe.recv_bytes(MAX_PICKLED), [])
    if not isinstance(sizes, list) or not all(isinstance(size, int) and size >= 0 for size in sizes):
        raise pickle.UnpicklingError("sizes of arrays are numbers")
    if sum(sizes) > MAX_ARRAYS:
        raise pickle.UnpicklingError(f"arrays of {sum(sizes)} bytes, limit {MAX_ARRAYS}")
    buffers = []
    for size in sizes:
        buffer = bytearray(size)
        if size:
            pipe.recv_bytes_into(buffer)
        buffers.append(buffer)
    message = _load(pickled, buffers)
    match message:
        case (bool(succeeded), value) if succeeded or isinstance(value, str | Exception):
            return succeeded, value
    raise pickle.UnpicklingError("an answer is a value or an error")


def _load(pickled: bytes, buffers: list[bytearray]) -> Any:
    try:
        return _Plain(io.BytesIO(pickled), buffers=buffers).load()
    except (EOFError, OSError, pickle.UnpicklingError):
        raise
    except Exception as exc:  # bytes that a broken worker made up may fail in any way
        raise pickle.UnpicklingError(f"an answer that cannot be read: {type(exc).__name__}") from exc


def send(pipe: Connection, message: Any) -> None:
    """Send a value; its arrays go uncopied."""
    buffers: list[pickle.PickleBuffer] = []
    pickled = io.BytesIO()
    _Sender(pickled, protocol=5, buffer_callback=buffers.append).dump(message)
    pipe.send_bytes(pickled.getbuffer())
    views = [buffer.raw() for buffer in buffers]
    pipe.send_bytes(pickle.dumps([view.nbytes for view in views]))
    for view in views:
        if view.nbytes:
            pipe.send_bytes(view)
