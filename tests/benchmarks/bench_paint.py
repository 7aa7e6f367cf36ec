"""How soon a person sees the answer: first paint of the hits, and all cards moving. Run by ``make bench``; not a test.

    python tests/benchmarks/bench_paint.py [--rounds 20] [--patients 30] [--folder KEPT]

`echosearch serve` is a process of its own over the archive of bench_serve.py; Debian's Chromium asks it, in a window in
which all 12 cards are in sight. Milliseconds from the Enter key to the first paint of the page of hits, and to the
moment at which each of its cines has shown a second frame. Each round asks another question and starts with an empty
browser cache. It ends with 1 if a median is above 1 s or 1.5 s. It needs two cores without other work.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path
from statistics import median, quantiles

from playwright.sync_api import Browser, ViewportSize, sync_playwright
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).parents[2]))
from tests.benchmarks.bench_serve import NAMES, make
from tests.benchmarks.serve_users import PASSWORD, questions
from tests.web.process import ServerProcess, open_folder
from tests.web_browser.conftest import CHROMIUM, FLAGS

PAINT_MS, MOVING_MS = 1000, 1500  # aims
SECONDS = 30.0  # the longest that a page is waited for
WINDOW = ViewportSize(width=1920, height=1600)
CONSOLE = Console(width=120)

# epoch milliseconds at which each cine of a page has shown its second frame
WATCH = """
window.moved = [];
addEventListener('DOMContentLoaded', () => {
  for (const video of document.querySelectorAll('video[data-cine]'))
    video.requestVideoFrameCallback(() => video.requestVideoFrameCallback(() => window.moved.push(Date.now())));
});
"""
CARDS = "document.querySelectorAll('.card video').length"
PAINTED = "performance.timeOrigin + performance.getEntriesByName('first-contentful-paint')[0].startTime"


def ask(browser: Browser, url: str, words: str) -> tuple[float, float, int]:
    """(milliseconds to the first paint of the hits, to the last card's second frame, cards)."""
    context = browser.new_context(viewport=WINDOW)
    page = context.new_page()
    page.add_init_script(WATCH)
    page.goto(f"{url}/sign-in")
    page.fill("[name=name]", NAMES[0])
    page.fill("[name=password]", PASSWORD)
    page.press("[name=password]", "Enter")
    page.wait_for_selector("#box")
    page.fill("#box", words)
    began = page.evaluate("Date.now()")
    page.press("#box", "Enter")
    page.wait_for_url("**/searches/*-*")
    cards = page.evaluate(CARDS)
    deadline = time.monotonic() + SECONDS
    while page.evaluate("window.moved.length") < cards:  # wait_for_function needs eval, which the server forbids
        assert time.monotonic() < deadline, "a cine does not move"
        page.wait_for_timeout(20)
    painted, moved = page.evaluate(PAINTED), page.evaluate("Math.max(...window.moved)")
    context.close()
    return painted - began, moved - began, cards


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--patients", type=int, default=30)
    parser.add_argument("--folder", type=Path)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="echosearch-bench-") as temporary:
        if chosen.folder:
            chosen.folder.mkdir(parents=True, exist_ok=True)
        folder = open_folder(chosen.folder or Path(temporary))
        make(folder, chosen.patients)
        with ServerProcess(folder) as server, sync_playwright() as playwright:
            server.wait_until_ready()
            browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
            asked = questions(7)
            ask(browser, server.url, next(asked))  # not counted: the browser's own start
            taken = [ask(browser, server.url, next(asked)) for _ in range(chosen.rounds)]
            browser.close()
    table = Table("from Enter to", "p50 ms", "p95 ms", "most", "aim", title=f"load {os.getloadavg()[0]:.1f}")
    good = True
    for place, (what, aim) in enumerate((("first paint", PAINT_MS), ("every card moves", MOVING_MS))):
        times = [each[place] for each in taken]
        table.add_row(what, f"{median(times):.0f}", f"{quantiles(times, n=20)[-1]:.0f}", f"{max(times):.0f}", f"{aim}")
        good = good and median(times) <= aim
    CONSOLE.print(table)
    CONSOLE.print(f"cards of a page: {sorted(cards for _, _, cards in taken)}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
