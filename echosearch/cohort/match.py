"""Controls for a cohort: matched on sex, year and device exactly, on age within a caliper, the same for the same seed.

Controls are studies that deny the question, or are silent about it, that pass the cohort's filter, and whose patient
has no study that states it. Nearest age first; of equals the first by a hash of seed and key. No patient is a
control twice.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from echosearch.archive import Archive
from echosearch.cohort.run import run_definition
from echosearch.cohort.snapshot import checked_snapshot
from echosearch.cohort.store import named_definition, parse_reference
from echosearch.cohort.table import Column, check_out, write_table
from echosearch.cohort.toml import from_toml
from echosearch.db import Connection
from echosearch.db.cohorts.pool import (
    FIELDS,
    ControlCandidate,
    Field,
    Moments,
    candidates,
    devices_of_cases,
    fill_pool,
    keep_controls,
    matched_rows,
    moments,
)
from echosearch.db.cohorts.snapshots import kept_members, run_members
from echosearch.errors import InputError

__all__ = ["Balance", "Matched", "match_cohort", "matched_on", "pairs_of"]

DEVICES = 3  # of which the balance is shown
COLUMNS = (
    Column("set", "integer", None, "number of the matched set: a case and its controls"),
    Column("role", "text", None, "case or control"),
    Column("study", "text", None, "pseudonymous key of the study"),
    Column("patient", "text", None, "pseudonymous key of the patient"),
    Column("date", "text", "YYYY-MM", "month of the study"),
    Column("age", "integer", "years", "age at the study; 90 means 90 and over"),
    Column("sex", "text", None, "F, M or O, as the study's files say"),
    Column("device", "text", None, "machine of its videos, the first by name"),
)


@dataclass(frozen=True)
class Balance:
    """A covariate before and after matching: means of cases and others, and the standardised mean difference."""

    covariate: str
    cases: float
    pool: float
    before: float | None  # (cases - pool) / sqrt((variance of cases + variance of pool) / 2); None: both have none
    matched: float
    controls: float
    after: float | None


@dataclass(frozen=True)
class Matched:
    """What was matched, and how alike it is."""

    cohort: str
    on: tuple[Field, ...]
    caliper: int
    ratio: int
    seed: int
    controls_from: str
    cases: int
    matched: int  # cases with a control or more
    controls: int
    pool: int
    balance: tuple[Balance, ...]


def matched_on(given: str) -> tuple[Field, ...]:
    """Read "age,sex,year". Raises InputError."""
    names = [name.strip() for name in given.split(",") if name.strip()]
    unknown = [name for name in names if name not in FIELDS]
    if unknown or not names:
        raise InputError(f"--on {given[:80]!r}: one or more of {', '.join(FIELDS)}, with commas between them")
    return tuple(name for name in FIELDS if name in names)


def match_cohort(
    archive: Archive,
    connection: Connection,
    reference: str,
    *,
    on: Sequence[Field] = ("age", "sex", "year"),
    ratio: int = 2,
    caliper: int = 5,
    seed: int = 0,
    controls_from: str = "denied",
    out: Path | None = None,
) -> Matched:
    """Match ``ratio`` controls to each member, as far as there are any, and write the sets to ``out``.

    Raises InputError on an empty cohort, and what run_definition does.
    """
    if out is not None:
        check_out(out)
    name, number = parse_reference(reference)
    if number is not None:
        found = checked_snapshot(connection, name, number)
        run = run_definition(archive, connection, from_toml(found.definition, found.reference))
        members = kept_members(found.id)
    else:
        run = run_definition(archive, connection, named_definition(connection, name))
        members = run_members(run.steps, run.prefix)
    cases, pool = fill_pool(connection, members, controls_from == "denied", run.prefix)
    if not cases:
        raise InputError(f"cohort {reference} has no members: nothing to match")
    pairs = list(
        pairs_of(
            candidates(connection, "cohort_case", on, seed, cases),
            # one that another case took may block as many places as there are controls: twice of them is always enough
            candidates(connection, "cohort_pool", on, seed, 2 * ratio * cases),
            ratio,
            caliper if "age" in on else None,
        )
    )
    keep_controls(connection, pairs)
    groups = moments(connection, devices_of_cases(connection, DEVICES))
    if out is not None:
        write_table(out, COLUMNS, matched_rows(connection))
    return Matched(
        reference,
        tuple(on),
        caliper,
        ratio,
        seed,
        controls_from,
        cases,
        groups["matched"].studies,
        len(pairs),
        pool,
        tuple(_balance(covariate, groups) for covariate in groups["cases"].means),
    )


def pairs_of(
    cases: Iterator[ControlCandidate], pool: Iterator[ControlCandidate], ratio: int, caliper: int | None
) -> Iterator[tuple[str, str]]:
    """Yield (case, control) of both, each sorted by stratum; one stratum of the pool is in memory.

    Every case gets its first control before one gets a second.
    """
    used: set[str] = set()
    others = groupby(pool, lambda one: one.stratum)
    stratum, there = next(others, (None, iter(())))
    for wanted, group in groupby(cases, lambda one: one.stratum):
        while stratum is not None and stratum < wanted:
            stratum, there = next(others, (None, iter(())))
        if stratum != wanted:
            continue
        by_age: dict[int | None, deque[ControlCandidate]] = {}
        for one in there:
            by_age.setdefault(one.age if caliper is not None else None, deque()).append(one)
        own = list(group)
        for _ in range(ratio):
            for place, case in enumerate(own):
                found = _nearest(case, by_age, used, caliper, older_first=place % 2 == 0)
                if found is not None:
                    used.add(found.patient)
                    yield case.study, found.study


def _nearest(
    case: ControlCandidate,
    by_age: dict[int | None, deque[ControlCandidate]],
    used: set[str],
    caliper: int | None,
    older_first: bool,
) -> ControlCandidate | None:
    ages: Iterator[int | None] = iter((None,))
    if caliper is not None and case.age is not None:
        age, sign = case.age, 1 if older_first else -1
        ages = (each for gap in range(caliper + 1) for each in dict.fromkeys((age + sign * gap, age - sign * gap)))
    for each in ages:
        waiting = by_age.get(each)
        while waiting:
            found = waiting.popleft()
            if found.patient not in used:
                return found
    return None


def _balance(covariate: str, groups: dict[str, Moments]) -> Balance:
    mean = {name: group.means[covariate] for name, group in groups.items()}
    return Balance(
        covariate,
        mean["cases"][0],
        mean["pool"][0],
        _difference(mean["cases"], mean["pool"]),
        mean["matched"][0],
        mean["controls"][0],
        _difference(mean["matched"], mean["controls"]),
    )


def _difference(one: tuple[float, float], two: tuple[float, float]) -> float | None:
    spread = math.sqrt((one[1] + two[1]) / 2)
    if spread == 0:
        return 0.0 if one[0] == two[0] else None
    return (one[0] - two[0]) / spread
