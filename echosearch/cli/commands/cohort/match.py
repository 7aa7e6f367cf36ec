"""echosearch cohort match."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import click

from echosearch.archive import open_archive
from echosearch.cli.output import counted, note, say, say_json, table
from echosearch.cli.path_type import as_path
from echosearch.cohort.match import Matched, match_cohort, matched_on
from echosearch.cohort.run import reading
from echosearch.settings import load_settings

__all__ = ["match"]


@click.command(short_help="Find controls for the members.")
@click.argument("name", metavar="NAME[@NUMBER]")
@click.option("--on", default="age,sex,year", show_default=True, metavar="FIELDS", help="Of age, sex, year and device.")
@click.option("--ratio", type=click.IntRange(1, 20), default=2, show_default=True, help="Controls of each member.")
@click.option("--caliper", type=click.IntRange(0, 90), default=5, show_default=True, help="Years of age between them.")
@click.option(
    "--controls",
    type=click.Choice(("denied", "silent")),
    default="denied",
    show_default=True,
    help="Studies whose report says otherwise, or does not speak of it.",
)
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=0, show_default=True, help="Of the order.")
@click.option("--out", type=as_path, metavar="FILE", help="Write the sets to a .csv or .parquet file.")
@click.option("--json", "as_json", is_flag=True, help="Counts and balance as JSON.")
def match(
    name: str, on: str, ratio: int, caliper: int, controls: str, seed: int, out: Path | None, as_json: bool
) -> None:
    """Match controls to the studies of the cohort NAME, or of the snapshot NAME@NUMBER.

    Sex, year and device are the same, the age is within --caliper. A control passes the cohort's filter, its patient
    has no study that states the question, and is a control once. The table says how alike cases and controls are,
    before and after: standardised mean differences, of which 0.1 is often taken as small.

    \b
    echosearch cohort match severe-mr --on age,sex,year --ratio 2 --out sets.csv
    echosearch cohort match severe-mr@1 --on age,sex,device --controls silent --seed 7
    """
    fields = matched_on(on)
    with open_archive(load_settings()) as archive, reading(archive) as connection:
        made = match_cohort(
            archive,
            connection,
            name,
            on=fields,
            ratio=ratio,
            caliper=caliper,
            seed=seed,
            controls_from=controls,
            out=out,
        )
    if as_json:
        say_json(asdict(made))
    else:
        _say(made)
    if out is not None:
        note(f"the sets are in {out}")


def _say(made: Matched) -> None:
    cases, controls = counted(made.cases, "case"), counted(made.controls, "control")
    say(f"{made.matched} of {cases} matched with {controls}, of {made.pool} that could be")

    def shown(number: float | None) -> str | None:
        return None if number is None else f"{number:.3f}"

    columns = ("", "cases", "could be", "difference", "matched", "controls", "difference after")
    rows = [
        (
            one.covariate,
            shown(one.cases),
            shown(one.pool),
            shown(one.before),
            shown(one.matched),
            shown(one.controls),
            shown(one.after),
        )
        for one in made.balance
    ]
    table(columns, rows, right=columns[1:])
