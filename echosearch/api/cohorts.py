"""Cohorts of an open archive, as `echosearch cohort` has them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from echosearch.archive import Archive
from echosearch.cohort.attrition import AttritionStep, read_attrition, suppressed
from echosearch.cohort.definition import Definition, define, windows_of
from echosearch.cohort.export import Exported, export_cohort
from echosearch.cohort.match import Matched, match_cohort, matched_on
from echosearch.cohort.review import ReviewReport, ReviewSample, export_reviews, record, review_report, sample
from echosearch.cohort.run import reading, run_definition
from echosearch.cohort.snapshot import Difference, checked_snapshot, difference, freeze
from echosearch.cohort.store import delete_definition, named_definition, parse_reference, save_definition
from echosearch.cohort.toml import from_toml, to_toml
from echosearch.db.cohorts.definitions import StoredCohort, stored_cohorts
from echosearch.db.cohorts.plan import PerPatient
from echosearch.db.cohorts.reviews import Answer, ReviewRow
from echosearch.db.cohorts.snapshots import Snapshot
from echosearch.report.facts import load_lexicon

__all__ = ["Cohorts"]

PathLike = str | os.PathLike[str]


class Cohorts:
    """The cohorts of an archive: ``archive.cohorts``. A snapshot is named "NAME@1", a definition "NAME".

    Each call sees one moment of the archive. Raises InputError on a name, a definition or a file that is wrong,
    EmptyArchive, EncoderMismatch, StoreUnreachable, and ConfigError where the role may not read what is asked for.
    """

    def __init__(self, archive: Archive) -> None:
        self._archive = archive

    def define(
        self,
        name: str,
        text: str,
        *,
        where: str = "",
        per_patient: PerPatient = "all",
        seed: int = 0,
        video_at_least: float | None = None,
        after: Sequence[str] = (),
        before: Sequence[str] = (),
        not_after: Sequence[str] = (),
        not_before: Sequence[str] = (),
        studies: Sequence[str] = (),
        replace: bool = False,
    ) -> str:
        """Save what ``text`` asks for under ``name``, and return the definition as TOML.

        ``after`` and its like are windows, such as "90 days: 人工弁". ``studies``: keys, up to 2,000, that members are
        among; then ``text`` may be empty. ``replace`` allows a name that exists.
        """
        lexicon = load_lexicon(self._archive.settings.lexicon)
        made = define(
            name,
            text,
            lexicon,
            where=where,
            per_patient=per_patient,
            seed=seed,
            video_at_least=video_at_least,
            windows=windows_of(lexicon, after, before, not_after, not_before),
            studies=studies,
        )
        return self._save(made, replace)

    def define_toml(self, toml: str, *, replace: bool = False) -> str:
        """Save a definition that is TOML, and return it as it is stored."""
        return self._save(from_toml(toml, "the definition"), replace)

    def saved(self) -> list[StoredCohort]:
        """Return every name with its definition and the numbers of its snapshots."""
        with reading(self._archive) as connection:
            return stored_cohorts(connection)

    def toml(self, name: str) -> str:
        """Return a definition as TOML."""
        with reading(self._archive) as connection:
            return to_toml(named_definition(connection, name))

    def attrition(self, name: str, *, suppress_below: int = 0) -> tuple[AttritionStep, ...]:
        """Count what each step leaves, now or when a snapshot was frozen; numbers below ``suppress_below`` are None."""
        cohort, number = parse_reference(name)
        with reading(self._archive) as connection:
            if number is not None:
                steps = read_attrition(checked_snapshot(connection, cohort, number).attrition)
            else:
                steps = run_definition(self._archive, connection, named_definition(connection, cohort)).attrition
        return suppressed(steps, suppress_below)

    def freeze(self, name: str) -> Snapshot:
        """Keep the members of now for good, with their SHA-256."""
        with reading(self._archive) as connection:
            return freeze(self._archive, connection, name)[0]

    def diff(self, before: str, after: str | None = None) -> Difference:
        """Compare a snapshot with a later one, or with a definition asked now."""
        with reading(self._archive) as connection:
            return difference(self._archive, connection, before, after)

    def export(
        self,
        name: str,
        out: PathLike,
        *,
        also: Sequence[str] = (),
        suppress_below: int = 0,
        identified: bool = False,
    ) -> Exported:
        """Write the members to a .csv or .parquet file, with a dictionary of its columns; ``also``: more concepts."""
        with reading(self._archive) as connection:
            return export_cohort(
                self._archive,
                connection,
                name,
                Path(out),
                also=also,
                suppress_below=suppress_below,
                identified=identified,
            )

    def match(
        self,
        name: str,
        *,
        on: str = "age,sex,year",
        ratio: int = 2,
        caliper: int = 5,
        seed: int = 0,
        controls: str = "denied",
        out: PathLike | None = None,
    ) -> Matched:
        """Match controls to the members, and return the balance; the sets are written to ``out``."""
        with reading(self._archive) as connection:
            return match_cohort(
                self._archive,
                connection,
                name,
                on=matched_on(on),
                ratio=ratio,
                caliper=caliper,
                seed=seed,
                controls_from=controls,
                out=None if out is None else Path(out),
            )

    def sample(self, name: str, reader: str, size: int, *, seed: int = 0) -> ReviewSample:
        """Draw up to ``size`` members that ``reader`` has not answered, with what their reports state.

        The order is the same for every reader; ``seed`` gives another one.
        """
        with reading(self._archive) as connection:
            return sample(self._archive, connection, name, reader, size, seed)

    def record(self, name: str, study: str, answer: Answer, reader: str, *, reason: str = "") -> None:
        """Add what a reader says of a member: "accept", "reject" or "unsure". The reader's last answer counts.

        Nothing is changed or deleted. Raises UnknownStudy.
        """
        with reading(self._archive) as connection:
            record(self._archive, connection, name, [ReviewRow(study, reader, answer, reason)])

    def review(self, name: str, out: PathLike | None = None) -> ReviewReport:
        """Count the answers: the cohort's precision and the agreement of each two readers, with 95 % intervals.

        The last answers, without their reasons, are written to ``out``: .csv or .parquet.
        """
        with reading(self._archive) as connection:
            if out is not None:
                export_reviews(connection, name, Path(out))
            return review_report(connection, name)

    def delete(self, name: str) -> None:
        """Delete a definition; its snapshots stay."""
        with reading(self._archive) as connection:
            delete_definition(connection, name)

    def _save(self, definition: Definition, replace: bool) -> str:
        with reading(self._archive) as connection:
            return to_toml(save_definition(self._archive, connection, definition, replace))
