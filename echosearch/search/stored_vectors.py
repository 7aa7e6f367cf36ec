"""The raw vectors of an archive, for statistics of one's own."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import get_args

from echosearch.archive import Archive
from echosearch.db.lookup import resolve_study
from echosearch.db.vectors.stored import read_vectors
from echosearch.encoder_info import EncoderInfo
from echosearch.errors import InputError, UnknownStudy
from echosearch.index.base import PointKind
from echosearch.search.study_hits import Searching, searching
from echosearch.vector import Vectors

__all__ = ["VectorTable", "stored_vectors"]

_KEY = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True)
class VectorTable:
    """Raw encoder outputs and whose they are: row i of ``vectors`` belongs to ``ids[i]``."""

    ids: tuple[str, ...] = field(repr=False)  # pseudonymous keys of studies, videos or reports
    studies: tuple[str, ...] = field(repr=False)  # the study of each row
    patients: tuple[str, ...] = field(repr=False)  # and its patient: rows of one patient are not independent
    vectors: Vectors = field(repr=False)  # (N, D) float32, not normalised: cosine needs unit rows
    encoder: EncoderInfo

    def __post_init__(self) -> None:
        expected = (len(self.ids), self.encoder.dimension)
        if self.vectors.shape != expected or {len(self.studies), len(self.patients)} != {len(self.ids)}:
            raise ValueError(f"vectors of shape {self.vectors.shape} do not go with ids and encoder: {expected}")

    def __len__(self) -> int:
        return len(self.ids)

    def __repr__(self) -> str:
        return f"VectorTable({self.vectors.shape} float32 by {self.encoder})"


def stored_vectors(archive: Archive, studies: Sequence[str] | None, kind: PointKind) -> VectorTable:
    """Read the vectors that can be searched: of all studies in the order of their keys, or of ``studies`` in theirs.

    Raises UnknownStudy on a name that is no study, or of whose videos none is indexed; EmptyArchive, EncoderMismatch.
    """
    if kind not in get_args(PointKind):
        raise InputError(f"of {kind!r}: it is one of {', '.join(get_args(PointKind))}")
    archive.check_whole()
    with searching(archive) as search:
        keys = None if studies is None else [_key(search, name, place) for place, name in enumerate(studies)]
        dimension = archive.encoder_info.dimension
        ids, of_studies, patients, vectors = read_vectors(search.connection, search.encoder_id, kind, dimension, keys)
    if keys is not None:
        if kind != "reports" and (gone := [place for place, key in enumerate(keys) if key not in set(of_studies)]):
            raise UnknownStudy(f"studies[{gone[0]}]: no video of this study is indexed; {len(gone)} such in all")
        places = {key: place for place, key in enumerate(dict.fromkeys(keys))}
        order = sorted(range(len(ids)), key=lambda row: (places[of_studies[row]], ids[row]))
        ids, of_studies, patients = ([column[row] for row in order] for column in (ids, of_studies, patients))
        vectors = vectors[order]
    return VectorTable(tuple(ids), tuple(of_studies), tuple(patients), vectors, archive.encoder_info)


def _key(search: Searching, name: str, place: int) -> str:
    """The key that ``name`` means: a whole key needs no question."""
    if _KEY.fullmatch(name):
        return name
    try:
        return resolve_study(search.connection, name, search.archive.viewer).study
    except UnknownStudy as exc:
        raise UnknownStudy(f"studies[{place}]: {exc}") from None
