"""echosearch cohort define: a sentence or a TOML file -> a saved definition."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path

import click
from click.core import ParameterSource

from echosearch.archive import open_archive
from echosearch.cli.output import note, say, say_json
from echosearch.cli.path_type import as_path
from echosearch.cohort.definition import Definition, check_name, cohort_words, windows_of
from echosearch.cohort.definition import define as read_definition
from echosearch.cohort.doubts import doubts_of
from echosearch.cohort.run import reading
from echosearch.cohort.store import save_definition
from echosearch.cohort.toml import from_toml, to_toml
from echosearch.db.cohorts.plan import PER_PATIENT
from echosearch.errors import InputError
from echosearch.report.facts import Lexicon, load_lexicon
from echosearch.settings import load_settings

__all__ = ["define"]

_SENTENCE = ("where", "per_patient", "seed", "video_at_least", "after", "before", "not_after", "not_before")


@click.command(short_help="Save criteria under a name.")
@click.argument("name", required=False)
@click.argument("text", metavar="[TEXT]", required=False)
@click.option("--from", "file", type=as_path, metavar="FILE", help="Take a definition from a TOML file.")
@click.option("--where", default="", metavar="CONDITION", help='A filter, such as "age >= 65 and date >= 2018".')
@click.option(
    "--per-patient",
    type=click.Choice(PER_PATIENT),
    default="all",
    show_default=True,
    help="Which of a patient's studies that meet all: all of them, the first, the last, or a random one.",
)
@click.option(
    "--seed", type=click.IntRange(0, 2**31 - 1), default=0, show_default=True, help="Of --per-patient random."
)
@click.option(
    "--video-at-least",
    type=float,
    metavar="P",
    help="Also studies whose report is silent and whose videos make it at least this likely; needs a calibration.",
)
@click.option("--after", multiple=True, metavar="WINDOW", help='Another study states it later: "90 days: 人工弁".')
@click.option("--before", multiple=True, metavar="WINDOW", help="Another study states it earlier.")
@click.option("--not-after", multiple=True, metavar="WINDOW", help="No other study states it later.")
@click.option(
    "--not-before", multiple=True, metavar="WINDOW", help='No other study states it earlier: "12 months: AS".'
)
@click.option("--replace", "again", is_flag=True, help="Replace the definition of this name; its snapshots stay.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
@click.pass_context
def define(
    ctx: click.Context,
    /,
    name: str | None,
    text: str | None,
    file: Path | None,
    where: str,
    per_patient: str,
    seed: int,
    video_at_least: float | None,
    after: tuple[str, ...],
    before: tuple[str, ...],
    not_after: tuple[str, ...],
    not_before: tuple[str, ...],
    again: bool,
    as_json: bool,
) -> None:
    """Save what TEXT asks for as the cohort NAME: every study whose report or measurements state it.

    Each word of TEXT must be understood. `echosearch cohort show NAME --toml` writes the definition as a file to review
    and to keep under version control; --from FILE reads it back, under NAME where one is given.

    A window asks another study of the same patient: days need a role that may read exact dates, months do not.

    \b
    echosearch cohort define severe-mr "中等度以上のMR、人工弁を除く" --where "age >= 65" --per-patient first
    echosearch cohort define tavi "高度AS" --after "90 days: 人工弁" --not-before "3650 days: 人工弁"
    echosearch cohort define --from severe-mr.toml
    """
    lexicon = load_lexicon(load_settings().lexicon)
    if file is not None:
        typed = [one for one in _SENTENCE if ctx.get_parameter_source(one) is ParameterSource.COMMANDLINE]
        if text is not None or typed:
            raise click.UsageError("--from FILE holds the whole definition: not with TEXT or its options")
        definition = _from_file(file, name)
        if definition.made.lexicon not in ("", lexicon.version):
            note(f"{file} was made with the lexicon {definition.made.lexicon}, {lexicon.version} is in use")
    elif name is None or text is None:
        raise click.UsageError("give NAME and TEXT, or --from FILE")
    else:
        check_name(name)
        definition = read_definition(
            name,
            text,
            lexicon,
            where=where,
            per_patient=per_patient,  # type: ignore[arg-type]  # click has checked it
            seed=seed,
            video_at_least=video_at_least,
            windows=windows_of(lexicon, after, before, not_after, not_before),
        )
    with open_archive(load_settings()) as archive, reading(archive) as connection:
        made = save_definition(archive, connection, definition, again)
    _show(made, lexicon, as_json)


def _from_file(file: Path, name: str | None) -> Definition:
    try:
        text = file.read_text(encoding="utf-8-sig")
    except OSError as exc:
        raise InputError(f"--from {file}: {exc.strerror}") from exc
    except UnicodeDecodeError:
        raise InputError(f"--from {file}: not UTF-8, save the file as UTF-8") from None
    found = from_toml(text, str(file))
    return found if name is None else replace(found, name=name)


def _show(made: Definition, lexicon: Lexicon, as_json: bool) -> None:
    words, doubts = cohort_words(made, lexicon), doubts_of(made, lexicon)
    if as_json:
        toml = to_toml(made)
        say_json({"name": made.name, "words": words, "toml": toml, "made": asdict(made.made), "notes": [*doubts]})
        return
    say(f"{made.name}: {words}")
    for doubt in doubts:
        note(doubt)
    note(f"echosearch cohort show {made.name} counts its studies")
