"""echosearch cohort: studies that meet criteria, as a group that can be asked again."""

from __future__ import annotations

import click

from echosearch.cli.lazy import LazyGroup

__all__ = ["COMMANDS", "cohort"]

# name -> (where it is, what `echosearch cohort --help` says of it)
COMMANDS: dict[str, tuple[str, str]] = {
    "define": ("echosearch.cli.commands.cohort.define:define", "Save criteria under a name."),
    "list": ("echosearch.cli.commands.cohort.show:show_list", "List the cohorts and their snapshots."),
    "show": ("echosearch.cli.commands.cohort.show:show", "Count what each step leaves: the attrition."),
    "freeze": ("echosearch.cli.commands.cohort.freeze:freeze", "Keep the members of now, for good."),
    "diff": ("echosearch.cli.commands.cohort.freeze:diff", "Say who entered and who left, and why."),
    "export": ("echosearch.cli.commands.cohort.export:export", "Write the members to a table."),
    "match": ("echosearch.cli.commands.cohort.match:match", "Find controls for the members."),
    "review": ("echosearch.cli.commands.cohort.review:review", "Record what readers say of the members."),
    "delete": ("echosearch.cli.commands.cohort.show:delete", "Delete a definition; its snapshots stay."),
}


@click.group(cls=LazyGroup, lazy=COMMANDS, short_help="Save criteria, count, freeze, compare and export their studies.")
def cohort() -> None:
    """Save criteria as a cohort: count, freeze, compare, export, match and review its studies.

    \b
    echosearch cohort define severe-mr "中等度以上のMR、人工弁を除く" --where "age >= 65" --per-patient first
    echosearch cohort show severe-mr --figure severe-mr.svg
    echosearch cohort freeze severe-mr
    echosearch cohort export severe-mr@1 --out severe-mr.parquet
    """
