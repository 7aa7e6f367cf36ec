"""Convert a structured report's NUM items to measurements as facts have them: id, unit, plausible range (facts.md).

A measurement is found by its codes in their order, the surest first; codes of TID 5200 that mean different things at
different valves also by finding site and direction of flow. ``select_repeated`` chooses among values under one code. A
value in an unknown unit or outside the range, a spread or an extreme of others, or one in inspiration is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from echosearch.outcome import MeasuredValue
from echosearch.reading.dicom.measurements import Measurement, best_ejection_fraction, select_repeated

__all__ = ["MEASURES", "MeasureCodes", "echo_values"]

_UNITS: Mapping[str, Mapping[str, float]] = {  # unit of facts -> UCUM, and what to multiply by
    "%": {"%": 1},
    "mm": {"mm": 1, "cm": 10},
    "mL": {"ml": 1, "mL": 1, "cm3": 1, "l": 1000, "L": 1000},
    "mL/m2": {"ml/m2": 1, "mL/m2": 1},
    "": {"1": 1, "{ratio}": 1, "ratio": 1, "": 1},
    "ms": {"ms": 1, "s": 1000},
    "mmHg": {"mm[Hg]": 1, "mmHg": 1},
    "m/s": {"m/s": 1, "cm/s": 0.01},
    "cm2": {"cm2": 1, "mm2": 0.01},
}
_LV, _LVOT = "87878005", "13418002"
_AORTIC, _MITRAL, _TRICUSPID = "34202007", "91134007", "46030003"
_ANNULI = ("65197004", "399086000", "399093001")  # of the mitral valve: whole, lateral, medial
_ANTEGRADE, _REGURGITANT = "263677008", "397417004"
_BIPLANE, _SINGLE_PLANE, _PISA = "125207", "125208", "125216"
_SPREADS = ("386136009", "255605001", "56851009")  # derivation (121401, DCM): standard deviation, minimum, maximum
_INSPIRATION = "14910006"
_SEGMENT = "106233006"  # topographical modifier: of a part, not of the whole


@dataclass(frozen=True)
class CodeForm:
    """How a measurement may be written. Without sites or flow, anywhere; ``flow`` "" is any but regurgitant."""

    value: str
    scheme: str = "LN"
    sites: tuple[str, ...] = ()
    flow: str | None = None
    method: str | None = None

    def is_of(self, item: Measurement) -> bool:
        """Return True if the site, mode and flow of ``item`` match this code."""
        site, flow, method = item.site, item.flow, item.method
        if self.sites and (site is None or not any(site.means(one, "SCT") for one in self.sites)):
            return False
        if self.flow == "" and (
            (flow is not None and flow.means(_REGURGITANT, "SCT"))
            or (method is not None and method.means(_PISA, "DCM"))
        ):
            return False
        if self.flow and (flow is None or not flow.means(self.flow, "SCT")):
            return False
        return self.method is None or (method is not None and method.means(self.method, "DCM"))


@dataclass(frozen=True)
class MeasureCodes:
    """A measurement of facts: id, unit, plausible range, and the codes that reports use for it."""

    id: str
    unit: str
    low: float
    high: float
    codes: tuple[CodeForm, ...] = ()

    def plausible(self, item: Measurement) -> Measurement | None:
        """Return the item in the unit of facts; None if its unit cannot be converted or its value is implausible."""
        factor = _UNITS[self.unit].get(item.unit)
        if item.value is None or factor is None:
            return None
        value = round((abs(item.value) if self.id == "gls" else item.value) * factor, 6)
        return replace(item, value=value) if self.low <= value <= self.high else None


def _ln(*values: str) -> tuple[CodeForm, ...]:
    return tuple(CodeForm(value) for value in values)


def _volume(biplane: str, three_d: str, single_plane: tuple[str, ...], bare: str) -> tuple[CodeForm, ...]:
    """As with EF: biplane, 3D, single plane, whatever else."""
    by_method = (CodeForm(bare, method=_BIPLANE), *_ln(three_d, *single_plane), CodeForm(bare, method=_SINGLE_PLANE))
    return (CodeForm(biplane), *by_method, CodeForm(bare))


def _jet(site: str, flow: str) -> tuple[CodeForm, ...]:
    return tuple(CodeForm(value, sites=(site,), flow=flow) for value in ("11726-7", "20355-4"))


MEASURES = (
    MeasureCodes("lvef", "%", 5, 90),  # by ejection_fraction
    MeasureCodes("fs", "%", 3, 70, _ln("18051-3", "29434-8", "29435-5")),
    MeasureCodes("gls", "%", 1, 40, (CodeForm("130671", "DCM", (_LV,)), CodeForm("130670", "DCM", (_LV,)))),
    MeasureCodes("lvdd", "mm", 20, 100, _ln("29436-3", "80007-8", "80008-6")),
    MeasureCodes("lvds", "mm", 10, 90, _ln("29438-9", "80011-0", "80012-8")),
    MeasureCodes("ivs", "mm", 3, 40, _ln("18154-5", "79969-2", "79968-4")),
    MeasureCodes("pw", "mm", 3, 40, _ln("18152-9", "80032-6", "80031-8")),
    MeasureCodes("lad", "mm", 15, 90, _ln("29469-4", "79975-9", "79977-5")),
    MeasureCodes("aod", "mm", 15, 90, _ln("18015-8", "79953-6")),
    MeasureCodes("asc_ao", "mm", 15, 100, _ln("18012-5", "79966-8")),
    MeasureCodes("ivc", "mm", 3, 45, _ln("18006-7", "79967-6")),
    MeasureCodes("tapse", "mm", 3, 45, _ln("77903-3")),
    MeasureCodes("edv", "mL", 20, 600, _volume("79996-5", "79995-7", ("79999-9", "79998-1"), "18026-5")),
    MeasureCodes("esv", "mL", 5, 500, _volume("80001-1", "80000-3", ("80004-5", "80003-7"), "18148-7")),
    MeasureCodes("lavi", "mL/m2", 5, 250, _ln("79984-1", "79982-5")),
    MeasureCodes("ea_ratio", "", 0.1, 6, (CodeForm("18038-0"), CodeForm("59104-0", sites=(_MITRAL,)))),
    MeasureCodes("e_e", "", 2, 60, (CodeForm("399140004", "SCT"), CodeForm("59111-5", sites=(_MITRAL, _LV, *_ANNULI)))),
    MeasureCodes(
        "dt", "ms", 50, 500, (CodeForm("399354002", "SCT"), CodeForm("78191-4"), CodeForm("20217-6", sites=(_MITRAL,)))
    ),
    MeasureCodes(
        "trpg", "mmHg", 5, 150, (CodeForm("79937-9"), CodeForm("20247-3", sites=(_TRICUSPID,), flow=_REGURGITANT))
    ),
    MeasureCodes("rvsp", "mmHg", 10, 180, (CodeForm("399023006", "SCT"),)),
    MeasureCodes("trv", "m/s", 0.5, 7, (CodeForm("79921-3"), *_jet(_TRICUSPID, _REGURGITANT))),
    MeasureCodes("av_vmax", "m/s", 0.5, 8, (CodeForm("79964-3"), *_jet(_AORTIC, _ANTEGRADE))),
    MeasureCodes(
        "av_mpg", "mmHg", 1, 150, (CodeForm("79962-7"), CodeForm("20256-4", sites=(_AORTIC,), flow=_ANTEGRADE))
    ),
    MeasureCodes(
        "mv_mpg", "mmHg", 0.5, 40, (CodeForm("80073-0"), CodeForm("20256-4", sites=(_MITRAL,), flow=_ANTEGRADE))
    ),
    MeasureCodes("lvot_pg", "mmHg", 1, 250, (CodeForm("20247-3", sites=(_LVOT,), flow=_ANTEGRADE),)),
    MeasureCodes("ava", "cm2", 0.1, 6, (*_ln("79958-5", "79956-9"), CodeForm("399367004", "SCT", (_AORTIC,), ""))),
    MeasureCodes(
        "mva", "cm2", 0.3, 8, (*_ln("80068-0", "80069-8", "80067-2"), CodeForm("399367004", "SCT", (_MITRAL,), ""))
    ),
)


def echo_values(items: Sequence[Measurement]) -> tuple[MeasuredValue, ...]:
    """Return one value for each measurement among ``items``, in the order of ``MEASURES``."""
    usable = [item for item in items if item.value is not None and _is_whole(item)]
    by_code: dict[tuple[str, str], list[Measurement]] = {}
    for item in usable:
        by_code.setdefault((item.concept.scheme, item.concept.value), []).append(item)
    found = []
    for measure in MEASURES:
        value = _ejection_fraction(usable) if measure.id == "lvef" else _value(measure, by_code)
        if value is not None:
            found.append(MeasuredValue(measure.id, value, measure.unit))
    return tuple(found)


def _ejection_fraction(items: Sequence[Measurement]) -> float | None:
    found = best_ejection_fraction([item for item in items if item.concept.scheme == "LN"])
    return None if found is None else found[0]


def _value(measure: MeasureCodes, by_code: Mapping[tuple[str, str], list[Measurement]]) -> float | None:
    for code in measure.codes:
        items = [item for item in _coded(code, by_code) if code.is_of(item)]
        best = select_repeated([one for one in map(measure.plausible, items) if one is not None])
        if best is not None:
            return best.value
    return None


def _coded(code: CodeForm, by_code: Mapping[tuple[str, str], list[Measurement]]) -> Iterable[Measurement]:
    if code.scheme != "SCT":
        return by_code.get((code.scheme, code.value), [])
    same = [of for (scheme, _), of in by_code.items() if scheme not in ("LN", "DCM")]
    return [item for of in same if of[0].concept.means(code.value, "SCT") for item in of]


def _is_whole(item: Measurement) -> bool:
    """Return True if it is a value of the whole, not a spread of values, of a segment, or taken in inspiration."""
    derivation = item.modifier("121401", "DCM")
    if derivation is not None and any(derivation.means(one, "SCT") for one in _SPREADS):
        return False
    if item.modifier(_SEGMENT, "SCT") is not None:
        return False
    return not any(value.means(_INSPIRATION, "SCT") for _, value in item.modifiers)
