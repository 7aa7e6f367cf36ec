"""Conditions that cannot match: an unknown device is refused, a value that nothing has is said."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from echosearch.db import Connection
from echosearch.db.studies.devices import devices_here
from echosearch.db.studies.held import is_held
from echosearch.device import matching, nearest_devices
from echosearch.errors import WhereError
from echosearch.filters import And, Comparison, Not, Or, Where
from echosearch.search.filter_rules import fields_of
from echosearch.search.results import SearchOptions

__all__ = ["matchless", "with_devices"]

_NAMES = {"age": "an age", "month": "a date", "sex": "a sex"}


def with_devices(connection: Connection, options: SearchOptions) -> SearchOptions:
    """Name each device as the archive has it: by maker, model or a part, whatever its case and width.

    Raises WhereError on a device that no video has, with the nearest ones.
    """
    if options.where is None or "device" not in fields_of(options.where):
        return options
    devices = devices_here(connection)

    def read(where: Where) -> Where:
        match where:
            case Comparison(field="device"):
                asked = where.value if isinstance(where.value, tuple) else (where.value,)
                meant = [label for one in asked for label in _meant(str(one), devices)]
                return Comparison("device", "in", tuple(dict.fromkeys(meant)))
            case Not(part):
                return Not(read(part))
            case And(parts):
                return And(tuple(map(read, parts)))
            case Or(parts):
                return Or(tuple(map(read, parts)))
            case _:
                return where

    return replace(options, where=read(options.where))


def _meant(asked: str, devices: dict[str, str]) -> list[str]:
    found = matching(asked, devices)
    if found:
        return found
    if not devices:
        raise WhereError(f"device has no value {asked[:40]!r}: no video here says which machine it is from")
    raise WhereError(
        f"device has no value {asked[:40]!r}: no video is from such a machine;"
        f" near are {', '.join(nearest_devices(asked, devices))}"
    )


def matchless(connection: Connection, encoder_id: int, options: SearchOptions) -> list[str]:
    """Return a sentence for each condition that nothing here can meet, because nothing has such a value."""
    comparisons = list(_comparisons(options.where))
    if options.view is not None:
        comparisons.append(Comparison("view", "=", options.view.value))
    said: list[str] = []
    gated = "view_prob" not in fields_of(options.where) or options.view is not None
    for one in comparisons:
        if one.field in ("study", "patient", "device"):
            continue
        words: Sequence[str | None] = (None,)
        if one.op in ("=", "in") and one.field not in ("age", "month"):
            words = [str(value) for value in (one.value if isinstance(one.value, tuple) else (one.value,))] or words
        gate = options.min_view_prob if one.field == "view" and gated and words[0] is not None else None
        for word in words:
            if is_held(connection, encoder_id, one.field, word, gate):  # what is held by the gate is held without
                continue
            if word is None or not is_held(connection, encoder_id, one.field):
                said.append(_nothing_at_all(one.field))
            elif gate is not None and is_held(connection, encoder_id, "view", word):
                said.append(
                    f"no video has the view {word} at a probability of {gate:g} or more:"
                    " --min-view-prob says how sure a view must be"
                )
            else:
                said.append(f"no {'study has the' if one.field == 'sex' else 'video has the'} {one.field} {word}")
    return list(dict.fromkeys(said))


def _nothing_at_all(field: str) -> str:
    if field in _NAMES:
        return f"no study has {_NAMES[field]}: no condition on it is met"
    if field == "mode":
        return "no video has a mode: no condition on it is met"
    return (
        "no video has a view: give labels with echosearch ingest --views, or choose a view classifier with"
        " echosearch encoder use before the ingest"
    )


def _comparisons(where: Where | None) -> Iterator[Comparison]:
    match where:
        case Comparison():
            yield where
        case Not(part):
            yield from _comparisons(part)
        case And(parts) | Or(parts):
            for part in parts:
                yield from _comparisons(part)
