"""Fit probes to an archive, keep them, and read studies with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

from echosearch.archive import Archive
from echosearch.db.vectors.probes import ProbeRecord, delete_probes, put_probe, read_probes
from echosearch.errors import InputError
from echosearch.insight.curves import Curve
from echosearch.insight.probes.fit import RIDGE, WALL_RIDGE, Kind, ProbeErrors, StudyProbe, fit_study_probe
from echosearch.insight.probes.labels import read_labels
from echosearch.insight.probes.territory import is_territory, label_of, named_target
from echosearch.insight.sample import FOLDS, fold_of
from echosearch.insight.values import ValueReader
from echosearch.report.facts import Lexicon, load_lexicon
from echosearch.search.arms.prompts import prompt_set
from echosearch.search.changes.amount import Amount, amounts
from echosearch.search.study_hits import Searching, searching
from echosearch.vector import Vectors, unit

__all__ = ["ProbeReader", "StoredProbe", "delete_probe", "fit_probe", "probe_readers", "stored_probes"]

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class StoredProbe:
    """A version of a probe in the archive."""

    version: int
    labels: str  # "sr", "facts" or "csv"
    label: str  # what the concept is called
    unit: str | None
    created_at: str
    probe: StudyProbe


@dataclass(frozen=True)
class ProbeReader:
    """Reads studies with a stored probe."""

    stored: StoredProbe
    amount: Amount | None  # the prompts' reading

    def scores(self, videos: Vectors, patients: Sequence[str | None]) -> Numbers:
        """Return the probe's (N, K) scores of (N, D) raw vectors of these patients; None: the patient is not known."""
        folds = np.array([-1 if patient is None else fold_of(patient) for patient in patients], np.int64)
        reading = np.zeros(len(videos)) if self.amount is None else self.amount(videos)
        return self.stored.probe.scores(reading, unit(videos).astype(np.float64), folds)

    @property
    def evidence(self) -> Curve:
        """The labels and the calibration error behind a finding's probability."""
        probe = self.stored.probe
        positives = probe.positives or 0
        return Curve(probe.concept, positives, probe.studies - positives, error=probe.errors.calibration)

    @property
    def measure(self) -> ValueReader:
        """The labels and the error behind a value."""
        probe = self.stored.probe
        error = None if probe.errors.error is None else probe.errors.error.value
        return ValueReader(probe.concept, self.stored.unit, probe.studies, error=error, width=probe.width)

    def finding(self, vector: Vectors, patients: Sequence[str]) -> tuple[float, float]:
        """Return P(mild or more) and the expected grade of one study, a raw vector (D,); nan for what has no grades."""
        scores = self.scores(vector[None], [patients[0] if patients else None])
        probe = self.stored.probe
        grade = float(probe.grade(scores)[0]) if probe.kind == "grade" else float("nan")
        return float(probe.probability(scores)[0]), grade

    def value(self, vector: Vectors, patients: Sequence[str]) -> tuple[float, float]:
        """Return the value of one study, a raw vector (D,), and half of its interval."""
        assert self.stored.probe.width is not None
        return float(self.scores(vector[None], [patients[0] if patients else None])[0, 0]), self.stored.probe.width


def fit_probe(archive: Archive, target: str, labels: str, encoding: str | None = None) -> tuple[StoredProbe, int]:
    """Fit a probe of a finding, territory or measurement, and store it; return it and how many rows were left out.

    ``target`` in any form ("mr", "EF", 左房拡大, "rwma.LAD"); ``labels`` is "sr", "facts" or a CSV file of study,label,
    of an ``encoding`` that is found out if it is None.
    The next version counts from now on. Raises InputError, TableError, EmptyArchive, EncoderMismatch, NoEncoder.
    """
    lexicon = load_lexicon(archive.settings.lexicon)
    concept = named_target(target, lexicon)
    kind = _kind(archive, concept, lexicon)
    if labels == "sr" and kind != "value":
        raise InputError(
            f"--labels sr: structured reports measure values, and {concept} is a finding: use facts or CSV"
        )
    archive.check_whole()
    with searching(archive) as search:
        given = read_labels(search, concept, kind, labels, encoding)
        amount = amounts(archive.encoder, lexicon, [concept]).get(concept)
        folds = np.array([fold_of(patient) for patient in given.patients], np.int64)
        reading = None if amount is None or not len(given.labels) else amount(given.vectors)
        towards = unit(given.vectors).astype(np.float64) if len(given.labels) else given.vectors.astype(np.float64)
        ridge = WALL_RIDGE if is_territory(concept) else RIDGE
        made = fit_study_probe(concept, kind, reading, towards, given.labels, given.patients, folds, ridge)
        if isinstance(made, str):
            raise InputError(f"no probe of {concept} was fitted: {made}")
        encoder_id = search.encoder_id
    figures = {name: value for name, value in asdict(made).items() if name not in ("weights", "cuts", "concept")}
    weights = np.concatenate([made.weights.ravel(), made.cuts.ravel()]).astype("<f4").tobytes()
    with archive.engine.begin() as connection:
        source = labels if labels in ("sr", "facts") else "csv"
        record = put_probe(connection, encoder_id, concept, source, _plain(figures), weights)
    return _stored(record, lexicon), given.left_out


def stored_probes(archive: Archive, target: str | None = None) -> list[StoredProbe]:
    """Return the newest probe of every concept for the encoder in use, or all versions of one, the newest first.

    Raises InputError if ``target`` names none that is stored.
    """
    lexicon = load_lexicon(archive.settings.lexicon)
    concept = None if target is None else named_target(target, lexicon)
    with searching(archive) as search:
        records = read_probes(search.connection, search.encoder_id, versions=concept is not None)
    found = [_stored(record, lexicon) for record in records if concept in (None, record.concept)]
    if concept is not None and not found:
        raise InputError(f"there is no probe of {concept} for this encoder: echosearch probe fit --target {concept}")
    return found


def delete_probe(archive: Archive, target: str, version: int | None = None) -> tuple[str, int]:
    """Delete a concept's probe, all versions or one; return the concept and how many. Raises InputError if none is."""
    concept = named_target(target, load_lexicon(archive.settings.lexicon))
    with searching(archive) as search:
        encoder_id = search.encoder_id
    with archive.engine.begin() as connection:
        gone = delete_probes(connection, encoder_id, concept, version)
    if not gone:
        which = "" if version is None else f" {version}"
        raise InputError(f"there is no probe{which} of {concept} for this encoder: echosearch probe list shows them")
    return concept, gone


def probe_readers(search: Searching, lexicon: Lexicon) -> Mapping[str, ProbeReader]:
    """Return the newest probes of the encoder in use by concept: of territories and what the lexicon still knows."""
    records = read_probes(search.connection, search.encoder_id)
    known = [
        one
        for one in records
        if one.concept in lexicon.findings or one.concept in lexicon.measures or is_territory(one.concept)
    ]
    along = amounts(search.archive.encoder, lexicon, [one.concept for one in known]) if known else {}
    return {one.concept: ProbeReader(_stored(one, lexicon), along.get(one.concept)) for one in known}


def _kind(archive: Archive, concept: str, lexicon: Lexicon) -> Kind:
    if concept in lexicon.measures:
        return "value"
    made = prompt_set(concept, label_of(concept, lexicon), archive.encoder.text_spec.language)
    return "grade" if made.graded else "finding"


def _plain(figures: Any) -> Any:
    """JSON: nan becomes null, tuples lists."""
    if isinstance(figures, dict):
        return {key: _plain(value) for key, value in figures.items()}
    if isinstance(figures, list | tuple):
        return [_plain(value) for value in figures]
    return None if isinstance(figures, float) and np.isnan(figures) else figures


_ERRORS = TypeAdapter(ProbeErrors | None)


def _stored(record: ProbeRecord, lexicon: Lexicon) -> StoredProbe:
    figures = dict(record.figures)
    levels = tuple(figures["levels"])
    numbers = np.frombuffer(record.weights, "<f4").astype(np.float64)
    cuts = FOLDS * max(len(levels), 1)
    figures |= {"levels": levels}
    figures |= {name: _ERRORS.validate_python(_with_nan(figures[name])) for name in ("errors", "prompts")}
    probe = StudyProbe(
        concept=record.concept,
        weights=numbers[:-cuts].reshape(FOLDS, -1),
        cuts=numbers[-cuts:].reshape(FOLDS, -1),
        **figures,
    )
    measure = lexicon.measures.get(record.concept)
    return StoredProbe(
        record.version,
        record.labels,
        label_of(record.concept, lexicon),
        None if measure is None else measure.unit,
        record.created_at.isoformat(timespec="seconds"),
        probe,
    )


def _with_nan(figures: Any) -> Any:
    """The intervals of stored figures, null as nan."""
    if isinstance(figures, dict):
        within = {"low", "high", "value"} & figures.keys()
        return {key: float("nan") if value is None and within else _with_nan(value) for key, value in figures.items()}
    return figures
