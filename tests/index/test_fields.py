"""What may stand beside a vector, and which of it can be filtered by."""

from __future__ import annotations

from dataclasses import fields

from echosearch.index.base import Payload
from echosearch.index.fields import PAYLOAD_INDEXES, payload_values
from echosearch.where import FIELDS

KNOWN = {"key", "study", "patient", "gen", "vector_hash"}
COARSE = {"view", "view_prob", "mode", "sex", "age", "month", "device"}


def test_payload_holds_no_more_than_its_fields() -> None:
    """A new field is a decision about privacy: it may name no patient."""
    assert {field.name for field in fields(Payload)} == KNOWN | COARSE


def test_what_is_unknown_is_not_stored() -> None:
    assert set(payload_values(Payload("k", "s", "p", 1, "h"))) == KNOWN
    assert set(payload_values(Payload("k", "s", "p", 1, "h", "4CH", 0.0, "bmode", "F", 0, 0, "d"))) == KNOWN | COARSE


def test_every_field_of_the_filter_language_is_indexed() -> None:
    assert PAYLOAD_INDEXES.keys() == FIELDS.keys()
