"""How fast a server answers: one user, then eight beside an ingest. Run by ``make bench``; not a test.

    python tests/benchmarks/bench_serve.py [--patients 30] [--users 8] [--think 1.0]
    python tests/benchmarks/bench_serve.py --folder KEPT           keep the archive in KEPT, and use it if it is there
    python tests/benchmarks/bench_serve.py --minutes 60            go on with the users; memory every minute

`echosearch serve` is a process of its own, over a phantom archive of some 60 studies with both sizes of their previews.

(a) one user: 50 rounds of different questions, 12 cards each: the search, its page, its posters; the same by the API.
(b) users at once, each an account with a session, with ``--think`` seconds between two pages: search, look, open a
    study, play, next page; beside `echosearch ingest` of further phantoms, one after the other.

Milliseconds are the client's, to the last byte. Processor milliseconds are of the server and of PostgreSQL, by route in
(a), where one request runs at a time. It ends with 1 if a p95 of (a) is above 150 ms, one of (b) above 500, or a
request fails. Both need two cores without other work; at a load processor time is what can be compared.
"""

from __future__ import annotations

import argparse
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles
from threading import Event, Thread

from rich.console import Console
from rich.table import Table

from echosearch.access.password import hash_password
from echosearch.archive import open_archive
from echosearch.db.access.accounts import add_account
from echosearch.db.access.viewer import Role
from echosearch.settings import Settings

sys.path.insert(0, str(Path(__file__).parents[2]))
from tests.benchmarks.serve_processes import memory_mb, processor_seconds, slope_mb_an_hour
from tests.benchmarks.serve_users import PASSWORD, Taken, User, questions
from tests.web.process import ServerProcess, open_folder

ROUNDS, WARM_UP = 50, 8
QUIET_MS, BUSY_MS = 150, 500  # aims of p95
BUSY_SECONDS = 60.0
ROUND_SECONDS = 0.5  # between two rounds of one user, whose four requests count against ten a second
NAMES = tuple(f"user{number}" for number in range(1, 17))
CONSOLE = Console(width=120)


def run(home: Path, *words: str, quiet: bool = False) -> None:
    """An echosearch command, in a process of its own, as a user starts it."""
    program = [sys.executable, "-c", "from echosearch.cli import main; main()"]
    said = subprocess.DEVNULL if quiet else sys.stderr
    subprocess.run(
        [*program, *words], env=os.environ | {"ECHOSEARCH_HOME": str(home)}, check=True, stdout=said, stderr=said
    )


def make(folder: Path, patients: int) -> None:
    """Write a phantom, ingest it, make its previews and the accounts; nothing where that was done before."""
    home, done = folder / "home", folder / "done"
    if done.exists():
        return
    run(home, "phantom", "write", str(folder / "ph"), "--patients", str(patients), "--seed", "4242")
    for bundle in ("phantom-tiny", "phantom-views"):
        run(home, "encoder", "use", bundle)
    run(home, "ingest", str(folder / "ph" / "DICOM"), "--reports", str(folder / "ph" / "reports.csv"))
    for size in ("card", "study"):
        run(home, "preview", "make", "--size", size)
    add_accounts(home)
    done.touch()


def add_accounts(home: Path) -> None:
    """An account for each user, and the admin that a server needs."""
    hashed = hash_password(PASSWORD)
    with open_archive(Settings(home=home)) as archive, archive.engine.begin() as connection:
        add_account(connection, "root", Role.ADMIN, None, hashed)
        for name in NAMES:
            add_account(connection, name, Role.RESEARCHER, None, hashed)


def quiet_rounds(server: ServerProcess, folder: Path) -> tuple[Taken, dict[str, list[float]]]:
    """One user, one request at a time; by route (server, PostgreSQL) processor milliseconds of all its requests."""
    taken, asked = Taken(), questions(1)
    user = User(server.url, NAMES[0], taken)
    for _ in range(WARM_UP):
        user.look(user.search(next(asked)))
        user.search_api(next(asked))
        time.sleep(ROUND_SECONDS)
    taken.times.clear()
    spent: dict[str, list[float]] = {}

    @contextmanager
    def spending(route: str) -> Iterator[None]:
        before = processor_seconds(server.process.pid, folder / "home")
        yield
        after = processor_seconds(server.process.pid, folder / "home")
        sums = spent.setdefault(route, [0.0, 0.0])
        for place in (0, 1):
            sums[place] += 1000 * (after[place] - before[place])

    for _ in range(ROUNDS):
        user.home()
        text = next(asked)
        with spending("search + hits page"):
            page = user.search(text)
        with spending("poster + cine range"):
            user.look(page)
        text = next(asked)
        with spending("API search"):
            user.search_api(text)
        time.sleep(ROUND_SECONDS)
    counts = {route: len(each) for route, each in taken.times.items()}
    requests = {
        "search + hits page": counts["search"],
        "poster + cine range": counts["poster"] + counts.get("cine range", 0),
        "API search": counts["API search"],
    }
    return taken, {route: [value / requests[route] for value in sums] for route, sums in spent.items()}


def busy_rounds(server: ServerProcess, folder: Path, users: int, think: float, seconds: float) -> Taken:
    """So many users at once beside an ingest; memory is printed every minute."""
    taken, stop = Taken(), Event()
    signed_in = [User(server.url, NAMES[number % len(NAMES)], taken) for number in range(users)]
    threads = [
        Thread(target=use, args=(user, number, think, stop), daemon=True) for number, user in enumerate(signed_in)
    ]
    threads.append(Thread(target=keep_ingesting, args=(folder, stop), daemon=True))
    began, resident = time.monotonic(), [memory_mb(server.process.pid)]
    spent = processor_seconds(server.process.pid, folder / "home")
    for thread in threads:
        thread.start()
    while (left := seconds - (time.monotonic() - began)) > 0 and server.process.poll() is None:
        time.sleep(min(left, 60))
        resident.append(memory_mb(server.process.pid))
        own, mapped = resident[-1]
        slope = slope_mb_an_hour([each for each, _ in resident])
        CONSOLE.print(
            f"minute {len(resident) - 1}: {own:.0f} MB of its own, {slope:+.0f} MB an hour over the later half;"
            f" {mapped:.0f} MB mapped; {sum(map(len, taken.times.values()))} requests, {len(taken.errors)} errors"
        )
    stop.set()
    for thread in threads:
        thread.join()
    total = sum(map(len, taken.times.values()))
    for name, before, after in zip(
        ("server", "PostgreSQL"), spent, processor_seconds(server.process.pid, folder / "home"), strict=True
    ):
        CONSOLE.print(f"{name}: {1000 * (after - before) / total:.1f} ms of processor a request, the ingest's included")
    return taken


def use(user: User, number: int, think: float, stop: Event) -> None:
    """One user, until it is over."""
    chance, asked = random.Random(number), questions(100 + number)
    while not stop.wait(think * chance.uniform(0.5, 1.5)):
        user.home()
        page = user.search(next(asked))
        user.look(page)
        stop.wait(think * chance.uniform(0.5, 1.5))
        user.open_study(page, chance)
        stop.wait(think * chance.uniform(0.5, 1.5))
        user.next_page(page)


def keep_ingesting(folder: Path, stop: Event) -> None:
    """Ingest further phantoms, one after the other. Their files stay: previews are made of them when they are asked."""
    home, seed = folder / "home", int(time.time()) % 90_000
    while not stop.is_set():
        seed, place = seed + 1, folder / "further" / str(seed + 1)
        run(home, "phantom", "write", str(place), "--patients", "4", "--seed", str(seed), quiet=True)
        run(home, "ingest", str(place / "DICOM"), "--reports", str(place / "reports.csv"), quiet=True)


def show(title: str, taken: Taken, aim: float) -> bool:
    """Print times by route; return whether the aim is met."""
    table = Table("route", "requests", "p50 ms", "p95 ms", "most", title=f"{title}; load {os.getloadavg()[0]:.1f}")
    worst = 0.0
    for route, times in taken.times.items():
        p95 = quantiles(times, n=20)[-1] if len(times) > 1 else times[0]
        worst = max(worst, p95)
        table.add_row(route, str(len(times)), f"{median(times):.0f}", f"{p95:.0f}", f"{max(times):.0f}")
    CONSOLE.print(table)
    CONSOLE.print(f"worst p95 {worst:.0f} ms, aim {aim:.0f}; {len(taken.errors)} errors")
    for error, count in Counter(taken.errors).most_common(10):
        CONSOLE.print(f"  {count} x {error}", highlight=False)
    return worst <= aim and not taken.errors


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--patients", type=int, default=30)
    parser.add_argument("--users", type=int, default=8)
    parser.add_argument("--think", type=float, default=1.0)
    parser.add_argument("--minutes", type=float)
    parser.add_argument("--folder", type=Path)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="echosearch-bench-") as temporary:
        if chosen.folder:
            chosen.folder.mkdir(parents=True, exist_ok=True)
        folder = open_folder(chosen.folder or Path(temporary))
        make(folder, chosen.patients)
        with ServerProcess(folder) as server:
            server.wait_until_ready()
            taken, spent = quiet_rounds(server, folder)
            good = show("one user, 12 cards", taken, QUIET_MS)
            table = Table("route", "server", "PostgreSQL", title="processor ms of a request")
            for route, sums in spent.items():
                table.add_row(route, *(f"{value:.1f}" for value in sums))
            CONSOLE.print(table)
            seconds = BUSY_SECONDS if chosen.minutes is None else 60 * chosen.minutes
            taken = busy_rounds(server, folder, chosen.users, chosen.think, seconds)
            good = show(f"{chosen.users} users beside an ingest", taken, BUSY_MS) and good
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
