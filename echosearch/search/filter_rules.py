"""From what a user asks to what the index is asked: the view gate, the exclusions, and which collection answers."""

from __future__ import annotations

from echosearch.db.access.viewer import Viewer
from echosearch.errors import WhereError
from echosearch.filters import And, Comparison, Field, Not, Or, Where, fields_of, flatten_and
from echosearch.search.results import SearchOptions

__all__ = [
    "combine_and",
    "fields_of",
    "is_about_videos",
    "of_videos",
    "only_about_studies",
    "search_condition",
    "without",
]

# what one study's videos differ in: a condition on these is answered by videos, not by the study's mean
VIDEO_FIELDS: frozenset[Field] = frozenset({"view", "view_prob", "mode", "device"})


def is_about_videos(options: SearchOptions) -> bool:
    return options.view is not None or bool(fields_of(options.where) & VIDEO_FIELDS)


def of_videos(where: Where | None) -> Where | None:
    """Return those of the conditions joined in ``where`` that speak of videos alone."""
    parts = flatten_and(where) if isinstance(where, And) else (where,)
    return combine_and(*(part for part in parts if part is not None and fields_of(part) <= VIDEO_FIELDS))


def search_condition(viewer: Viewer, options: SearchOptions) -> Where | None:
    """Join --where, --view and what the viewer may see, a wanted view gated by its probability.

    Where --where speaks of view_prob itself, its own gate is the one that counts for it.
    """
    where = options.where
    if where is not None and "view_prob" not in fields_of(where):
        where = _gated(where, options.min_view_prob)
    view = None
    if options.view is not None:
        view = _gated(Comparison("view", "=", options.view.value), options.min_view_prob)
    return combine_and(where, view, viewer.scope)


def only_about_studies(viewer: Viewer, options: SearchOptions) -> Where | None:
    """Return the condition for reports, and what the viewer may see.

    Raises WhereError when it names what only videos have.
    """
    if is_about_videos(options):
        raise WhereError("reports have no view, view_prob, mode or device: search them by age, sex and date")
    return combine_and(options.where, viewer.scope)


def without(field: Field, values: tuple[str, ...]) -> Where | None:
    """Return the condition that leaves these out."""
    return Not(Comparison(field, "in", values)) if values else None


def combine_and(*parts: Where | None) -> Where | None:
    """Return all of the conditions that are given."""
    given = tuple(part for part in parts if part is not None)
    return given[0] if len(given) == 1 else And(given) if given else None


def _gated(where: Where, gate: float) -> Where:
    """Each ``view = ...`` with its gate: a label below it says nothing, neither for nor against."""
    match where:
        case Comparison(field="view"):
            return And((where, Comparison("view_prob", ">=", gate)))
        case Comparison():
            return where
        case Not(part):
            return Not(_gated(part, gate))
        case And(parts):
            return And(tuple(_gated(part, gate) for part in parts))
        case Or(parts):
            return Or(tuple(_gated(part, gate) for part in parts))
