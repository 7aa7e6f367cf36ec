"""Answer lines of JSON one by one: no line waits for the end of the file."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, BinaryIO

from echosearch.cli.output import say_json
from echosearch.errors import InputError
from echosearch.unicode import utf8_text

__all__ = ["answer_lines", "text_given"]


def text_given(text: str) -> str:
    """Return a text argument; "-" reads standard input."""
    if text != "-":
        return text
    try:
        return utf8_text(sys.stdin.buffer.read())
    except UnicodeDecodeError:
        raise InputError("standard input: not UTF-8, save the text as UTF-8") from None


def answer_lines(source: str, key: str, answer: Callable[[str], dict[str, Any]]) -> None:
    """Write {"id": ..., **answer(text)} for each line {"id": ..., key: ...} of a file.

    Raises InputError with the line and the rule.
    """
    for identity, text in _lines(source, key):
        say_json({"id": identity, **answer(text)}, indent=None)


def _lines(source: str, key: str) -> Iterator[tuple[Any, str]]:
    named = "standard input" if source == "-" else source
    with ExitStack() as stack:
        try:
            stream: BinaryIO = sys.stdin.buffer if source == "-" else stack.enter_context(open(source, "rb"))
        except OSError as exc:
            raise InputError(f"--jsonl {source}: {exc.strerror}") from exc
        for number, raw in enumerate(stream, 1):
            if not raw.strip():
                continue
            try:
                row = json.loads(raw.decode("utf-8-sig" if number == 1 else "utf-8"))
            except UnicodeDecodeError:
                raise InputError(f"{named}, line {number}: not UTF-8") from None
            except (ValueError, RecursionError):
                raise InputError(f'{named}, line {number}: not JSON: write {{"id": ..., "{key}": ...}}') from None
            if not isinstance(row, dict) or "id" not in row or not isinstance(row.get(key), str):
                raise InputError(f'{named}, line {number}: not an object with "id" and a string "{key}"')
            yield row["id"], row[key]
