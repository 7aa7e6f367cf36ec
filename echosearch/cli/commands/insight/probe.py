"""echosearch probe: read findings and values off study vectors by probes that were fitted to labels."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from echosearch.archive import open_archive
from echosearch.cli.interval_cell import interval_cell
from echosearch.cli.output import note, say_json, table
from echosearch.insight.as_json import probe_json
from echosearch.insight.probes.stored import delete_probe, fit_probe, stored_probes
from echosearch.report.encoding import ENCODINGS
from echosearch.settings import load_settings

if TYPE_CHECKING:
    from echosearch.insight.probes.stored import StoredProbe

__all__ = ["probe_group"]


@click.group("probe", short_help="Fit probes to labels, and read studies with them.")
def probe_group() -> None:
    """Fit probes that read a finding or a value off stored study vectors, corrected by labels.

    A probe belongs to the encoder that made the vectors; `interpret` reads with the newest one.

    \b
    echosearch probe fit --target ef --labels sr
    echosearch probe list
    """


@probe_group.command("fit", short_help="Fit a probe to labels and store it.")
@click.option(
    "--target", required=True, metavar="NAME", help="A finding, territory or measurement: ef, mr, rwma.LAD, 左房拡大."
)
@click.option("--labels", required=True, metavar="sr|facts|CSV", help="What to learn from.")
@click.option("--encoding", type=click.Choice(ENCODINGS), help="Of the CSV, where it cannot be found out.")
@click.option("--json", "as_json", is_flag=True, help="JSON, as documented in docs/interpretation.md.")
def fit_labels(target: str, labels: str, encoding: str | None, as_json: bool) -> None:
    """Fit a probe of one finding, territory or measurement to labels, and store it as the next version.

    Labels: "sr", values of structured reports; "facts", what reports state; or a CSV with the columns study (key,
    StudyInstanceUID or accession number) and label (a value, a grade 0 to 4, or 0 or 1). Errors are of patients that
    the probe was not fitted on.

    A territory is a coronary artery's walls: rwma.LAD, rwma.RCA or rwma.LCX, hypokinesis or worse of one of them. Of
    "facts" the report names the wall; where it names none, the study is left out.

    \b
    echosearch probe fit --target ef --labels sr
    echosearch probe fit --target mr --labels facts --json
    echosearch probe fit --target rwma.LAD --labels facts
    echosearch probe fit --target lv_wall_motion --labels read-by-two.csv
    """
    if encoding is not None and labels in ("sr", "facts"):
        raise click.UsageError("--encoding goes with a CSV of --labels")
    with open_archive(load_settings()) as archive:
        made, left_out = fit_probe(archive, target, labels, encoding)
    if as_json:
        say_json({**probe_json(made), "left_out": left_out})
        return
    if left_out:
        note(f"{left_out} rows name no indexed study, or one again, and are left out")
    _show([made])


@probe_group.command("list", short_help="List the probes of the encoder in use.")
@click.option("--json", "as_json", is_flag=True, help="JSON, as documented in docs/interpretation.md.")
def show_list(as_json: bool) -> None:
    """List the newest probe of every finding, territory and measurement, for the encoder in use.

    \b
    echosearch probe list
    echosearch probe list --json
    """
    with open_archive(load_settings()) as archive:
        found = stored_probes(archive)
    _say_probes(found, as_json)


@probe_group.command("show", short_help="Show all versions of a probe.")
@click.argument("target", metavar="NAME")
@click.option("--json", "as_json", is_flag=True, help="JSON, as documented in docs/interpretation.md.")
def show_versions(target: str, as_json: bool) -> None:
    """Show all versions of a finding's or measurement's probe, the newest first.

    \b
    echosearch probe show ef
    echosearch probe show mr --json
    """
    with open_archive(load_settings()) as archive:
        found = stored_probes(archive, target)
    _say_probes(found, as_json)


@probe_group.command("delete", short_help="Delete a probe.")
@click.argument("target", metavar="NAME[@VERSION]")
@click.option("--json", "as_json", is_flag=True, help="JSON, as documented in docs/interpretation.md.")
def delete_versions(target: str, as_json: bool) -> None:
    """Delete all versions of a probe, or one.

    \b
    echosearch probe delete ef
    echosearch probe delete mr@2 --json
    """
    named = re.fullmatch(r"(.+)@([0-9]{1,9})", target)
    name, version = (named[1], int(named[2])) if named else (target, None)
    with open_archive(load_settings()) as archive:
        concept, gone = delete_probe(archive, name, version)
    if as_json:
        say_json({"concept": concept, "deleted": gone})
        return
    note(f"{gone} versions of the probe of {concept} are deleted")


def _say_probes(found: Sequence[StoredProbe], as_json: bool) -> None:
    if as_json:
        say_json({"probes": [probe_json(one) for one in found]})
    else:
        _show(found)


def _show(found: Sequence[StoredProbe]) -> None:
    errors = ("error", "prompts' error", "AUC", "prompts' AUC", "exact", "calibration error")
    columns = ("concept", "version", "kind", "labels", "studies", "with", *errors, "made")
    rows = []
    for one in found:
        probe, alone = one.probe, one.probe.prompts
        rows.append(
            (
                one.label,
                one.version,
                probe.kind,
                one.labels,
                probe.studies,
                probe.positives,
                interval_cell(probe.errors.error, digits=2),
                None if alone is None else interval_cell(alone.error, digits=2),
                interval_cell(probe.errors.auc),
                None if alone is None else interval_cell(alone.auc),
                interval_cell(probe.errors.exact, digits=2),
                None if probe.errors.calibration is None else f"{probe.errors.calibration:.3f}",
                one.created_at,
            )
        )
    table(columns, rows, right=columns[4:12])
