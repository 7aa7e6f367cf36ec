"""What was read off videos in the phrases of a report: to be corrected by a physician, never to be sent as it is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from echosearch.report.facts import severity_words

__all__ = ["ABSENT", "PRESENT", "draft"]

PRESENT, ABSENT = 0.8, 0.1  # probability from which a finding is said to be there, and up to which not


def draft(
    findings: Sequence[tuple[str, float | None, float | None]], values: Sequence[tuple[str, float | None, str | None]]
) -> str:
    """Write sentences from (label, probability, grade) and (label, value, unit), the calibrated ones alone.

    In between it is 疑い. Empty if nothing is calibrated.
    """
    return "".join([*_values(values), *_findings(findings)])


def _values(values: Sequence[tuple[str, float | None, str | None]]) -> Iterator[str]:
    for label, value, unit in values:
        if value is not None:
            yield f"{label} {value:.0f}{unit or ''}。"


def _findings(findings: Sequence[tuple[str, float | None, float | None]]) -> Iterator[str]:
    for label, probability, grade in findings:
        if probability is None:
            continue
        if probability >= PRESENT:
            graded = "" if grade is None else f"{severity_words((max(round(grade), 2),) * 2)}の"
            yield f"{graded}{label}あり。"
        else:
            yield f"{label}なし。" if probability <= ABSENT else f"{label}の疑い。"
