"""echosearch understand: query -> conditions."""

from __future__ import annotations

from typing import Any

import click

from echosearch.cli.lines import answer_lines, text_given
from echosearch.cli.output import say, say_json
from echosearch.report.facts import Lexicon, QueryUnderstanding, load_lexicon, understanding_json, understood_words
from echosearch.report.facts import understand as understand_query
from echosearch.settings import load_settings

__all__ = ["understand"]


@click.command(short_help="Show how a query is understood.")
@click.argument("text", metavar="QUERY", required=False)
@click.option("--jsonl", "source", metavar="FILE", help='Read lines {"id", "query"}, or stdin with -; with --json.')
@click.option("--json", "as_json", is_flag=True, help="JSON, as documented in docs/facts.md.")
def understand(text: str | None, source: str | None, as_json: bool) -> None:
    """Show what a search would take QUERY for: findings, numbers, age, sex, date - and what no rule understands.

    Of that, a search asks the reports for the words that say something.

    \b
    echosearch understand "65歳以上の女性で中等度以上のMR、左室拡大なし、EF 40%未満"
    echosearch understand "呼吸困難で来院した重度MR"
    echosearch understand "人工弁を除く中等度以上のTR" --json
    echosearch understand --jsonl queries.jsonl --json
    """
    if (text is None) == (source is None):
        raise click.UsageError("give either QUERY or --jsonl FILE")
    if source is not None and not as_json:
        raise click.UsageError("--jsonl answers in lines of JSON: give --json too")
    lexicon = load_lexicon(load_settings().lexicon)
    if source is not None:
        answer_lines(source, "query", lambda given: _json(given, understand_query(given, lexicon), lexicon))
        return
    query = text_given(text or "")
    found = understand_query(query, lexicon)
    if as_json:
        say_json(_json(query, found, lexicon))
        return
    say(f"understood: {understood_words(found, lexicon) or 'nothing'}")
    say(f"not understood: {found.rest or 'nothing'}")
    for one in (*found.ambiguous, *found.untold):
        say(str(one))
    if words := _words(query, found, lexicon):
        named = ", ".join(one["word"] + (" なし" if one["denied"] else "") for one in words)
        say(f"searched as words of reports: {named}")


def _json(query: str, found: QueryUnderstanding, lexicon: Lexicon) -> dict[str, Any]:
    return {**understanding_json(found), "words": _words(query, found, lexicon)}


def _words(query: str, found: QueryUnderstanding, lexicon: Lexicon) -> list[dict[str, Any]]:
    if not (found.rest or found.phrases):
        return []
    from echosearch.encoder.text.report_words import query_terms  # MeCab, which most queries do not need

    return query_terms(found.rest, query, lexicon, found.phrases).json
