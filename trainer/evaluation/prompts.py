"""What a report says when a finding is there, and when it is not: the prompts of zero-shot reading, in Japanese.

A finding has several names and laboratories several ways to say it; the prompts of one meaning are averaged, as
EchoCLIP does in English (Christensen 2024, Nature Medicine). Where a finding has several places and a study one of
them, each place is a meaning of its own, and the nearest counts.
"""

from __future__ import annotations

__all__ = ["EF_VALUES", "FINDINGS", "ef_prompts", "finding_prompts"]

_LEAKS = {
    "mr": ("僧帽弁閉鎖不全", "僧帽弁逆流"),
    "ar": ("大動脈弁閉鎖不全", "大動脈弁逆流"),
    "tr": ("三尖弁閉鎖不全", "三尖弁逆流"),
}
_GRADED = {
    **_LEAKS,
    "as": ("大動脈弁狭窄", "大動脈弁狭窄症"),
    "ms": ("僧帽弁狭窄", "僧帽弁狭窄症"),
    "lv_dilation": ("左室拡大", "左室拡張"),
    "lv_hypertrophy": ("左室肥大", "左室壁肥厚"),
    "la_dilation": ("左房拡大",),
    "ra_dilation": ("右房拡大",),
    "rv_dilation": ("右室拡大",),
    "dyssynchrony": ("左室非同期運動", "左室同期不全"),
}
_SEVERITY = ("軽度", "中等度", "高度")
_WALLS = (  # what the three coronary arteries feed
    ("前壁中隔", "前壁", "前壁から心尖部"),
    ("下壁", "下壁中隔から下壁"),
    ("側壁", "後側壁", "下側壁"),
)
_MOTIONS = ("壁運動低下", "無収縮", "奇異性運動")
_PRESENT = {
    "pericardial_effusion": (("少量の心嚢液貯留あり", "中等量の心嚢液貯留あり", "大量の心嚢液貯留を認める"),),
    "wall_motion": tuple(
        tuple(
            form
            for wall in walls
            for motion in _MOTIONS
            for form in (f"{wall}に{motion}あり", f"{wall}の{motion}を認める")
        )
        for walls in _WALLS
    ),
    "pacemaker": (("ペースメーカーリードあり", "右心系にペースメーカーリードあり"),),
    "prosthetic_valve": (
        ("僧帽弁位人工弁あり", "僧帽弁置換術後"),
        ("大動脈弁位人工弁あり", "大動脈弁置換術後"),
    ),
}
_ABSENT = {
    "pericardial_effusion": ("心嚢液貯留なし", "心嚢液貯留を認めない"),
    "wall_motion": ("左室壁運動正常", "局所壁運動異常なし"),
    # no report says that there is no pacemaker or prosthesis: what it says instead is about the native valves
    "pacemaker": (),
    "prosthetic_valve": (),
}
FINDINGS: tuple[str, ...] = (*_GRADED, *_PRESENT)
EF_VALUES: tuple[int, ...] = tuple(range(10, 81))


def finding_prompts(finding: str) -> tuple[tuple[tuple[str, ...], ...], tuple[str, ...]]:
    """(present, absent) prompts of a column of truth.csv. Raises KeyError.

    ``present`` has a tuple for each meaning; ``absent`` may be empty.
    """
    if finding in _PRESENT:
        return tuple(_stopped(prompts) for prompts in _PRESENT[finding]), _stopped(_ABSENT[finding])
    names = _GRADED[finding]
    present = [f"{severity}の{name}あり" for name in names for severity in _SEVERITY]
    return (_stopped(present),), _stopped([form for name in names for form in (f"{name}なし", f"{name}を認めない")])


def ef_prompts(value: int) -> tuple[str, ...]:
    """The ways to write an ejection fraction of ``value`` percent."""
    return _stopped((f"EF {value}%", f"LVEF {value}%", f"左室駆出率{value}%"))


def _stopped(prompts: list[str] | tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"{prompt}。" for prompt in prompts)
