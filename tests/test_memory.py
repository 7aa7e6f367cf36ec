"""Memory: threads share arenas."""

from __future__ import annotations

import subprocess
import sys

import pytest

# 12 threads at one time, each with memory of its own; prints how many heaps of 64 MiB glibc has made for them
PROGRAM = """
import sys
from threading import Barrier, Thread
from echosearch.memory import share_arenas

if sys.argv[1] != "0":
    share_arenas(int(sys.argv[1]))
kept, barrier = [], Barrier(13)

def allocate():
    kept.append([bytearray(60_000) for _ in range(10)])
    barrier.wait()
    barrier.wait()

threads = [Thread(target=allocate) for _ in range(12)]
for thread in threads:
    thread.start()
barrier.wait()
starts = {int(line.split("-")[0], 16) for line in open("/proc/self/maps") if " rw-p " in line}
print(sum(start % (1 << 26) == 0 for start in starts))
barrier.wait()
"""


def heaps(most: int) -> int:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(most)], capture_output=True, check=True, text=True, timeout=120
    )
    return int(done.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's arenas")
def test_threads_share_arenas() -> None:
    assert heaps(0) > 4  # each thread has one
    assert heaps(4) <= 3  # beside the main one, which grows elsewhere
