"""Report, for an ingest and `status`, how many files disagree about a patient; no identifier."""

from __future__ import annotations

from collections.abc import Iterator

from echosearch.db.files.contradictions import Contradictions

__all__ = ["contradiction_lines"]


def contradiction_lines(found: Contradictions | None) -> Iterator[str]:
    """Yield a line for each kind of contradiction that occurs."""
    if found is None:
        return
    for count, what in (
        (found.patients_of_two_sexes, "two sexes"),
        (found.patients_of_two_birth_dates, "two birth dates"),
    ):
        if count:
            yield (
                f"{count} patient id{'s have' if count > 1 else ' has'} studies of {what}: more than one person under"
                " one id, or a wrong entry; each study has what its own files say"
            )
    if found.studies:
        yield (
            f"{found.studies} stud{'ies' if found.studies > 1 else 'y'} with files that contradict one another in sex,"
            " birth date or age: that value is left unknown"
        )
