"""The codes of errors: documented, and each of our error classes has one that is its own."""

from __future__ import annotations

from pathlib import Path

import echosearch.errors as errors
from echosearch.errors import EchosearchError
from echosearch.outcome import Quarantined, Reason
from echosearch.web.problems import CODES, problem_of

DOCS = Path(__file__).parents[2] / "docs" / "serve.md"


def test_the_docs_have_every_code() -> None:
    text = DOCS.read_text(encoding="utf-8")
    missing = [code for code, (status, _) in CODES.items() if f"| `{code}` | {status} |" not in text]
    assert missing == []


def test_our_errors_become_problems_that_name_no_option_of_the_command_line() -> None:
    kinds = [getattr(errors, name) for name in errors.__all__ if name not in ("FileRefused", "EchosearchError")]
    made = [problem_of(kind("--min-view-prob 2: give less")) for kind in kinds]
    made.append(problem_of(errors.FileRefused(Quarantined(Reason.UNREADABLE, "gone"))))
    assert {one.code for one in made} == {
        *("condition", "unknown-study", "empty-archive", "encoder", "file-refused", "store", "input", "failed")
    }
    assert not [one for one in made if "--" in one.detail]
    assert problem_of(EchosearchError("x")).status == 500
