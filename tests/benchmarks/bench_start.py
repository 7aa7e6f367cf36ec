"""What a command costs before it does anything: python tests/benchmarks/bench_start.py [--home HOME] [--rounds 3]

Processor time of ``echosearch status`` and ``echosearch query``, each a process of its own, and as a ratio of
``import torch`` in the same run; then the ten dearest imports of each. Without --home the archive is empty, and the
query ends where it would encode. Give the home of an archive with an encoder to measure a whole question.
"""

from __future__ import annotations

import argparse
import os
import re
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

PROGRAM = ("-c", "from echosearch.cli import main; main()")
COMMANDS = {"status": ("status",), "query": ("query", "重度僧帽弁逆流")}
DEAREST = 10


def processor_seconds(words: tuple[str, ...], environment: dict[str, str], rounds: int) -> float:
    """The least of so many runs: what runs beside them only adds."""
    spent = []
    for _ in range(rounds):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, *words], env=environment, capture_output=True, check=False)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(spent)


def dearest(words: tuple[str, ...], environment: dict[str, str]) -> list[tuple[float, str]]:
    """(milliseconds of its own modules, package) of the packages that a command imports, the dearest first."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", *words], env=environment, capture_output=True, check=False, text=True
    )
    own: dict[str, float] = {}
    for line in done.stderr.splitlines():
        if found := re.match(r"import time:\s+(\d+) \|\s+\d+ \|\s*([\w.]+)", line):
            package = found[2].partition(".")[0]
            own[package] = own.get(package, 0.0) + int(found[1]) / 1000
    return sorted(((spent, package) for package, spent in own.items()), reverse=True)[:DEAREST]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--home", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    console = Console()
    with tempfile.TemporaryDirectory(prefix="echosearch-bench-") as folder:
        environment = os.environ | {"ECHOSEARCH_HOME": str(chosen.home or Path(folder) / "home")}
        torch = processor_seconds(("-c", "import torch"), environment, chosen.rounds)
        console.print(f"import torch: {torch:.2f} s of processor time; load {os.getloadavg()[0]:.1f}")
        for name, words in COMMANDS.items():
            spent = processor_seconds((*PROGRAM, *words), environment, chosen.rounds)
            table = Table("package", "ms", title=f"{name}: {spent:.2f} s, {spent / torch:.2f} x import torch")
            for milliseconds, package in dearest((*PROGRAM, *words), environment):
                table.add_row(package, f"{milliseconds:.0f}")
            console.print(table)


if __name__ == "__main__":
    main()
