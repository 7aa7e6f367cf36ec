"""Read a PyTorch checkpoint as plain tensors, in this process: for the child that checkpoint.py starts.

Sizes are compared before anything of that size is taken: a pickle's before it is read, a tensor's with its storage.
"""

from __future__ import annotations

import io
import os
import pickle
import re
import resource
import sys
import zipfile
from collections.abc import Mapping
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from echosearch.encoder.published.memory import available_memory, limit_memory, lower_limit

__all__ = ["DTYPES", "REFUSED", "TOO_LARGE", "UNREADABLE", "convert_checkpoint", "named_sanely", "without_prefix"]

REFUSED, UNREADABLE, TOO_LARGE = 3, 4, 5  # exit codes
CPU_SECONDS = 600
# A pickle of tensors names them: 300 kB for a thousand, with their optimizer. Each byte of a pickle can cost a hundred.
LARGEST_PICKLE = 8 << 20
MOST_TENSORS = 100_000
LONGEST_NAME = 300  # characters
SHARE = 0.5  # of the memory that the machine can give
# above the tensors themselves and a copy of them, which is what is written: arenas, stacks, the pickle's own objects
SPARE = 512 << 20
DTYPES = frozenset(
    {torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.int16}
    | {torch.int8, torch.uint8, torch.bool}
)
# what a pickle calls for, in the words of torch's reader
_CALL = re.compile(r"GLOBAL (?P<a>[\w.]+)|unrecognized function <?(?P<b>[\w. ]+)|but got <class '(?P<c>[\w.]+)'")


class TooLargeError(Exception):
    """The checkpoint claims a size that no checkpoint has."""


def convert_checkpoint(file: str, plain: str) -> int:
    """Write the tensors of ``file`` to ``plain`` as safetensors; an exit code, the reason on stderr."""
    size, available = os.path.getsize(file), available_memory()
    copied = 2 * size + SPARE  # the tensors, and the bytes that are written; the file itself is mapped, not read
    limit_memory(size + min(copied, int(SHARE * available)))
    out_of_memory = (
        "it needs more memory than a checkpoint of its size"
        if copied < SHARE * available
        else f"it needs more than {SHARE:.0%} of the {available / 1e9:.1f} GB of memory that this machine has left"
    )
    lower_limit(resource.RLIMIT_CPU, CPU_SECONDS)
    lower_limit(resource.RLIMIT_FSIZE, copied)
    try:
        tensors = _tensors(_load(file, size), size)
        save_file(tensors, plain)
        return 0
    except TooLargeError as exc:
        return _say(str(exc), TOO_LARGE)
    except MemoryError:
        return _say(out_of_memory, TOO_LARGE)
    except pickle.UnpicklingError as exc:
        # torch's own sentences then advise reading the file without protection
        named = _CALL.search(str(exc))
        if named or _is_pickle(file):
            return _say(next(filter(None, named.groups())) if named else "something that is no tensor", REFUSED)
        return _say("it is no zip and no pickle of tensors", UNREADABLE)
    except Exception as exc:  # whatever a hostile file makes torch's reader raise: the file is refused, in one line
        if "alloc" in str(exc) and ("memory" in str(exc) or "bad_alloc" in str(exc)):
            return _say(out_of_memory, TOO_LARGE)
        advice = "weights_only" in str(exc)
        why = "it is TorchScript, or older than 2018: its state_dict alone is read" if advice else str(exc)
        return _say(f"{type(exc).__name__}: {why}", UNREADABLE)


def _say(why: str, code: int) -> int:
    sys.stderr.write(why.replace("\n", " "))
    return code


def _is_pickle(file: str) -> bool:
    with open(file, "rb") as opened:
        return opened.read(1) == pickle.PROTO


def _load(file: str, size: int) -> object:
    if not zipfile.is_zipfile(file):  # the format from before torch 1.6
        with _Legacy(file) as opened:
            return torch.load(opened, map_location="cpu", weights_only=True)
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
    for member in members:
        if member.filename.endswith("data.pkl") and member.file_size > LARGEST_PICKLE:
            raise TooLargeError(_pickle_size(member.file_size))
        if "/data/" in member.filename and member.compress_type != zipfile.ZIP_STORED:
            raise TooLargeError("its tensors are compressed, as torch never writes them")
    if sum(member.file_size for member in members) > size + LARGEST_PICKLE:
        raise TooLargeError("it unpacks to more than it is")
    # memory-mapped, so that the optimizer's tensors are never read
    return torch.load(file, map_location="cpu", weights_only=True, mmap=True)


def _pickle_size(size: int) -> str:
    return f"its pickle has {size / 1e6:.0f} MB or more, of a checkpoint it has {LARGEST_PICKLE / 1e6:.0f} MB at most"


class _Legacy(io.BufferedReader):
    """A file whose pickles are read by read and readline, and its tensors by readinto: the former are bounded.

    It gives no file descriptor, so that torch does not read past it.
    """

    def __init__(self, file: str) -> None:
        super().__init__(io.FileIO(file))
        self._size = os.path.getsize(file)
        self._read = 0

    def fileno(self) -> int:
        raise io.UnsupportedOperation("fileno")

    def read(self, size: int | None = -1, /) -> bytes:
        wanted = self._size if size is None or size < 0 else size
        self._count(wanted)
        return super().read(wanted)

    def readline(self, size: int | None = -1, /) -> bytes:
        line = super().readline(LARGEST_PICKLE if size is None or size < 0 else min(size, LARGEST_PICKLE))
        self._count(len(line))
        return line

    def _count(self, size: int) -> None:
        self._read += size
        if self._read > LARGEST_PICKLE:
            raise TooLargeError(_pickle_size(self._read))


def _tensors(loaded: object, size: int) -> dict[str, Tensor]:
    """Copies of the state_dict's tensors. Raises TooLargeError, ValueError."""
    state = loaded.get("state_dict", loaded) if isinstance(loaded, Mapping) else None
    if not isinstance(state, Mapping):
        raise ValueError("it holds no state_dict")
    found = {str(name): value for name, value in state.items() if isinstance(value, Tensor)}
    if not found:
        raise ValueError("its state_dict holds no tensors")
    named_sanely(found)
    for name, value in found.items():
        _check_plain(name, value)
    whole = sum(value.numel() * value.element_size() for value in found.values())
    if whole > 2 * size:  # tied weights share memory, so a little more than the file is honest
        raise TooLargeError(f"its tensors would be {whole / 1e6:.0f} MB of a file of {size / 1e6:.0f} MB")
    # clones: tied weights share memory, which safetensors does not store
    return without_prefix({name: value.detach().clone().contiguous() for name, value in found.items()})


def named_sanely(names: Mapping[str, Any]) -> None:
    """Check the names. Raises ValueError for more tensors than a model has, or a name that cannot be shown."""
    if len(names) > MOST_TENSORS:
        raise ValueError(f"it holds {len(names)} tensors, a model has {MOST_TENSORS} at most")
    for name in names:
        if len(name) > LONGEST_NAME or not name.isprintable():
            raise ValueError(f"a tensor is called {name[:40]!r}: that is no weight's name")


def _check_plain(name: str, value: Tensor) -> None:
    """Raises TooLargeError for a tensor with more elements than are stored, ValueError for one of another kind."""
    strided = value.layout is torch.strided and not value.is_nested
    if not strided or value.device.type != "cpu" or value.dtype not in DTYPES or type(value) not in _PLAIN:
        kind = f"{value.dtype}, {value.layout}, on {value.device.type}"
        raise ValueError(f"{name} is {kind}: weights are plain arrays of numbers")
    needed, stored = value.numel() * value.element_size(), value.untyped_storage().nbytes()
    if needed > stored:
        raise TooLargeError(f"{name} has {value.numel()} elements, {needed} bytes, and {stored} bytes are stored")


_PLAIN = (Tensor, torch.nn.Parameter, torch.nn.Buffer)


def without_prefix(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Remove ``module.``, which DistributedDataParallel puts before every name."""
    prefixed = all(name.startswith("module.") for name in tensors)
    return {name.removeprefix("module."): value for name, value in tensors.items()} if prefixed else tensors
