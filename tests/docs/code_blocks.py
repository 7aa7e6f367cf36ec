"""The fenced code blocks of a Markdown page."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

__all__ = ["ROOT", "Block", "blocks_of", "indented_blocks"]

ROOT = Path(__file__).parents[2]
FENCE = re.compile(
    r"(?:<!-- (?P<marker>[^\n]*?) -->\n)?^```(?P<language>\w*)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL
)
RUNNABLE = ("bash", "python")


@dataclass(frozen=True)
class Block:
    """A fenced block; ``marker`` is the HTML comment on the line before it, and says why the block is not run."""

    page: str
    line: int
    language: str
    code: str
    marker: str | None

    @property
    def runs(self) -> bool:
        return self.language in RUNNABLE and self.marker is None

    @property
    def first_line(self) -> str:
        return self.code.splitlines()[0]

    @property
    def commands(self) -> list[str]:
        """The lines without comments."""
        lines = [re.sub(r"(^|\s+)# .*", "", line) for line in self.code.splitlines()]
        return [line for line in lines if line]


def blocks_of(page: str) -> list[Block]:
    """Return the blocks of a page, named from the project's root, in their order."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return [
        Block(page, text.count("\n", 0, one.start("code")), one["language"], one["code"], one["marker"])
        for one in FENCE.finditer(text)
    ]


def indented_blocks(page: str) -> list[str]:
    """Return the first lines of code blocks that are made by indentation, which no marker and no language describe."""
    text = FENCE.sub("", (ROOT / page).read_text(encoding="utf-8"))
    return re.findall(r"^\n((?: {4}|\t)[^\n]*)", text, re.MULTILINE)
