"""echosearch facts: report text -> facts."""

from __future__ import annotations

import click

from echosearch.cli.lines import answer_lines, text_given
from echosearch.cli.output import note, say_json, table
from echosearch.report.facts import Lexicon, fact_json, fact_words, load_lexicon, read_facts
from echosearch.settings import load_settings

__all__ = ["facts"]

UNKNOWN = "unknown"
FREQUENT = 5  # places in which a phrase must occur to be shown without --identified


@click.command(short_help="Read the facts out of a report's text.")
@click.argument("text", metavar="TEXT", required=False)
@click.option("--jsonl", "source", metavar="FILE", help='Read lines {"id", "text"}, or stdin with -; with --json.')
@click.option("--identified", is_flag=True, help="With unknown: rare phrases too; they may name a patient.")
@click.option("--json", "as_json", is_flag=True, help="JSON, as documented in docs/facts.md.")
def facts(text: str | None, source: str | None, identified: bool, as_json: bool) -> None:
    """Print the findings and measurements that a report states: polarity, severity, value, and position.

    No archive and no model takes part. TEXT may be - for standard input.

    \b
    echosearch facts "ごく軽度の大動脈弁閉鎖不全あり。EF 35%。"
    echosearch facts - --json < report.txt
    echosearch facts --jsonl reports.jsonl --json > facts.jsonl

    TEXT "unknown" lists the phrases of the archive's reports that no rule covers, most frequent first; those that
    occur in fewer than five places only with --identified, since a rare phrase may name a patient.

    \b
    echosearch facts unknown
    """
    if (text is None) == (source is None):
        raise click.UsageError("give either TEXT or --jsonl FILE")
    if source is not None and not as_json:
        raise click.UsageError("--jsonl answers in lines of JSON: give --json too")
    lexicon = load_lexicon(load_settings().lexicon)
    if source is not None:
        answer_lines(source, "text", lambda given: {"facts": [fact_json(f) for f in read_facts(given, lexicon)]})
        return
    if identified and text != UNKNOWN:
        raise click.UsageError("--identified goes with: echosearch facts unknown")
    if text == UNKNOWN:
        _say_unknown(lexicon, 1 if identified else FREQUENT, as_json)
        return
    given = text_given(text or "")
    found = read_facts(given, lexicon)
    if as_json:
        say_json({"facts": [fact_json(fact) for fact in found]})
        return
    if not found:
        note("no rule finds a fact in this text")
    rows = [(*fact_words(fact, lexicon), given[fact.start : fact.end], fact.rule) for fact in found]
    table(("concept", "polarity", "severity", "value", "words", "rule"), rows)


def _say_unknown(lexicon: Lexicon, least: int, as_json: bool) -> None:
    """Phrases of the archive's served reports that no rule covers, found in at least ``least`` places."""
    from echosearch.archive import open_archive
    from echosearch.db.studies.facts import served_texts
    from echosearch.report.facts import unknown_phrases

    with open_archive(load_settings()) as archive, archive.engine.connect() as connection:
        phrases = unknown_phrases(served_texts(connection), lexicon)
    shown = [(phrase, count) for phrase, count in phrases if count >= least]
    if as_json:
        say_json(
            {
                "phrases": [{"phrase": phrase, "count": count} for phrase, count in shown],
                "rare": len(phrases) - len(shown),
            }
        )
        return
    table(("count", "phrase"), [(count, phrase) for phrase, count in shown], right=("count",))
    if len(phrases) > len(shown):
        note(f"{len(phrases) - len(shown)} phrases that occur in fewer than {least} places are shown with --identified")
