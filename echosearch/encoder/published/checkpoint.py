"""Read a published checkpoint file as plain tensors, in a child process with limits.

A .pt file is a pickle, and a pickle is a program. torch's weights_only reader runs none of it but the calls that make
tensors; the child is there for what that reader may do wrong: it gets limited memory and time, its own temporary
folder to write into, and what comes back is a safetensors file.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file
from torch import Tensor

from echosearch.encoder.published.memory import available_memory
from echosearch.encoder.published.pickle_reader import DTYPES, REFUSED, TOO_LARGE, named_sanely, without_prefix
from echosearch.errors import BundleError

__all__ = ["read_checkpoint", "read_small_json"]

WALL_SECONDS = 600
LARGEST_JSON = 1 << 20  # bytes
LFS_POINTER = b"version https://git-lfs"
CHILD = (
    "import sys; from echosearch.encoder.published.pickle_reader import convert_checkpoint; "
    "sys.exit(convert_checkpoint(*sys.argv[1:3]))"
)


def read_small_json(file: Path) -> Any:
    """Return what the JSON file beside a checkpoint holds. Raises OSError, ValueError, RecursionError."""
    with file.open("rb") as opened:
        content = opened.read(LARGEST_JSON + 1)
    if len(content) > LARGEST_JSON:
        raise ValueError(f"more than {LARGEST_JSON >> 20} MB")
    return json.loads(content)


def read_checkpoint(file: Path) -> dict[str, Tensor]:
    """Return the state_dict of a .pt, .pth, .bin or .safetensors file, without a ``module.`` prefix.

    The optimizer and whatever else a training loop saved beside it is left out.
    Raises BundleError: not a checkpoint, a pickle that wants to run something, a claim of more than the file holds, too
    large for this machine, no tensors, numbers that are none.
    """
    if not file.is_file():
        raise BundleError(f"{file} is not there, or not a file: give the checkpoint as its authors publish it")
    if not file.stat().st_size:
        raise BundleError(f"{file} is empty: download it again")
    with file.open("rb") as opened:
        if opened.read(len(LFS_POINTER)) == LFS_POINTER:
            raise BundleError(f"{file} is a git-lfs pointer, not the weights: fetch them with git lfs pull")
    if file.suffix == ".safetensors":
        return without_prefix(_load(file, file))
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / "weights.safetensors"
        _run_child(file, plain)
        return _load(file, plain)


def _load(file: Path, plain: Path) -> dict[str, Tensor]:
    """The tensors of ``plain``, which came from ``file``. They are never more than the bytes of ``plain``."""
    size, available = plain.stat().st_size, available_memory()
    if size > available:
        raise BundleError(
            f"{file} holds {size / 1e9:.1f} GB of tensors, this machine has {available / 1e9:.1f} GB of memory left: "
            "import it on a larger one"
        )
    try:
        with safe_open(plain, framework="pt") as stored:
            named_sanely(dict.fromkeys(stored.keys()))
        tensors = load_file(plain)
    except (SafetensorError, OSError, ValueError) as exc:
        raise BundleError(f"{file} cannot be read as safetensors: {_line(str(exc))}") from exc
    for name, tensor in tensors.items():
        if tensor.dtype not in DTYPES:
            raise BundleError(f"{file}: {name} is {tensor.dtype}: weights are plain arrays of numbers")
        if tensor.is_floating_point() and not tensor.isfinite().all():
            raise BundleError(f"{file}: {name} holds what is no number, or infinite: the file is damaged")
    return tensors


def _run_child(file: Path, plain: Path) -> None:
    command = [sys.executable, "-P", "-c", CHILD, str(file.absolute()), str(plain)]
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
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=WALL_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as exc:
        raise BundleError(f"{file} was not read within {WALL_SECONDS} s: this is no checkpoint of this family") from exc
    why = _line(done.stderr.strip().rpartition("\n")[2]) or f"exit code {done.returncode}"
    if done.returncode == REFUSED:
        raise BundleError(
            f"{file} is refused: it is a pickle that wants to run code, not only to hold tensors (it calls for {why}); "
            "of a file whose authors you trust, save the state_dict alone, elsewhere"
        )
    if done.returncode == TOO_LARGE:
        raise BundleError(f"{file} is refused: {why}; save the state_dict alone, or download the file again")
    if done.returncode != 0 or not plain.exists():
        raise BundleError(f"{file} cannot be read as a PyTorch checkpoint: {why}")


def _line(text: str) -> str:
    """What a library said of a file, which may be the file's own words: one line, without control characters."""
    return "".join(letter if letter.isprintable() else " " for letter in text[:300])
