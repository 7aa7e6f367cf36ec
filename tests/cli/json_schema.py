"""What a command prints with --json against its schema in docs/schemas."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from jsonschema import Draft202012Validator

SCHEMAS = Path(__file__).parents[2] / "docs" / "schemas"
GROUPS = ("index", "encoder", "phantom", "cohort", "audit", "preview", "probe", "user")
VARIANTS = {
    "--why": "why",
    "--files": "files",
    "--unmatched": "unmatched",
    "--dry-run": "dry-run",
    "--undo": "undo",
    "--robustness": "robustness",
    "--benchmark": "benchmark",
}


def schema_name(args: Sequence[str]) -> str | None:
    """The schema of this command line's output; None where it prints no JSON or has no schema."""
    if "--json" not in args:
        return None
    # `contour FILE` is `contour draw FILE`
    words = 2 if args[0] in GROUPS or (args[0] == "contour" and args[1] in ("import", "forget")) else 1
    name = "-".join(args[:words])
    name = "-".join([name, *(VARIANTS[word] for word in args if word in VARIANTS)])
    if name == "cohort-review" and "--report" in args:
        name += "-report"
    return name if (SCHEMAS / f"{name}.json").exists() else None


@cache
def validator(name: str) -> Draft202012Validator:
    schema = json.loads((SCHEMAS / f"{name}.json").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def check_json(args: Sequence[str], stdout: str) -> None:
    """Raises jsonschema's ValidationError where the document is not what docs/schemas says."""
    name = schema_name(args)
    if name is not None and stdout:
        validator(name).validate(json.loads(stdout))
