"""Rows of many studies or videos at once, column by column: what a question compares of each candidate.

PostgreSQL strings each column together, so that a candidate costs no object here: rows one by one took longer to read
than to find. Only rows that the index has and that are not in conflict come back, in no order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, text

from echosearch.db.lookup import StudyRow
from echosearch.vector import Vectors

__all__ = ["FoundRows", "Keys", "Numbers", "found_studies", "found_videos", "key_bytes", "study_keys"]

Keys = NDArray[np.bytes_]  # (N,) UUIDs, 16 bytes each
Numbers = NDArray[np.int64]
UNKNOWN = -1  # in place of a month or an age that is not known


@dataclass(frozen=True)
class FoundRows:
    """N studies, or videos, that may be shown. ``gens`` (N, 2): the generations of their points that may be."""

    keys: Keys  # of the points
    studies: Keys
    patients: Keys
    gens: Numbers
    numbers: Numbers  # of their studies' bits (questions/study_bits.py)
    months: Numbers  # yyyymm
    ages: Numbers
    sexes: tuple[str | None, ...]
    vectors: Vectors = field(repr=False)  # (N, D) raw

    def __len__(self) -> int:
        return len(self.keys)

    def only(self, chosen: NDArray[np.bool_]) -> FoundRows:
        """Return the rows that ``chosen`` (N,) marks."""
        if chosen.all():
            return self
        return FoundRows(
            self.keys[chosen],
            self.studies[chosen],
            self.patients[chosen],
            self.gens[chosen],
            self.numbers[chosen],
            self.months[chosen],
            self.ages[chosen],
            tuple(sex for sex, kept in zip(self.sexes, chosen, strict=True) if kept),
            self.vectors[chosen],
        )

    def key(self, row: int) -> str:
        """Return the key of a row, as it is written."""
        return _named(self.keys, row)

    def about(self, row: int) -> StudyRow:
        """Return the study of a row, as it is shown."""
        month, age = int(self.months[row]), int(self.ages[row])
        return StudyRow(
            self.key(row),
            _named(self.studies, row),
            _named(self.patients, row),
            (int(self.gens[row, 0]), int(self.gens[row, 1])),
            None if month == UNKNOWN else month,
            None if age == UNKNOWN else age,
            self.sexes[row],
            int(self.numbers[row]),
        )


def key_bytes(keys: Sequence[str]) -> Keys:
    """Turn keys as they are written, in hexadecimal with dashes, into a column."""
    return np.frombuffer(bytes.fromhex("".join(keys).replace("-", "")), dtype="S16")


def _named(keys: Keys, row: int) -> str:
    return str(UUID(bytes=keys[row : row + 1].tobytes()))  # an item of its own would lose zeros at its end


_COLUMNS = (
    "string_agg(uuid_send({key}), '') as keys, string_agg(uuid_send(s.study_key), '') as studies,"
    " string_agg(uuid_send(s.patient_key), '') as patients,"
    " string_agg(int8send(e.gen) || int8send(e.indexed_gen), '') as gens,"
    f" string_agg(int8send(s.number), '') as numbers, string_agg(int8send(coalesce(s.month, {UNKNOWN})), '') as months,"
    f" string_agg(int8send(coalesce(s.age, {UNKNOWN})), '') as ages,"
    " array_agg(s.sex) as sexes, string_agg(e.vector, '') as vectors"
)
_SHOWN = "e.encoder_id = :encoder and e.indexed_gen is not null and not s.conflict"
# as one array: of "one or the other" the planner makes a scan of all studies
_STUDIES = (
    f"select {_COLUMNS.format(key='s.study_key')} from core.study s join core.study_embedding e using (study_key)"
    f" where {_SHOWN} and e.study_key = any(array(select unnest(cast(:keys as uuid[])) union"
    " select study_key from core.study where number = any(cast(:numbers as bigint[]))))"
)
_VIDEOS = (
    f"select {_COLUMNS.format(key='v.video_key')} from core.video v join core.embedding e using (video_key)"
    f" join core.study s using (study_key) where {_SHOWN} and v.video_key = any(cast(:keys as uuid[]))"
)


def found_studies(connection: Connection, encoder_id: int, keys: Sequence[str], numbers: Numbers) -> FoundRows:
    """Return those of these studies, by key or by the number of their bit, that may be shown: each once."""
    given = {"encoder": encoder_id, "keys": _array(keys), "numbers": _array(numbers.tolist())}
    return _read(connection, _STUDIES, given)


def found_videos(connection: Connection, encoder_id: int, keys: Sequence[str]) -> FoundRows:
    """Return those of these videos that may be shown."""
    return _read(connection, _VIDEOS, {"encoder": encoder_id, "keys": _array(keys)})


def study_keys(connection: Connection, numbers: Numbers) -> list[str]:
    """Return the keys of the studies with these numbers, in no order."""
    found = connection.scalars(
        text("select cast(study_key as text) from core.study where number = any(cast(:numbers as bigint[]))"),
        {"numbers": _array(numbers.tolist())},
    )
    return list(found)


def _array(values: Sequence[object]) -> str:
    """One literal: the driver takes 5 us for each item of a list."""
    return f"{{{','.join(map(str, values))}}}"


def _read(connection: Connection, query: str, given: dict[str, Any]) -> FoundRows:
    row = connection.execute(text(query).execution_options(binary=True), given).one()

    def keys(column: bytes | None) -> Keys:
        return np.frombuffer(column or b"", dtype="S16")

    def numbers(column: bytes | None) -> Numbers:
        return np.frombuffer(column or b"", dtype=">i8").astype(np.int64)

    found = keys(row.keys)
    vectors = np.frombuffer(row.vectors or b"", dtype="<f4").reshape(len(found), -1 if len(found) else 0)
    return FoundRows(
        found,
        keys(row.studies),
        keys(row.patients),
        numbers(row.gens).reshape(-1, 2),
        numbers(row.numbers),
        numbers(row.months),
        numbers(row.ages),
        tuple(row.sexes or ()),
        vectors.astype(np.float32, copy=False),
    )
