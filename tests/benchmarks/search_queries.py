"""The queries of bench_search.py, and what is true of a study for each: conditions on columns of truth.csv."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

Row = Mapping[str, str]  # of truth.csv


class Condition(Protocol):
    def judge(self, row: Row) -> bool | None:
        """Return True if a study fulfils it, False if the truth contradicts it, None if it counts neither way."""


@dataclass(frozen=True)
class Present:
    """A finding, no grade asked: 2 and more is it, 0 is not, 1 (a trace, borderline) counts neither way."""

    finding: str

    def judge(self, row: Row) -> bool | None:
        grade = int(row[self.finding])
        return None if grade == 1 else grade >= 2


@dataclass(frozen=True)
class Absent:
    """No such finding: 0 is right, 1 counts neither way."""

    finding: str

    def judge(self, row: Row) -> bool | None:
        grade = int(row[self.finding])
        return None if grade == 1 else grade == 0


@dataclass(frozen=True)
class Graded:
    """A grade within [low, high], and no other."""

    finding: str
    low: int
    high: int

    def judge(self, row: Row) -> bool | None:
        return self.low <= int(row[self.finding]) <= self.high


@dataclass(frozen=True)
class EF:
    """An ejection fraction in [low, high), or [low, high] if ``closed``.

    Reports say whole percents: where the true value and the whole one differ in the answer, neither counts.
    """

    low: float = 0.0
    high: float = 100.0
    closed: bool = False

    def judge(self, row: Row) -> bool | None:
        true = float(row["ef"])
        exact, whole = self._within(true), self._within(round(true))
        return exact if exact == whole else None

    def _within(self, value: float) -> bool:
        return self.low <= value and (value <= self.high if self.closed else value < self.high)


@dataclass(frozen=True)
class Query:
    kind: str
    text: str
    conditions: tuple[Condition, ...]

    def judge(self, row: Row) -> bool | None:
        """All conditions: False if any is contradicted, True if all hold, else None."""
        answers = [condition.judge(row) for condition in self.conditions]
        return False if False in answers else None if None in answers else True


_LISTED: dict[str, dict[str, tuple[Condition, ...]]] = {
    "finding": {
        "心嚢液貯留": (Present("pericardial_effusion"),),
        "僧帽弁逆流": (Present("mr"),),
        "大動脈弁逆流": (Present("ar"),),
        "三尖弁逆流": (Present("tr"),),
        "大動脈弁狭窄": (Present("as"),),
        "僧帽弁狭窄": (Present("ms"),),
        "左室肥大": (Present("lv_hypertrophy"),),
        "ペースメーカーリード": (Present("pacemaker"),),
        "人工弁": (Present("prosthetic_valve"),),
    },
    "absence": {
        "心嚢液貯留なし": (Absent("pericardial_effusion"),),
        "僧帽弁逆流なし": (Absent("mr"),),
        "三尖弁逆流なし": (Absent("tr"),),
        "大動脈弁狭窄なし": (Absent("as"),),
        "左室拡大なし": (Absent("lv_dilation"),),
        "左室肥大なし": (Absent("lv_hypertrophy"),),
        "局所壁運動異常なし": (Absent("wall_motion"),),
    },
    "right chamber": {
        "左房拡大": (Present("la_dilation"),),
        "左室拡大": (Present("lv_dilation"),),
        "右房拡大": (Present("ra_dilation"),),
        "右室拡大": (Present("rv_dilation"),),
    },
    "graded": {
        "中等度以上のMR": (Graded("mr", 3, 4),),
        "重度のTR": (Graded("tr", 4, 4),),
        "軽度以下のAR": (Graded("ar", 0, 2),),
        "中等度以上の大動脈弁狭窄": (Graded("as", 3, 4),),
        "重度の僧帽弁逆流": (Graded("mr", 4, 4),),
        "中等度以上の僧帽弁狭窄": (Graded("ms", 3, 4),),
        "中等度以上の左房拡大": (Graded("la_dilation", 3, 4),),
        "中等度以上の左室肥大": (Graded("lv_hypertrophy", 3, 4),),
        "軽度の三尖弁逆流": (Graded("tr", 2, 2),),
        "軽度以下のMR": (Graded("mr", 0, 2),),
    },
    "numbers": {
        "EF 40%未満": (EF(high=40),),
        "EF 50%以上": (EF(low=50),),
        "EFが30〜40%": (EF(30, 40, closed=True),),
        "EF 35%以下": (EF(high=35, closed=True),),
        "LVEF 60%以上": (EF(low=60),),
        "左室駆出率が40〜50%": (EF(40, 50, closed=True),),
    },
    "combined": {
        "重度MRかつ左室拡大なし": (Graded("mr", 4, 4), Absent("lv_dilation")),
        "中等度以上のTRかつ右房拡大あり": (Graded("tr", 3, 4), Present("ra_dilation")),
        "大動脈弁狭窄あり、左室肥大あり": (Present("as"), Present("lv_hypertrophy")),
        "左室拡大あり、EF 40%未満": (Present("lv_dilation"), EF(high=40)),
        "左房拡大あり、MRなし": (Present("la_dilation"), Absent("mr")),
        "中等度以上のMR、EF 50%以上": (Graded("mr", 3, 4), EF(low=50)),
        "僧帽弁狭窄あり、左房拡大あり": (Present("ms"), Present("la_dilation")),
        "MRあり、ARなし、TRなし": (Present("mr"), Absent("ar"), Absent("tr")),
    },
    "wall motion": {
        "局所壁運動異常": (Present("wall_motion"),),
        "壁運動異常あり": (Present("wall_motion"),),
    },
}
QUERIES = tuple(Query(kind, text, must) for kind, asked in _LISTED.items() for text, must in asked.items())
KINDS = tuple(_LISTED)
