"""What may stand beside a vector, and which of it can be filtered by."""

from __future__ import annotations

from dataclasses import fields
from uuid import UUID, uuid5

import pytest

from echosearch.errors import ArchiveError
from echosearch.filters import FIELDS
from echosearch.index.base import POINT_NAMESPACE, Payload, point_id
from echosearch.index.fields import PAYLOAD_INDEXES, WORD_FIELDS, payload_values, read_ref, scored, word_number

COARSE = {"view", "view_prob", "mode", "sex", "age", "month", "device"}


def test_payload_holds_no_more_than_its_fields() -> None:
    """A new field is a decision about privacy: it may name no patient."""
    assert {field.name for field in fields(Payload)} == {"key", "gen", "vector_hash", "study", "patient"} | COARSE


def test_a_reference_reads_back_and_an_id_is_a_uuid5() -> None:
    values = payload_values(Payload("k", "s", "", 12, "0a1b"))
    assert read_ref(values) == ("k", 12, "0a1b")
    hit = scored(values, 1.0001)
    assert (hit.key, hit.study, hit.patient, hit.gen, hit.score) == ("k", "s", "", 12, 1.0)
    assert point_id("f" * 64, "key") == uuid5(POINT_NAMESPACE, "f" * 64 + "|key")


def test_what_is_unknown_is_not_stored() -> None:
    bare = payload_values(Payload("k", "s", "p", 1, "h"))
    assert bare.keys() == {"ref", "words"}
    assert bare["words"] == [word_number("study", "s"), word_number("patient", "p")]
    full = payload_values(Payload("k", "s", "p", 1, "h", "4CH", 0.0, "bmode", "F", 0, 0, "d"))
    assert full.keys() == {"ref", "words", "view_prob", "age", "month"}
    assert full["words"] == [
        word_number(name, word) for name, word in zip(WORD_FIELDS, ("4CH", "bmode", "F", "d", "s", "p"), strict=True)
    ]


def test_a_word_has_the_same_number_in_every_process_and_another_in_every_field() -> None:
    assert word_number("view", "4CH") == 4507734092350783143  # what archives hold: it may never change
    keys = [str(UUID(int=i)) for i in range(10_000)]
    numbers = {word_number(name, key) for name in ("study", "patient") for key in keys}
    assert len(numbers) == 20_000
    assert all(0 <= number < 2**63 for number in numbers)  # an engine's integers are signed


def test_a_payload_of_another_form_is_refused() -> None:
    with pytest.raises(ArchiveError, match="index rebuild"):
        read_ref({"ref": "k 12 0a1b", "study": "s"})


def test_every_field_of_the_filter_language_is_indexed() -> None:
    assert {*WORD_FIELDS, *PAYLOAD_INDEXES} - {"words"} == FIELDS.keys()
