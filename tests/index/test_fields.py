"""What may stand beside a vector, and which of it can be filtered by."""

from __future__ import annotations

from dataclasses import fields
from uuid import uuid5

from echosearch.index.base import POINT_NAMESPACE, Payload, point_id
from echosearch.index.fields import PAYLOAD_INDEXES, payload_values, read_ref
from echosearch.where import FIELDS

KNOWN = {"ref", "study", "patient"}
COARSE = {"view", "view_prob", "mode", "sex", "age", "month", "device"}


def test_payload_holds_no_more_than_its_fields() -> None:
    """A new field is a decision about privacy: it may name no patient."""
    assert {field.name for field in fields(Payload)} == {"key", "gen", "vector_hash", "study", "patient"} | COARSE


def test_a_reference_reads_back_and_an_id_is_a_uuid5() -> None:
    assert read_ref(payload_values(Payload("k", "s", "p", 12, "0a1b"))) == ("k", 12, "0a1b")
    assert point_id("f" * 64, "key") == uuid5(POINT_NAMESPACE, "f" * 64 + "|key")


def test_what_is_unknown_is_not_stored() -> None:
    assert set(payload_values(Payload("k", "s", "p", 1, "h"))) == KNOWN
    assert set(payload_values(Payload("k", "s", "p", 1, "h", "4CH", 0.0, "bmode", "F", 0, 0, "d"))) == KNOWN | COARSE


def test_every_field_of_the_filter_language_is_indexed() -> None:
    assert PAYLOAD_INDEXES.keys() == FIELDS.keys()
