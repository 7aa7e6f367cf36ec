"""Measurements of a structured report: TID 5200 (adult echo) and TID 5300 (simplified), read with plain pydicom.

    CONTAINER report -> CONTAINER findings (site) -> CONTAINER group (mode) -> NUM value [method, flow, ...]

A code alone means nothing: 11726-7 is the speed of a tricuspid leak or of an aortic stenosis by its site and flow.
So every NUM is kept with all its modifiers, its own and those of the containers above it (PS3.16, TID 5200, 5203,
300; modifiers of a parent hold for its descendants). A NUM with an empty Measured Value Sequence is a failed
measurement, which the standard allows.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from pydicom.dataset import Dataset
from pydicom.sr.coding import Code

from echosearch.reading.dicom.elements.dataset import VALUE_ERRORS

__all__ = ["Coded", "Measurement", "best_ejection_fraction", "measurements_in", "select_repeated"]

MAX_DEPTH = 64  # containers within containers
MAX_ITEMS = 20_000
EF_RANGE = (5.0, 90.0)  # percent


@dataclass(frozen=True)
class Coded:
    """A code as written in the file. SRT and SCT codes of one concept differ here; ``means`` treats them as equal."""

    value: str
    scheme: str
    meaning: str = ""

    def means(self, value: str, scheme: str) -> bool:
        """Return True if this code is the given concept; an older SRT code of SNOMED equals its SCT code."""
        return bool(Code(self.value, self.scheme, self.meaning) == Code(value, scheme, ""))


@dataclass(frozen=True)
class Measurement:
    """One NUM item. ``value`` is None if the device could not measure."""

    concept: Coded
    value: float | None
    unit: str  # UCUM: "%", "cm", "mm", "m/s", ...
    modifiers: tuple[tuple[Coded, Coded], ...] = ()  # (name, value), outermost container first

    def modifier(self, value: str, scheme: str) -> Coded | None:
        """Return the innermost modifier of this name: finding site (363698007, SCT), method (370129005, SCT), ..."""
        for name, coded in reversed(self.modifiers):
            if name.means(value, scheme):
                return coded
        return None

    @property
    def site(self) -> Coded | None:
        return self.modifier("363698007", "SCT")

    @property
    def method(self) -> Coded | None:
        return self.modifier("370129005", "SCT")

    @property
    def flow(self) -> Coded | None:
        return self.modifier("260674002", "SCT")


def measurements_in(root: Dataset) -> tuple[Measurement, ...]:
    """Return every NUM below this item, depth first. The stack is our own, so that no file can cause deep recursion.

    A malformed NUM or modifier is left out. Raises ValueError, or another of VALUE_ERRORS, if the tree is malformed,
    too deep or too large.
    """
    found: list[Measurement] = []
    stack: list[tuple[Dataset, tuple[tuple[Coded, Coded], ...], int]] = [(root, (), 0)]
    seen = 0
    while stack:
        item, inherited, depth = stack.pop()
        seen += 1
        if depth > MAX_DEPTH:
            raise ValueError(f"more than {MAX_DEPTH} levels")
        content = item.get("ContentSequence") or ()
        if seen + len(stack) + len(content) > MAX_ITEMS:
            raise ValueError(f"more than {MAX_ITEMS} items")
        children = list(content)
        own = [_modifier(child) for child in children if child.get("RelationshipType") == "HAS CONCEPT MOD"]
        modifiers = inherited + tuple(one for one in own if one is not None)
        measured = _measurement(item, modifiers) if item.get("ValueType") == "NUM" else None
        if measured is not None:
            found.append(measured)
        for child in reversed(children):
            if child.get("RelationshipType") != "HAS CONCEPT MOD":
                stack.append((child, modifiers, depth + 1))
    return tuple(found)


def _modifier(item: Dataset) -> tuple[Coded, Coded] | None:
    try:
        if item.get("ValueType") != "CODE":
            return None
        return _coded(item.ConceptNameCodeSequence[0]), _coded(item.ConceptCodeSequence[0])
    except VALUE_ERRORS:
        return None


def _measurement(item: Dataset, modifiers: tuple[tuple[Coded, Coded], ...]) -> Measurement | None:
    """Return the measurement; None without a name. The value is None if it is not a finite number with a unit."""
    try:
        concept = _coded(item.ConceptNameCodeSequence[0])
    except VALUE_ERRORS:
        return None
    try:
        measured = item.MeasuredValueSequence[0]
        value, unit = float(measured.NumericValue), str(measured.MeasurementUnitsCodeSequence[0].CodeValue)
    except VALUE_ERRORS:
        return Measurement(concept, None, "", modifiers)
    return Measurement(concept, value if math.isfinite(value) else None, unit, modifiers)


def _coded(item: Dataset) -> Coded:
    value = item.get("CodeValue") or item.get("LongCodeValue") or ""
    return Coded(str(value), str(item.get("CodingSchemeDesignator", "")), str(item.get("CodeMeaning", "")))


def select_repeated(candidates: Sequence[Measurement]) -> Measurement | None:
    """Return one value for repeated measurements: the device's choice, else the mean, else the last finite one."""
    finite = [m for m in candidates if m.value is not None]
    for chosen in (("121412", "DCM"), ("121411", "DCM"), ("121410", "DCM")):  # mean, most recent, user
        for m in finite:
            status = m.modifier("121404", "DCM")
            if status is not None and status.means(*chosen):
                return m
    for m in finite:
        derivation = m.modifier("121401", "DCM")
        if derivation is not None and derivation.means("373098007", "SCT"):
            return m
    return finite[-1] if finite else None


# (pre-coordinated LOINC codes, method modifiers of 18043-0), the most trusted first
_EF_METHODS: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = (
    ("biplane", ("79991-6",), ("125207",)),
    ("3D", ("79990-8",), ()),
    ("single plane", ("79992-4", "79993-2"), ("125208",)),
    ("Teichholz", ("77891-0", "18049-7"), ("125209",)),
)


def best_ejection_fraction(measurements: Sequence[Measurement]) -> tuple[float, str] | None:
    """Return LVEF in percent and its method, the best first: biplane, 3D, single plane, Teichholz, unstated.


    None if there is no LVEF. Values in other units than percent, or outside 5 to 90, are ignored.
    """
    low, high = EF_RANGE
    usable = [m for m in measurements if m.unit == "%" and m.value is not None and low <= m.value <= high]
    for name, codes, methods in _EF_METHODS:
        for code in codes:
            if best := select_repeated([m for m in usable if m.concept.means(code, "LN")]):
                return float(best.value or 0.0), name
        post = [m for m in usable if m.concept.means("18043-0", "LN") and m.method is not None]
        if best := select_repeated(
            [m for m in post if m.method and any(m.method.means(code, "DCM") for code in methods)]
        ):
            return float(best.value or 0.0), name
    unstated = [m for m in usable if m.concept.means("18043-0", "LN")]
    return (float(best.value or 0.0), "unstated") if (best := select_repeated(unstated)) else None
