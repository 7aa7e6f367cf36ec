"""Optimise a copy of a shard in a process of its own, while the shard itself still answers.

The engine's optimize() holds the GIL to its end, minutes for some 10,000 vectors: in the process that answers searches
it would stop them all.

    python -m echosearch.index.edge.aside KIND FINGERPRINT DIMENSION POINTS FOLDER

It dies with the process that started it, whose end of its standard input the kernel then closes, and it keeps that
process's lock on the index until it is dead: nobody opens a folder that it still writes into.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from echosearch.errors import StoreUnreachable
from echosearch.index.base import Collection
from echosearch.index.edge.shard import load_to_optimize
from echosearch.locks import die_with

__all__ = ["copy_optimized"]

NICE = 5  # searches come first


def copy_optimized(collection: Collection, points: int, place: Path, copy: Path, lock: int) -> None:
    """Make ``copy`` of the shard of ``points`` in ``place``, which no process writes to meanwhile, and optimise it.

    ``lock`` is the descriptor of the folder's lock, which the process that optimises keeps too.

    Raises StoreUnreachable if there is no room or the process fails; then no copy is left.
    """
    try:
        shutil.copytree(place, copy)
        named = (collection.kind, collection.fingerprint, str(collection.dimension), str(points), str(copy))
        child = subprocess.Popen(
            [sys.executable, "-m", __name__, *named],
            stdin=subprocess.PIPE,  # nothing is ever sent: it closes when this process ends
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            pass_fds=[lock],
        )
        with child:
            try:
                said = child.stderr.read() if child.stderr is not None else b""
                child.wait()
            except BaseException:
                child.kill()
                raise
        if child.returncode:
            reason = " ".join(said.decode(errors="replace").split())[-200:]
            raise StoreUnreachable(
                f"collection {place.name} could not be optimised (exit code {child.returncode}: {reason}): searches are"
                " correct but slow; check free memory and disk, then run echosearch ingest again"
            )
    except OSError as exc:
        shutil.rmtree(copy, ignore_errors=True)
        raise StoreUnreachable(f"index folder {place.parent}: {exc.strerror}; check free space and its mode") from exc
    except BaseException:
        shutil.rmtree(copy, ignore_errors=True)
        raise


def _main(kind: str, fingerprint: str, dimension: str, points: str, folder: str) -> None:
    watched = die_with(sys.stdin.fileno())
    os.nice(NICE)
    collection = Collection(kind, fingerprint, int(dimension))  # type: ignore[arg-type]
    shard = load_to_optimize(collection, Path(folder), int(points))
    shard.optimize()
    shard.flush()
    shard.close()
    os.close(watched)


if __name__ == "__main__":
    _main(*sys.argv[1:])
