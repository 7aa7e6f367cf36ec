"""A published checkpoint file becomes plain tensors, in a child process with limits.

A .pt file is a pickle, and a pickle is a program. torch's weights_only reader runs none of it but the calls that make
tensors; the child is there for what that reader may do wrong: it gets limited memory and time, its own temporary
folder to write into, and what comes back is a safetensors file.
"""

from __future__ import annotations

import os
import pickle
import re
import resource
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from echosearch.errors import BundleError

__all__ = ["read_checkpoint"]

WALL_SECONDS = 600
CPU_SECONDS = 600
# Above what importing torch itself takes (address space, not memory); a checkpoint with its optimizer is 2.4 GB
SPARE_BYTES = 24 << 30
REFUSED, UNREADABLE = 3, 4  # exit codes of the child
LFS_POINTER = b"version https://git-lfs"
# what a pickle calls for, in the words of torch's reader
_CALL = re.compile(r"GLOBAL (?P<a>[\w.]+)|unrecognized function <?(?P<b>[\w. ]+)|but got <class '(?P<c>[\w.]+)'")


def read_checkpoint(file: Path) -> dict[str, Tensor]:
    """The state_dict of a .pt, .pth, .bin or .safetensors file, without a ``module.`` prefix.

    The optimizer and whatever else a training loop saved beside it is left out. Raises BundleError: not a
    checkpoint, a pickle that wants to run something, too large, no tensors, numbers that are none.
    """
    if not file.is_file():
        raise BundleError(f"{file} is not there, or not a file: give the checkpoint as its authors publish it")
    if not file.stat().st_size:
        raise BundleError(f"{file} is empty: download it again")
    if _begins_with(file, LFS_POINTER):
        raise BundleError(f"{file} is a git-lfs pointer, not the weights: fetch them with git lfs pull")
    if file.suffix == ".safetensors":
        try:
            return _finite(file, _without_prefix(load_file(file)))
        except (SafetensorError, OSError) as exc:
            raise BundleError(f"{file} cannot be read as safetensors: {exc}") from exc
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / "weights.safetensors"
        _run_child(file, plain)
        return _finite(file, load_file(plain))


def _finite(file: Path, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not tensor.isfinite().all():
            raise BundleError(f"{file}: {name} holds what is no number, or infinite: the file is damaged")
    return tensors


def _run_child(file: Path, plain: Path) -> None:
    command = [sys.executable, "-P", "-m", __name__, str(file.absolute()), str(plain)]
    environment = {
        "PYTHONPATH": os.pathsep.join(path for path in sys.path if path),
        "LD_LIBRARY_PATH": os.environ.get("LD_LIBRARY_PATH", ""),
        "PATH": os.environ.get("PATH", ""),
        "OMP_NUM_THREADS": "1",
        "CUDA_VISIBLE_DEVICES": "",
        "HOME": str(plain.parent),
    }
    try:
        done = subprocess.run(
            command,
            cwd=plain.parent,
            env=environment,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=WALL_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as exc:
        raise BundleError(f"{file} was not read within {WALL_SECONDS} s: this is no checkpoint of this family") from exc
    why = done.stderr.strip().splitlines()[-1][:300] if done.stderr.strip() else f"exit code {done.returncode}"
    if done.returncode == REFUSED:
        raise BundleError(
            f"{file} is refused: it is a pickle that wants to run code, not only to hold tensors (it calls for {why}); "
            "of a file whose authors you trust, save the state_dict alone, elsewhere"
        )
    if done.returncode != 0 or not plain.exists():
        raise BundleError(f"{file} cannot be read as a PyTorch checkpoint: {why}")


def _child(file: str, plain: str) -> int:
    size = os.path.getsize(file)
    for limit, value in (
        (resource.RLIMIT_AS, SPARE_BYTES + 3 * size),
        (resource.RLIMIT_CPU, CPU_SECONDS),
        (resource.RLIMIT_FSIZE, size + (16 << 20)),  # the tensors are in the file, so they cannot be larger
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(limit, (value, value))
    try:
        loaded = _load(file)
    except pickle.UnpicklingError as exc:
        # torch's own sentences go on to advise reading the file without protection
        named = _CALL.search(str(exc))
        if named or _begins_with(file, pickle.PROTO):
            sys.stderr.write(next(filter(None, named.groups())) if named else "something that is no tensor")
            return REFUSED
        sys.stderr.write("it is no zip and no pickle of tensors")
        return UNREADABLE
    except (RuntimeError, EOFError, OSError, ValueError, KeyError, AttributeError, IndexError, TypeError) as exc:
        advice = "weights_only" in str(exc)
        why = "it is TorchScript, or older than 2018: its state_dict alone is read" if advice else str(exc)
        sys.stderr.write(f"{type(exc).__name__}: {why}".replace("\n", " "))
        return UNREADABLE
    state = loaded.get("state_dict", loaded) if isinstance(loaded, Mapping) else None
    if not isinstance(state, Mapping):
        sys.stderr.write("it holds no state_dict")
        return UNREADABLE
    # clones: tied weights share memory, which safetensors does not store
    tensors = {
        str(name): value.detach().clone().contiguous() for name, value in state.items() if isinstance(value, Tensor)
    }
    if not tensors:
        sys.stderr.write("its state_dict holds no tensors")
        return UNREADABLE
    save_file(_without_prefix(tensors), plain)
    return 0


def _begins_with(file: str | Path, start: bytes) -> bool:
    with open(file, "rb") as opened:
        return opened.read(len(start)) == start


def _load(file: str) -> object:
    try:
        # memory-mapped, so that the optimizer's tensors are never read
        return torch.load(file, map_location="cpu", weights_only=True, mmap=True)
    except RuntimeError as exc:
        if "mmap" not in str(exc):
            raise
        return torch.load(file, map_location="cpu", weights_only=True)  # the format from before torch 1.6


def _without_prefix(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """DistributedDataParallel puts ``module.`` before every name."""
    prefixed = all(name.startswith("module.") for name in tensors)
    return {name.removeprefix("module."): value for name, value in tensors.items()} if prefixed else tensors


if __name__ == "__main__":
    sys.exit(_child(*sys.argv[1:3]))
