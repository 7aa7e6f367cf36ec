"""The code blocks of README and tutorial: each one runs, or is listed here with the reason why it does not."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.code_blocks import ROOT, Block, blocks_of, indented_blocks
from tests.support.forked_program import install

PAGES = ("README.md", "docs/tutorial.md")
LANGUAGES = {"bash", "python", "text"}  # text is what a block prints, or a drawing

NOT_RUN = {  # page, first line -> how its marker begins
    ("README.md", "make demo"): "not run",
    ("README.md", "import echosearch"): "not run",  # here: test_docs.py runs it
    ("README.md", "echosearch serve --demo"): "not run",
    ("README.md", "make setup && source .venv/bin/activate"): "not run",
    ("README.md", 'echosearch query "65歳以上の女性で中等度以上のMR、左室拡大なし、EF 40%未満"'): "not run",
    ("README.md", "echosearch similar 3fa9c1d2"): "not run",
    ("README.md", "echosearch interpret 3fa9c1d2"): "not run",
    (
        "README.md",
        'echosearch cohort define severe-mr "中等度以上のMR、EF 40%未満、人工弁を除く" --where "age >= 65"'
        " --per-patient first",
    ): "not run",
    ("docs/tutorial.md", "git clone THE-ADDRESS-OF-THIS-REPOSITORY echosearch"): "not run",
}


@pytest.fixture
def home() -> Iterator[Path]:
    """A user's home folder, not under pytest's own: the embedded server's user must reach it."""
    with tempfile.TemporaryDirectory(prefix="echosearch-docs-") as folder:
        yield Path(folder)


@pytest.mark.parametrize("page", PAGES)
def test_each_block_says_what_it_is(page: str) -> None:
    blocks = blocks_of(page)
    assert len(blocks) >= 5
    assert {block.language for block in blocks} <= LANGUAGES
    assert indented_blocks(page) == []


def test_what_is_not_run_is_listed() -> None:
    left_out = [
        block for page in PAGES for block in blocks_of(page) if block.language != "text" and block.marker is not None
    ]
    assert {(block.page, block.commands[0]): str(block.marker).split(":")[0] for block in left_out} == NOT_RUN
    assert len(left_out) == len(NOT_RUN)


@pytest.mark.parametrize("page", PAGES)
def test_blocks_run_and_print_what_the_page_shows(page: str, home: Path) -> None:
    """In one shell, block after block, as a reader copies them."""
    blocks, programs = blocks_of(page), home / "bin"
    programs.mkdir()
    kept = {name: os.environ[name] for name in ("LD_LIBRARY_PATH", "TMPDIR", "OMP_NUM_THREADS") if name in os.environ}
    environment = kept | {
        "HOME": str(home),
        "PATH": f"{programs}:{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "LANG": "C.UTF-8",
    }
    install(programs)
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", _script(blocks, home)],
        cwd=home,
        env=environment,
        capture_output=True,
        encoding="utf-8",
        timeout=900,
        check=False,
    )
    printed = done.stdout.split(MARK)[1:]
    assert done.returncode == 0, f"{page}, block at line {printed[-1].split()[0]}: {done.stderr}"
    assert len(printed) == sum(block.runs for block in blocks) > 0
    said = iter(printed)
    for block, after in zip(blocks, [*blocks[1:], None], strict=True):
        if block.runs:
            output = _lines(next(said))
            if after is not None and after.language == "text":
                assert [line for line in _lines(after.code) if line not in output] == [], f"{page}:{after.line}"


MARK = "\x1e"  # before each block's output: its line number


def _script(blocks: list[Block], home: Path) -> str:
    steps = []
    for block in blocks:
        if block.runs:
            steps.append(f"printf '{MARK}{block.line}\\n'")
            if block.language == "python":
                source = home / f"block{block.line}.py"
                source.write_text(block.code, encoding="utf-8")
                steps.append(f'"{sys.executable}" "{source}"')
            else:
                steps.append(block.code)
    return "\n".join(steps)


def _lines(text: str) -> list[str]:
    """Lines with single blanks: in a pipe columns are parted by tabs."""
    return [" ".join(line.split()) for line in text.splitlines()]


@pytest.mark.parametrize(
    ("page", "japanese"), [("README.md", "README.ja.md"), ("docs/tutorial.md", "docs/tutorial.ja.md")]
)
def test_the_japanese_page_has_the_same_commands(page: str, japanese: str) -> None:
    def commands(name: str) -> list[list[str]]:
        return [block.commands for block in blocks_of(name) if block.language != "text"]

    assert commands(japanese) == commands(page)
