"""Rows of many studies or videos at once, column by column: what a question compares of each candidate.

PostgreSQL strings each column together, so that a candidate costs no object here: rows one by one took longer to read
than to find. Only rows that the index has and that are not in conflict come back, in no order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from echosearch.db.lookup import StudyRow
from echosearch.db.server.statement import statement
from echosearch.vector import Vectors

__all__ = [
    "FoundRows",
    "Keys",
    "Numbers",
    "found_studies",
    "found_videos",
    "key_bytes",
    "numbered_studies",
    "study_keys",
]

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

    def at(self, places: NDArray[np.intp]) -> FoundRows:
        """Return the rows at these places, in their order."""
        return FoundRows(
            self.keys[places],
            self.studies[places],
            self.patients[places],
            self.gens[places],
            self.numbers[places],
            self.months[places],
            self.ages[places],
            tuple(self.sexes[place] for place in places.tolist()),
            self.vectors[places],
        )

    def only(self, chosen: NDArray[np.bool_]) -> FoundRows:
        """Return the rows that ``chosen`` (N,) marks."""
        return self if chosen.all() else self.at(np.flatnonzero(chosen))

    def with_more(self, rows: FoundRows) -> FoundRows:
        """Return these rows, and those."""
        if not len(self) or not len(rows):
            return self if len(self) else rows
        return FoundRows(
            np.concatenate([self.keys, rows.keys]),
            np.concatenate([self.studies, rows.studies]),
            np.concatenate([self.patients, rows.patients]),
            np.concatenate([self.gens, rows.gens]),
            np.concatenate([self.numbers, rows.numbers]),
            np.concatenate([self.months, rows.months]),
            np.concatenate([self.ages, rows.ages]),
            self.sexes + rows.sexes,
            np.concatenate([self.vectors, rows.vectors]),
        )

    def attributes(self) -> list[tuple[int | None, int | None, str | None]]:
        """Return month, age and sex of each row's study."""
        months, ages = ([None if one == UNKNOWN else one for one in each.tolist()] for each in (self.months, self.ages))
        return list(zip(months, ages, self.sexes, strict=True))

    def study_names(self) -> list[str]:
        """Return the key of each row's study, as it is written."""
        return _written(self.studies)

    def about(self) -> list[StudyRow]:
        """Return the study of each row, as it is shown."""
        columns = (*map(_written, (self.keys, self.studies, self.patients)), self.gens.tolist(), self.numbers.tolist())
        return [
            StudyRow(key, study, patient, (gen, indexed), month, age, sex, number)
            for key, study, patient, (gen, indexed), number, (month, age, sex) in zip(
                *columns, self.attributes(), strict=True
            )
        ]


def key_bytes(keys: Sequence[str]) -> Keys:
    """Turn keys as they are written, in hexadecimal with dashes, into a column."""
    return np.frombuffer(bytes.fromhex("".join(keys).replace("-", "")), dtype="S16")


def _written(keys: Keys) -> list[str]:
    digits = keys.tobytes().hex()
    return [str(UUID(digits[place : place + 32])) for place in range(0, len(digits), 32)]


_NO_KEYS: Keys = np.zeros(0, dtype="S16")
_NO_NUMBERS: Numbers = np.zeros(0, dtype=np.int64)
_NO_VECTORS: Vectors = np.zeros((0, 0), dtype=np.float32)
_NONE = FoundRows(
    *(_NO_KEYS, _NO_KEYS, _NO_KEYS),
    _NO_NUMBERS.reshape(0, 2),
    *(_NO_NUMBERS, _NO_NUMBERS, _NO_NUMBERS),
    (),
    _NO_VECTORS,
)
_COLUMNS = (
    "string_agg(uuid_send({key}), '') as keys, string_agg(uuid_send(s.study_key), '') as studies,"
    " string_agg(uuid_send(s.patient_key), '') as patients,"
    " string_agg(int8send(e.gen) || int8send(e.indexed_gen), '') as gens,"
    f" string_agg(int8send(s.number), '') as numbers, string_agg(int8send(coalesce(s.month, {UNKNOWN})), '') as months,"
    f" string_agg(int8send(coalesce(s.age, {UNKNOWN})), '') as ages,"
    " array_agg(s.sex) as sexes, string_agg(e.vector, '') as vectors"
)
_SHOWN = "e.encoder_id = :encoder and e.indexed_gen is not null and not s.conflict"
# Each table is asked for the keys by itself: to find the studies row by row of their vectors looks at twice the pages.
_STUDIES = (
    f"select {_COLUMNS.format(key='s.study_key')} from core.study s join core.study_embedding e using (study_key)"
    f" where {_SHOWN} and s.study_key = any(cast(:wanted as uuid[])) and e.study_key = any(cast(:wanted as uuid[]))"
)
_NUMBERED = (
    "with s as materialized (select * from core.study where number = any(cast(:wanted as bigint[]))),"
    " e as materialized (select * from core.study_embedding where encoder_id = :encoder"
    " and study_key = any(array(select study_key from s)))"
    f" select {_COLUMNS.format(key='s.study_key')} from s join e using (study_key) where {_SHOWN}"
)
_VIDEOS = (
    f"select {_COLUMNS.format(key='v.video_key')} from core.video v join core.embedding e using (video_key)"
    f" join core.study s using (study_key) where {_SHOWN} and v.video_key = any(cast(:wanted as uuid[]))"
)


def found_studies(connection: Connection, encoder_id: int, keys: Sequence[str]) -> FoundRows:
    """Return those of these studies that may be shown."""
    return _read(connection, _STUDIES, encoder_id, keys)


def numbered_studies(connection: Connection, encoder_id: int, numbers: Numbers) -> FoundRows:
    """Return those of the studies with these numbers that may be shown."""
    return _read(connection, _NUMBERED, encoder_id, numbers.tolist())


def found_videos(connection: Connection, encoder_id: int, keys: Sequence[str]) -> FoundRows:
    """Return those of these videos that may be shown."""
    return _read(connection, _VIDEOS, encoder_id, keys)


def study_keys(connection: Connection, numbers: Numbers) -> list[str]:
    """Return the keys of the studies with these numbers, in no order."""
    found = connection.scalars(
        statement("select cast(study_key as text) from core.study where number = any(cast(:numbers as bigint[]))"),
        {"numbers": _array(numbers.tolist())},
    )
    return list(found)


def _array(values: Sequence[object]) -> str:
    """One literal: the driver takes 5 us for each item of a list."""
    return f"{{{','.join(map(str, values))}}}"


def _read(connection: Connection, query: str, encoder_id: int, wanted: Sequence[object]) -> FoundRows:
    if not wanted:
        return _NONE
    given = {"encoder": encoder_id, "wanted": _array(wanted)}
    row = connection.execute(statement(query, binary=True), given).one()
    if row.keys is None:
        return _NONE

    def keys(column: bytes) -> Keys:
        return np.frombuffer(column, dtype="S16")

    def numbers(column: bytes) -> Numbers:
        return np.frombuffer(column, dtype=">i8").astype(np.int64)

    return FoundRows(
        keys(row.keys),
        keys(row.studies),
        keys(row.patients),
        numbers(row.gens).reshape(-1, 2),
        numbers(row.numbers),
        numbers(row.months),
        numbers(row.ages),
        tuple(row.sexes),
        np.frombuffer(row.vectors, dtype="<f4").astype(np.float32, copy=False).reshape(len(row.sexes), -1),
    )
