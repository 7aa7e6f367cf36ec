"""Which studies answer a question, exactly and without a row of each: bit strings of studies, one for each fact.

core.study_bits has, for each block of BLOCK studies and each different fact (concept, polarity, severity, value), which
studies have it: 2 KB at most, where the rows of facts are megabytes. A condition is evaluated on them as it is on rows
(study_sets.py): 100,000 studies are 7 blocks, ten million 611. Sex, age, month and what the index has are there too.

Triggers note in core.stale_study each study whose facts, attributes or presence in the index have changed; these are
evaluated by their rows, in the same statement, so an answer is exact at any moment. ``fold`` makes their blocks anew.

Values are kept to 3 significant digits: one that has more is a value inside the gap between two such numbers, so it
compares rightly with every number of 3 digits. A question with a number of more digits is answered by the rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import groupby
from math import ceil

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, text

from echosearch.db.questions.fact_conditions import Condition, all_stated, any_denied
from echosearch.db.questions.study_sets import BLOCK, DIGITS, OF_WALLS, ONE, BitSet, RowSet, StudySet, study_filter
from echosearch.db.server.statement import statement
from echosearch.filters import Where
from echosearch.report.facts.walls import MOTION

__all__ = ["Answer", "answer", "fold", "newest_stated", "numbers_meeting"]

YEARS = 10  # that an archive is taken to hold: so many months give the newest that are wanted, at first
MONTHS = 16  # read at once at most; if they hold too few, twice as many the next time
BY_ROWS = 4  # times as many studies as are wanted are sorted by their rows; of more, months are read
_INDEXED = "select from core.study_embedding e where e.study_key = s.study_key and e.indexed_gen is not null"

Bits = NDArray[np.uint8]  # eight studies each, the first the highest


def _kept(value: str) -> str:
    """A value with at most DIGITS significant digits: itself, or the middle of the gap that it is in."""
    exact = f"cast({value} as numeric)"
    places = f"{DIGITS - 1} - cast(floor(log(abs(cast({exact} as float8)))) as int)"
    cut = f"trunc({exact}, {places})"
    middle = f"{cut} + sign({exact}) * 5 * power(cast(10 as numeric), -1 - ({places}))"
    return f"case when {value} = 0 then 0 when {exact} = {cut} then {value} else cast({middle} as float8) end"


_FACTS = f"""
    select s.number, f.concept, f.polarity, f.severity_lo, f.severity_hi, {_kept("f.value")} as value,
     {_kept("f.value_hi")} as value_hi from core.fact f join core.study s using (study_key) where {{of_block}}
    union all select s.number, of_wall, f.polarity, f.severity_lo, f.severity_hi, null, null from core.fact f
     join core.study s using (study_key) cross join unnest({OF_WALLS}) of_wall
     where f.concept in {MOTION} and {{of_block}}
    union all select s.number, 'sr:' || f.concept, 'present', null, null, {_kept("f.value")}, null
     from core.sr_value f join core.study s using (study_key) where f.trusted and {{of_block}}
    union all select s.number, 'study:sex', s.sex, null, null, null, null from core.study s where {{of_block}}
    union all select s.number, 'study:age', 'present', null, null, s.age, null from core.study s where {{of_block}}
    union all select s.number, 'study:month', 'present', null, null, s.month, null from core.study s where {{of_block}}
    union all select s.number, 'study:encoder', 'present', null, null, e.encoder_id, null from core.study_embedding e
     join core.study s using (study_key) where e.indexed_gen is not null and not s.conflict and {{of_block}}"""
_FOLD = f"""
    insert into core.study_bits (block, place, concept, polarity, severity_lo, severity_hi, value, value_hi, studies)
    select :block, row_number() over (), concept, polarity, severity_lo, severity_hi, value, value_hi,
     bit_or(set_bit(cast(B'' as bit({BLOCK})), cast(number % {BLOCK} as int), 1))
    from ({_FACTS.format(of_block="s.number >= :first and s.number < :end")}) facts
    where polarity is not null and (concept not like 'study:%' or concept = 'study:sex' or value is not null)
    group by concept, polarity, severity_lo, severity_hi, value, value_hi"""


def fold(connection: Connection, least: int = 1) -> int:
    """Make the blocks anew of which ``least`` studies or more are stale; how many blocks. One process at a time.

    Commits after each block: a run that is stopped goes on with the others.
    """
    stale = text("select count(*) from (select from core.stale_study limit :least) stale")
    if connection.execute(stale, {"least": least}).scalar_one() < least:  # without a look at all studies
        return 0
    blocks = connection.scalars(
        text(
            f"select s.number / {BLOCK} from core.stale_study t join core.study s using (study_key)"
            " where s.number is not null group by 1 having count(distinct study_key) >= :least order by 1"
        ),
        {"least": least},
    ).all()
    connection.commit()
    for block in blocks:
        given = {"first": block * BLOCK, "end": (block + 1) * BLOCK}
        # first what is noted, then, by a later snapshot, the rows: what changes between the two stays noted
        connection.execute(
            text(
                "delete from core.stale_study t using core.study s"
                " where s.study_key = t.study_key and s.number >= :first and s.number < :end"
            ),
            given,
        )
        connection.execute(text("set local statement_timeout = 0"))
        connection.execute(text("delete from core.study_bits where block = :block"), {"block": block})
        connection.execute(text(_FOLD), {**given, "block": block})
        connection.commit()
    if least > 1:
        return len(blocks)
    # what was never indexed has no bit; it is noted again when it is
    connection.execute(
        text(
            "delete from core.stale_study t where not exists"
            " (select from core.study s where s.study_key = t.study_key and s.number is not null)"
        )
    )
    if blocks:
        connection.execute(text("analyze core.study_bits, core.stale_study"))
    connection.commit()
    return len(blocks)


@dataclass(frozen=True)
class Answer:
    """What the indexed studies say of a question; bit n is the study of number n (core.study.number)."""

    stated: Bits
    denied: Bits
    chosen: Bits  # those of ``stated`` that meet the condition on studies

    @cached_property
    def total(self) -> int:
        """How many studies state the question and meet the condition."""
        return int(np.bitwise_count(self.chosen).sum())

    def among(self, numbers: NDArray[np.int64]) -> Answer:
        """Answer the same question about these studies alone."""
        there = np.zeros(8 * len(self.chosen), dtype=np.bool_)
        there[numbers[numbers < len(there)]] = True  # others are indexed since
        return replace(self, chosen=self.chosen & np.packbits(there))

    def said(self, numbers: NDArray[np.int64]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Return which of these studies, by number, state the question, and which deny it: (N,), (N,)."""
        stated, denied = (np.zeros(len(numbers), dtype=np.bool_) for _ in range(2))
        known = numbers < 8 * len(self.stated)  # others are indexed since
        place, bit = numbers[known] // 8, 128 >> (numbers[known] % 8)
        denied[known] = self.denied[place] & bit != 0
        stated[known] = self.stated[place] & bit != 0
        return stated & ~denied, denied


def answer(
    connection: Connection,
    encoder_id: int,
    required: Sequence[Condition],
    excluded: Sequence[Condition],
    where: Where | None = None,
) -> Answer:
    """Evaluate a question, and a condition on studies (STUDY_FIELDS), on everything that is indexed."""
    given: dict[str, object] = {}
    bits, rows = BitSet(given), RowSet(given)
    encoder = bits.name(encoder_id)
    live = f"s.number is not null and not s.conflict and exists ({_INDEXED} and e.encoder_id = {encoder})"
    live_bits = bits.of_study("encoder", f"{{0}} = {encoder}")
    columns = []
    for name in ("stated", "denied", "chosen"):
        form, row_form = (_expression(sets, name, required, excluded, where) for sets in (bits, rows))
        columns.append(
            (
                f"bit_or(case when {live} and {row_form} then {ONE} else {bits.nothing} end) as {name}",
                f"bit_send({form} & {live_bits} & ~ coalesce(c.every, {bits.nothing})"
                f" | coalesce(c.{name}, {bits.nothing})) as {name}",
            )
        )
    stale = "s.study_key in (select study_key from core.stale_study)" if bits.exact else "true"
    # an array, because of a series the planner expects a thousand blocks: it would make a new plan for each question
    blocks = (
        f"select b.block, {', '.join(f'{query} as {name}' for name, query in bits.columns.items())}"
        f" from unnest(array(select generate_series(0, (select max(number) / {BLOCK} from core.study)))) b(block)"
    )
    made = "".join(f"{name} as materialized ({query}), " for name, query in {**bits.made, "blocks": blocks}.items())
    found = connection.execute(
        statement(
            f"with {made}c as materialized (select s.number / {BLOCK} as block, bit_or({ONE}) as every,"
            f" {', '.join(row for row, _ in columns)} from core.study s where s.number is not null and {stale}"
            " group by 1)"
            f" select {', '.join(block for _, block in columns)}"
            " from blocks b left join c on c.block = b.block order by b.block",
            binary=True,
        ),
        given,
    ).all()
    return Answer(*(_joined([row[place] for row in found]) for place in range(3)))


def _expression(
    sets: StudySet, name: str, required: Sequence[Condition], excluded: Sequence[Condition], where: Where | None
) -> str:
    if name == "denied":
        return any_denied(sets, required, excluded)
    stated = all_stated(sets, required, excluded)
    return stated if name == "stated" or where is None else sets.every([stated, study_filter(sets, where)])


def _joined(blocks: Sequence[bytes]) -> Bits:
    """What bit_send makes of each block, without its four bytes of length."""
    return np.frombuffer(b"".join(block[4:] for block in blocks), dtype=np.uint8)


def numbers_meeting(connection: Connection, condition: str, given: Mapping[str, object]) -> NDArray[np.int64]:
    """Return the numbers of the studies that meet a condition on core.study (alias ``s``), in no order."""
    found = connection.scalar(
        text(
            f"select string_agg(int8send(s.number), '') from core.study s where s.number is not null and {condition}"
        ).execution_options(binary=True),
        given,
    )
    return np.frombuffer(found or b"", dtype=">i8").astype(np.int64)


def newest_stated(connection: Connection, answered: Answer, limit: int) -> NDArray[np.int64]:
    """Return the numbers of ``limit`` of the chosen studies, the newest by month."""
    if answered.total <= limit:
        return _numbers(answered.chosen)
    if answered.total <= BY_ROWS * limit:
        return _newest_of(connection, _numbers(answered.chosen), limit)
    return _newest(connection, answered.chosen, answered.total, limit)[:limit]


def _newest_of(connection: Connection, numbers: NDArray[np.int64], limit: int) -> NDArray[np.int64]:
    """The same by the rows of the studies: of a few, the months that hold enough are many."""
    found = connection.scalar(
        statement(
            "select string_agg(int8send(number), '' order by month desc nulls last, number) from (select number, month"
            " from core.study where number = any(cast(:numbers as bigint[])) order by month desc nulls last, number"
            " limit :limit) newest",
            binary=True,
        ),
        {"numbers": f"{{{','.join(map(str, numbers.tolist()))}}}", "limit": limit},
    )
    return np.frombuffer(found or b"", dtype=">i8").astype(np.int64)


def _newest(connection: Connection, chosen: Bits, total: int, limit: int) -> NDArray[np.int64]:
    """Numbers of the ``total`` chosen, newest month first, those without a month last: at least ``limit`` of them."""
    rest = chosen.copy()
    newest: list[NDArray[np.int64]] = []
    before, count, months = 999_999, 0, min(ceil(12 * YEARS * limit / total), MONTHS)
    while count < limit:
        rows = connection.execute(
            statement(
                "with m as materialized (select distinct value from core.study_bits where concept = 'study:month'"
                " and value < :before order by value desc limit :months)"
                " select value, block, bit_send(studies) as bits from core.study_bits"
                " where concept = 'study:month' and value in (select value from m)"
                " order by value desc, block",
                binary=True,
            ),
            {"before": before, "months": months},
        ).all()
        for _, blocks in groupby(rows, key=lambda row: row.value):
            there = np.zeros_like(rest)
            for row in blocks:
                part = slice(row.block * BLOCK // 8, (row.block + 1) * BLOCK // 8)
                there[part] = np.frombuffer(row.bits, dtype=np.uint8, offset=4)[: len(there[part])]
            there &= rest
            newest.append(_numbers(there))
            count += len(newest[-1])
            rest ^= there
        if not rows:
            newest.append(_numbers(rest))
            break
        before, months = rows[-1].value, min(2 * months, MONTHS)
    return np.concatenate(newest)


def _numbers(bits: Bits) -> NDArray[np.int64]:
    held = np.flatnonzero(bits)  # most hold none: eight of each are looked at where there is one
    return (8 * held[:, None] + np.arange(8))[np.unpackbits(bits[held]).reshape(-1, 8).astype(np.bool_)]
