"""Read the labels that a probe is fitted to: of structured reports, of the facts of reports, or of a table.

sr       the one value that a study's structured reports measure
facts    what its report states: a value; a grade, 0 where the finding is denied or not mentioned; a territory's wall
CSV      study,label: a study's key, StudyInstanceUID or accession number, and a value, a grade 0 to 4, or 0 or 1
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from echosearch.db import lookup
from echosearch.db.studies.facts import texts_of
from echosearch.errors import TableError, UnknownStudy
from echosearch.insight.curves import stated_grade
from echosearch.insight.probes.fit import Kind
from echosearch.insight.probes.territory import is_territory, stated_territory
from echosearch.insight.sample import VectorSample, read_sample
from echosearch.insight.values import known_value
from echosearch.report.csv_tables import finite_number, no_csv
from echosearch.report.encoding import detect_encoding, open_table
from echosearch.report.facts import Lexicon, load_lexicon
from echosearch.search.arms.told import stated_by
from echosearch.search.study_hits import Searching
from echosearch.vector import Vectors

__all__ = ["COLUMNS", "MOST", "LabelledStudies", "read_labels"]

COLUMNS = ("study", "label")
MOST = 20_000  # labelled studies; of an archive as many are read, a random sample by their keys
THERE = 4.0  # the label of a finding without grades
BLOCK = 2000  # studies at a time


@dataclass(frozen=True)
class LabelledStudies:
    """N studies with a label; ``left_out`` rows of a table name no indexed study, or the same one again."""

    vectors: Vectors = field(repr=False)  # (N, D) raw means
    labels: NDArray[np.float64] = field(repr=False)  # (N,)
    patients: tuple[str, ...] = field(repr=False)
    left_out: int = 0


def read_labels(
    search: Searching, concept: str, kind: Kind, source: str, encoding: str | None = None
) -> LabelledStudies:
    """Read the labels of ``source``: "sr", "facts" or a CSV file, of an ``encoding`` that is found out if it is None.

    Raises TableError with file, line and rule.
    """
    rows = list(_of_archive(search, concept, kind, source) if source in ("sr", "facts") else ())
    left_out = 0
    if source not in ("sr", "facts"):
        found: dict[str, tuple[Vectors, float, str]] = {}
        for name, label in _of_table(Path(source), kind, encoding):
            try:
                meant = lookup.resolve_study(search.connection, name, search.archive.viewer)
                vector = lookup.study_vector(search.connection, search.encoder_id, meant.study)
            except UnknownStudy:
                left_out += 1
                continue
            left_out += meant.study in found
            found[meant.study] = (vector, label, meant.patient)
        rows = list(found.values())
    dimension = search.archive.encoder_info.dimension
    return LabelledStudies(
        np.stack([vector for vector, _, _ in rows]) if rows else np.zeros((0, dimension), np.float32),
        np.array([label for _, label, _ in rows], np.float64),
        tuple(patient for _, _, patient in rows),
        left_out,
    )


def _of_archive(search: Searching, concept: str, kind: Kind, source: str) -> Iterator[tuple[Vectors, float, str]]:
    after: str | None = None
    of_walls, lexicon = is_territory(concept), load_lexicon(search.archive.settings.lexicon)
    for _ in range(0, MOST, BLOCK):
        sample = read_sample(search, BLOCK, after)
        texts = texts_of(search.connection, [one.study for one in sample.studies]) if of_walls else {}
        for row, study in enumerate(sample.studies):
            if of_walls:
                label = _of_walls(sample, row, concept, texts.get(study.study), lexicon)
            else:
                label = _label(sample, row, concept, kind, source)
            if label is not None:
                yield sample.vectors[row], label, study.patient
        if len(sample) < BLOCK:
            return
        after = sample.studies[-1].study


def _label(sample: VectorSample, row: int, concept: str, kind: Kind, source: str) -> float | None:
    if source == "sr":
        measured = {one.value for one in sample.measured[row] if one.concept == concept}
        return measured.pop() if len(measured) == 1 else None
    facts = sample.facts[row]
    if kind == "value":
        return known_value(replace(sample.only([row]), measured=((),)), 0, concept)
    told, grade = stated_by(facts, concept), stated_grade(facts, concept)
    if kind == "grade" and grade is not None:
        return float(round(grade))
    if told is None or (kind == "grade" and told):  # it is there, and the report does not say how much
        return None
    return THERE * told


def _of_walls(sample: VectorSample, row: int, concept: str, text: str | None, lexicon: Lexicon) -> float | None:
    told = stated_territory(sample.facts[row], text, concept, lexicon)
    return None if told is None else THERE * told


def _of_table(path: Path, kind: Kind, encoding: str | None) -> Iterator[tuple[str, float]]:
    """Yield the study's name and the label of each row."""
    try:
        with open_table(path, detect_encoding(path, encoding)) as handle:
            reader = csv.reader(handle)
            head = next(reader, [])
            if tuple(cell.strip().lower() for cell in head) != COLUMNS:
                raise TableError(f"{path}, line 1: the columns are {', '.join(COLUMNS)}: write this header")
            for count, cells in enumerate(reader, 1):
                if not any(cell.strip() for cell in cells):
                    continue
                if count > MOST:
                    raise TableError(f"{path}, line {reader.line_num}: more than {MOST} labels: give a sample of them")
                label = finite_number(cells[1]) if len(cells) == len(COLUMNS) else None
                if label is None or (kind != "value" and not (0 <= label <= 4 and label == int(label))):
                    rule = "a number" if kind == "value" else "a grade 0 to 4" if kind == "grade" else "0 or 1"
                    raise TableError(f"{path}, line {reader.line_num}: label: it is {rule}, behind the study's name")
                yield cells[0].strip(), THERE * (label > 0) if kind == "finding" else label
    except csv.Error as exc:
        raise no_csv(str(path), exc) from None
