"""Split patients into train, validation and test by a hash, so that a growing archive never moves one."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Literal, TypeVar

from trainer.data.pairs import Study

__all__ = ["SPLITS", "Split", "of_patient", "select_studies"]

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")

T = TypeVar("T")


def of_patient(patient: str, seed: int, shares: tuple[float, float, float]) -> Split:
    """Return the patient's split; all studies of a patient are on one side."""
    digest = hashlib.sha256(f"{seed}\0{patient}".encode()).digest()
    place = int.from_bytes(digest[:8], "big") / 2**64  # [0, 1)
    if place < shares[0]:
        return "train"
    return "validation" if place < shares[0] + shares[1] else "test"


def select_studies(
    studies: Iterable[Study], split: Split | Literal["all"], seed: int, shares: tuple[float, float, float]
) -> tuple[Study, ...]:
    return tuple(s for s in studies if split == "all" or of_patient(s.patient, seed, shares) == split)
