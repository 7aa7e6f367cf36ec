"""Hits as cards: what a card says beside its cine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from echosearch.db.files.shown import shown_digests
from echosearch.preview.values import NoPreview
from echosearch.report.facts import Fact, Lexicon, fact_line, fact_of_json, fact_words
from echosearch.web.language.english import concept_label, fact_in_english
from echosearch.web.rights import Caller

__all__ = ["CARDS", "Card", "ToldWords", "cards_of", "facts_in_words"]

CARDS = 12  # of a page


@dataclass(frozen=True)
class ToldWords:
    """A fact or a measurement in words. ``kind``: its polarity, or "measured"."""

    words: str
    kind: str
    inherited: bool = False


@dataclass(frozen=True)
class Card:
    hit: Mapping[str, Any]
    score: str  # a percentage or a cosine
    told: tuple[ToldWords, ...]
    refusal: NoPreview | None  # why there is no preview, where that is known


def cards_of(
    caller: Caller, hits: Sequence[Mapping[str, Any]], belief: str | None, lexicon: Lexicon, language: str
) -> list[Card]:
    refused = _known_refusals(caller, [hit["video"] for hit in hits if hit.get("video")])
    return [
        Card(
            hit,
            f"{100 * hit['score']:.0f}" if belief in ("probability", "percentile") else f"{hit['score']:.2f}",
            tuple(_told(hit.get("why") or {}, lexicon, language)),
            refused.get(str(hit.get("video"))),
        )
        for hit in hits
    ]


def _told(why: Mapping[str, Any], lexicon: Lexicon, language: str) -> list[ToldWords]:
    facts = [fact_of_json(fact) for fact in why.get("facts", ())]
    told = facts_in_words(facts, lexicon, language)
    for one in why.get("measurements", ()):
        label = concept_label(one["concept"], lexicon, language)
        told.append(ToldWords(f"{label} {one['value']:g} {one['unit']}", "measured"))
    return list(dict.fromkeys(told))


def facts_in_words(facts: Sequence[Fact], lexicon: Lexicon, language: str) -> list[ToldWords]:
    """Write facts of a report in a cardiologist's words: MR 高度, 左室拡大 なし; MR severe, LV dilation absent."""
    made = [ToldWords(_said(fact, lexicon, language), str(fact.polarity), fact.inherited) for fact in facts]
    return list(dict.fromkeys(made))


def _said(fact: Fact, lexicon: Lexicon, language: str) -> str:
    return fact_in_english(fact, lexicon) if language == "en" else fact_line(fact, fact_words(fact, lexicon))


def _known_refusals(caller: Caller, videos: Sequence[str]) -> dict[str, NoPreview]:
    """Those of these videos of which it is known already that they have no preview."""
    with caller.archive.connect_reading() as connection:
        digests = shown_digests(connection, videos)
    kept = {key: caller.serving.previews.folder.read(key, digest, "card") for key, digest in digests.items()}
    return {key: found for key, found in kept.items() if isinstance(found, NoPreview)}
