"""The house's words: docstrings that begin with a verb, one meaning for a name, no banned word, no invented state."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

from echosearch.outcome import FileState
from tests.test_architecture import MODULES, ROOT, parsed

# the first words of public functions' docstrings: imperatives, as few as will do
VERBS = """
    Add Answer Append Ask Assemble Audit Begin Bring Build Call Check Claim Close Compare Compute Connect Convert
    Copy Count Create Cut Declare Decode Delete Describe Disable Download Drain Draw Drop Embed Encode Erase Evaluate
    Exit Fill Find Fit Fold Force Forget Free Give Go Group Guard Hold Import Interpret Join Keep Let List Load Log Look
    Make Match Measure Move Name Note Open Order Parse Prepare Print Project Put Raise Rank Read Record Remove Render
    Repair Restore Return Revoke Run Save Say Scale Score Search Send Serve Set Settle Share Show Sign Split Start
    Stop Store Take Time Train Turn Use Write Yield
"""
BANNED = ("vouch", "stands for", "fell short", "falls short", "what is met", "quarrel")
UNSWEPT = (
    "tests/test_words.py",
    "CHANGELOG.md",
)

# public names that several modules share, and why
SHARED = {
    "a command, and the function or the route that it calls": (
        "audit changed define disagree drop evaluate export freeze ingest interpret preview rebuild reembed review"
        " shortcuts similar status timeline train understand verify work"
    ),
    "a page, and the route of the API beside it": ("define_cohort freeze_cohort list_cohorts show_study show_timeline"),
    "the `show` of a group of commands": "show",
    "the public API, and the function that it wraps": "open_archive",
    "twins: the same for an edge shard and a server": "nearest",
    "twins: the same for two families of wording": "no_change_text report_phrases report_text",
    "the same for each published encoder": "manifest rules",
    "the same for two kinds of process": "receive send",
    "the same for two kinds of result": "as_json",
    "the same for a header and a table": "read_identifier",
    "a program's entry": "main",
    "one line for a person": "say",
    "the `list` of a group of commands": "show_list",
    "the options of a search, of a command and of a call": "search_options",
    "a row of the database, and a study or video of any source to train on": "Study Video",
}


def public_functions(tree: ast.Module) -> Iterator[ast.FunctionDef]:
    """Public functions, and public methods of public classes; a property reads as a value and is named as one."""
    owners: list[ast.Module | ast.ClassDef] = [tree]
    owners += [node for node in ast.walk(tree) if isinstance(node, ast.ClassDef) and not node.name.startswith("_")]
    for node in (child for owner in owners for child in owner.body):
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            decorators = {ast.unparse(one) for one in node.decorator_list}
            if not decorators & {"property", "cached_property"}:
                yield node


def first_words(module: str) -> dict[str, str]:
    """The first word of each public function's docstring; a function without one is left out."""
    documented = ((node.name, ast.get_docstring(node)) for node in public_functions(parsed(MODULES[module])))
    return {name: text.split()[0].rstrip(".,:") for name, text in documented if text}


def test_a_public_functions_docstring_begins_with_its_verb() -> None:
    verbs = frozenset(VERBS.split())
    for module in MODULES:
        assert {name: word for name, word in first_words(module).items() if word not in verbs} == {}, module


def test_no_banned_word_in_code_or_docs() -> None:
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False, text=True)
    for name in filter(None, listing.stdout.split("\0")):
        path = ROOT / name
        if name.startswith(UNSWEPT) or path.suffix not in {".py", ".md"} or not path.exists():
            continue
        text = " ".join(path.read_text(encoding="utf-8").lower().split())
        assert [word for word in BANNED if word in text] == [], name


def test_a_public_name_has_one_meaning() -> None:
    homes: dict[str, list[str]] = {}
    for module, path in MODULES.items():
        for node in parsed(path).body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
                homes.setdefault(node.name, []).append(module)
    several = {name for name, modules in homes.items() if len(modules) > 1}
    allowed = {name for names in SHARED.values() for name in names.split()}
    assert several - allowed == set(), {name: homes[name] for name in several - allowed}
    assert allowed - several == set()


STATE = re.compile(r"\bstate\s*(?:=|<>|in)\s*\(?((?:'\w+'(?:,\s*)?)+)")
GENERATION_STATES = {"building", "active", "retired"}


def test_a_state_in_sql_is_a_state_of_a_file_or_a_generation() -> None:
    """SQL spells states out; a state that FileState does not have matches no row, and nothing would say so."""
    found = 0
    for path in Path(ROOT / "echosearch" / "db").rglob("*.py"):
        for literals in STATE.findall(path.read_text(encoding="utf-8")):
            states = set(re.findall(r"\w+", literals))
            assert states <= set(FileState) or states <= GENERATION_STATES, f"{path.name}: {literals}"
            found += 1
    assert found > 10
