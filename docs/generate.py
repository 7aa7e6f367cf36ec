"""Write the pages and schemas that come from the code: `python docs/generate.py`; with --check only compare.

docs/reference/cli.md        every command and option
docs/reference/settings.md   the fields of Settings, with the comments behind them
docs/reference/reasons.md    Reason, and what each means to the user
docs/reference/python.md     the public Python API
docs/reference/json.md       the list of the schemas
docs/schemas/*.json          JSON Schema of what --json prints
docs/tutorial-python.md      the cells of docs/tutorial-python.ipynb
"""

from __future__ import annotations

import inspect
import json
import re
import sys
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path

import click
from shapes import SCHEMAS, schema_of

import echosearch
from echosearch.cli.main import cli
from echosearch.outcome import Reason
from echosearch.reading.reason_text import MEANING
from echosearch.settings import Settings

DOCS = Path(__file__).parent
GENERATED = "<!-- written by docs/generate.py: edit the code, then run `make docs` -->"
_FIELD = re.compile(r"^    (\w+): (.+?)(?: = (.+?))?(?:  # (.*))?$", re.MULTILINE)
_MEMBER = re.compile(r'^    (\w+) = "\w+"(?:  # (.*))?$')


def page(title: str, *lines: str) -> str:
    return "\n".join([f"# {title}", "", GENERATED, "", *lines]).rstrip() + "\n"


def table(columns: tuple[str, ...], rows: Sequence[tuple[str, ...]]) -> list[str]:
    lines = [columns, tuple("---" for _ in columns), *rows]
    return ["| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines]


# --- the command line -----------------------------------------------------------------------------------------------


def cli_page() -> str:
    lines = ["What holds for all of them is in [the command line](../cli.md).", ""]
    for name, command in commands(cli, "echosearch"):
        lines += [f"## {name}", "", *_usage(name, command), *_help(command), *_options(command)]
    return page("Commands", *lines)


def commands(group: click.Group, prefix: str) -> Iterator[tuple[str, click.Command]]:
    """Every command and group below ``group``, with its full name."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield f"{prefix} {name}", command
        if isinstance(command, click.Group):
            yield from commands(command, f"{prefix} {name}")


def _usage(name: str, command: click.Command) -> list[str]:
    arguments = [one.metavar or (one.name or "").upper() for one in command.params if isinstance(one, click.Argument)]
    tail = ["COMMAND"] if isinstance(command, click.Group) else ["[OPTIONS]", *arguments]
    return ["    " + " ".join([name, *tail]), ""]


def _help(command: click.Command) -> list[str]:
    """Paragraphs; those that click prints as they are (after a \\b) become code."""
    lines: list[str] = []
    for paragraph in inspect.cleandoc(command.help or "").split("\n\n"):
        if paragraph.startswith("\b"):
            lines += [f"    {line}".rstrip() for line in paragraph.splitlines()[1:]]
        else:
            lines += paragraph.splitlines()
        lines.append("")
    return lines


def _options(command: click.Command) -> list[str]:
    rows = []
    for option in command.params:
        if isinstance(option, click.Option):
            names = ", ".join(f"`{name}`" for name in option.opts)
            default = f"default {option.default}" if option.show_default else ""
            said = "; ".join(filter(None, ((option.help or "").rstrip("."), default)))
            rows.append((f"{names} {_value(option)}".rstrip(), said))
    return [*table(("option", "meaning"), rows), ""] if rows else []


def _value(option: click.Option) -> str:
    if option.is_flag:
        return ""
    if isinstance(option.type, click.Choice):
        return ", ".join(str(choice) for choice in option.type.choices)
    return option.metavar or {"integer range": "N", "float": "X", "float range": "X"}.get(option.type.name, "TEXT")


# --- settings, reasons, Python --------------------------------------------------------------------------------------


def settings_page() -> str:
    rows = []
    for name, _, default, comment in _FIELD.findall(inspect.getsource(Settings)):
        if name in Settings.model_fields:
            plain = default.removeprefix("Path(").removesuffix(")") if default.startswith("Path(") else default
            shown = "" if plain == "None" else f"`{plain}`"
            rows.append((f"`ECHOSEARCH_{name.upper()}`", comment, shown))
    missing = Settings.model_fields.keys() - {row[0].strip("`").removeprefix("ECHOSEARCH_").lower() for row in rows}
    bare = [row[0] for row in rows if not row[1]]
    if missing or bare:
        raise SystemExit(f"settings.py: a comment behind each setting is its documentation: {sorted(missing)} {bare}")
    intro = (
        "Read from the environment; an empty variable counts as unset. [The command line](../cli.md) says more of some."
    )
    return page("Settings", intro, "", *table(("variable", "meaning", "default"), rows))


def reasons_page() -> str:
    rows, state = [], ""
    for line in inspect.getsource(Reason).splitlines():
        if line.strip() in ("# skipped", "# quarantined"):
            state = line.strip(" #")
        elif member := _MEMBER.match(line):
            rows.append((f"`{member[1]}`", state, MEANING[Reason[member[1]]], member[2] or ""))
    assert [row[0].strip("`") for row in rows] == [reason.name for reason in Reason]
    intro = "Why a file is not indexed. Skipped: it never could be. Quarantined: it should have been, and cannot be."
    return page("Reasons", intro, "", *table(("reason", "state", "what it means to you", "what was found"), rows))


def json_page() -> str:
    rows = [(f"`{command}`", f"[{name}.json](../schemas/{name}.json)") for name, (command, _) in SCHEMAS.items()]
    intro = (
        "One JSON document a command, described by JSON Schema (2020-12). Keys may be added in a later version; none\n"
        "is renamed or removed. What other commands print is in [the command line](../cli.md); what the keys of a\n"
        "search mean is in [search](../search.md)."
    )
    return page("JSON", intro, "", *table(("command", "schema"), rows))


def python_page() -> str:
    lines = [
        "`import echosearch` imports nothing heavy; each name below is imported when it is first used. These names are",
        "stable: parameters and fields may be added, none is renamed or removed. Nothing prints. Not one thing below",
        "names a patient unless `identified=True` is given.",
        "",
        "    import echosearch",
        "",
        "    with echosearch.open_archive() as archive:",
        '        archive.ingest("/pacs/export", reports="reports.csv")',
        '        hits = archive.search("重度僧帽弁逆流", view="4CH", where="age >= 65", top_k=10)',
        "        print(hits)",
        "        archive.similar(hits[0].study)",
        "",
        "Several archives may be open in one process; of one embedded home only one at a time, in any process.",
        "",
        *_call("open_archive", echosearch.open_archive),
    ]
    for kind in (echosearch.OpenArchive, echosearch.Cohorts, echosearch.Probes, echosearch.Hits, echosearch.Previews):
        lines += [f"## {kind.__name__}", "", *_doc(kind)]
        for name, member in vars(kind).items():
            if not name.startswith("_") and inspect.isfunction(member):
                lines += _call(f"{kind.__name__}.{name}", member, "###")
            elif not name.startswith("_") and isinstance(member, property | cached_property):
                lines += [f"### {kind.__name__}.{name}", "", *_doc(member)]
    records = (echosearch.Hit, echosearch.VectorTable, echosearch.Preview, echosearch.NoPreview)
    for record in (*records, echosearch.IngestSummary, echosearch.Progress):
        lines += [f"## {record.__name__}", "", *_doc(record)]
        found = re.findall(
            r"^    (\w+): ([^=#\n]+?)(?: = [^#\n]+?)?(?:  # (.*))?$", inspect.getsource(record), re.MULTILINE
        )
        lines += [*table(("field", "type", ""), [(f"`{name}`", f"`{of}`", said) for name, of, said in found]), ""]
    drawn = inspect.cleandoc(sys.modules["echosearch.errors"].__doc__ or "").splitlines()
    tree = [line for line in drawn if line.startswith("    ")]
    lines += ["## Errors", "", "The number is the exit code that the command line gives it.", "", *tree]
    return page("Python", *lines)


def _call(name: str, function: object, heading: str = "##") -> list[str]:
    signature = str(inspect.signature(function))  # type: ignore[arg-type]
    signature = signature.replace("self, ", "").replace("(self)", "()")
    signature = re.sub(r"(: |-> )'([^']*)'", r"\1\2", signature)  # annotations are strings
    one_line = f"{name}{signature}"
    if len(one_line) > 100:
        arguments, _, result = signature[1:].rpartition(") -> ")
        parts = "".join(f"        {part},\n" for part in re.split(r", (?=\w+:|\*)", arguments))
        one_line = f"{name}(\n{parts}    ) -> {result}"
    return [f"{heading} {name}", "", f"    {one_line}", "", *_doc(function)]


def _doc(thing: object) -> list[str]:
    return [*inspect.cleandoc(thing.__doc__ or "").replace("``", "`").splitlines(), ""]


# --- the tutorial ---------------------------------------------------------------------------------------------------


def tutorial_page() -> str:
    cells = json.loads((DOCS / "tutorial-python.ipynb").read_text(encoding="utf-8"))["cells"]
    lines: list[str] = []
    for cell in cells:
        source = "".join(cell["source"])
        lines += ["```python", source, "```", ""] if cell["cell_type"] == "code" else [source, ""]
    title, _, rest = "\n".join(lines).partition("\n")
    return page(title.removeprefix("# "), rest.strip())


def files() -> dict[Path, str]:
    """Every generated file and what it must hold."""
    made = {
        DOCS / "reference" / "cli.md": cli_page(),
        DOCS / "reference" / "settings.md": settings_page(),
        DOCS / "reference" / "reasons.md": reasons_page(),
        DOCS / "reference" / "json.md": json_page(),
        DOCS / "reference" / "python.md": python_page(),
        DOCS / "tutorial-python.md": tutorial_page(),
    }
    for name in SCHEMAS:
        text = json.dumps(schema_of(name), ensure_ascii=False, indent=2)
        made[DOCS / "schemas" / f"{name}.json"] = text + "\n"
    return made


def main() -> int:
    stale = [path for path, text in files().items() if not path.exists() or path.read_text(encoding="utf-8") != text]
    known = {*files(), *(DOCS / "reference").glob("*.md"), *(DOCS / "schemas").glob("*.json")}
    strays = sorted(known - files().keys())
    if "--check" in sys.argv[1:]:
        for path in (*stale, *strays):
            sys.stderr.write(f"{path} is not what the code says: run make docs\n")
        return 1 if stale or strays else 0
    for path in stale:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(files()[path], encoding="utf-8")
    for path in strays:
        path.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main())
