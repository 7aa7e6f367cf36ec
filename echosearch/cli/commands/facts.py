"""echosearch facts: report text -> facts."""

from __future__ import annotations

import click

from echosearch.cli.lines import answer_lines, text_given
from echosearch.cli.output import note, say_json, table
from echosearch.report.facts import fact_json, fact_words, load_lexicon, read_facts
from echosearch.settings import load_settings

__all__ = ["facts"]


@click.command(short_help="Read the facts out of a report's text.")
@click.argument("text", metavar="TEXT", required=False)
@click.option("--jsonl", "source", metavar="FILE", help='Read lines {"id", "text"}, or stdin with -; with --json.')
@click.option("--json", "as_json", is_flag=True, help="JSON, as documented in docs/facts.md.")
def facts(text: str | None, source: str | None, as_json: bool) -> None:
    """Say which findings and measurements a report states: polarity, severity, value, and where it says so.

    No archive and no model takes part. TEXT may be - for standard input.

    \b
    echosearch facts "ごく軽度の大動脈弁閉鎖不全あり。EF 35%。"
    echosearch facts - --json < report.txt
    echosearch facts --jsonl reports.jsonl --json > facts.jsonl
    """
    if (text is None) == (source is None):
        raise click.UsageError("give either TEXT or --jsonl FILE")
    if source is not None and not as_json:
        raise click.UsageError("--jsonl answers in lines of JSON: give --json too")
    lexicon = load_lexicon(load_settings().lexicon)
    if source is not None:
        answer_lines(source, "text", lambda given: {"facts": [fact_json(f) for f in read_facts(given, lexicon)]})
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
