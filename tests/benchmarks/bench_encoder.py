"""Encoders on this machine: videos and texts a second, share of the matrix rate, start-up, tokenizer.

    python tests/benchmarks/bench_encoder.py [--device cpu] [BUNDLE ...]

Without a bundle it makes untrained ones of size tiny (and, with --base, of size base, 1 GB and minutes on a CPU).
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.table import Table

from echosearch.encoder.bundle.folder import load_manifest
from echosearch.encoder.check import check_bundle
from echosearch.encoder.create import ARCHITECTURES, Size, init_bundle
from echosearch.encoder.text.tokenizer import load_tokenizer
from echosearch.encoder.torch_encoder import load_encoder

WORDS = ("左室", "左房", "右室", "右房", "大動脈", "僧帽弁", "三尖弁")
FINDINGS = ("拡大なし", "軽度拡大あり", "壁運動正常", "逆流を認めず", "軽度の閉鎖不全あり", "石灰化を認める")
REPORTS = [
    "。".join(word + FINDINGS[(i + j) % 6] for j, word in enumerate(WORDS)) + f"。EF {50 + i % 30}%。"
    for i in range(2000)
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundles", nargs="*", type=Path)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--base", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        bundles = given.bundles or list(made(Path(folder), ["tiny", "base"] if given.base else ["tiny"]))
        table = Table("encoder", "device", "load s", "text only s", "videos/s", "texts/s", "TFLOP", "of matrix rate")
        for bundle in bundles:
            whole = seconds(partial(load_encoder, bundle, given.device))
            text = seconds(partial(load_encoder, bundle, given.device, parts=("text",)))
            one = check_bundle(bundle, given.device)
            rates = (f"{rate:.3g}" for rate in (one.clips_per_second, one.texts_per_second, one.tflop_per_clip))
            table.add_row(
                str(one.encoder), one.device, f"{whole:.2f}", f"{text:.2f}", *rates, f"{one.matrix_share:.0%}"
            )
        Console(width=140).print(table)
        tokenize(bundles[0])


def made(folder: Path, sizes: Sequence[Size]) -> Iterator[Path]:
    for size in sizes:
        for architecture in ARCHITECTURES:
            init_bundle(size, REPORTS, folder / f"{size}-{architecture}", architecture=architecture)
            yield folder / f"{size}-{architecture}"


def tokenize(bundle: Path) -> None:
    """Sentences come again and again in reports; the second line has seen every one of them."""
    tokenizer = load_tokenizer(bundle / "tokenizer", load_manifest(bundle).tokenizer)
    for what in ("new", "seen"):
        rate = len(REPORTS) / seconds(partial(tokenizer.encode, REPORTS, 256))
        print(f"tokenizer, {what} sentences: {rate:,.0f} reports/s")


def seconds(run: Callable[[], object]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
