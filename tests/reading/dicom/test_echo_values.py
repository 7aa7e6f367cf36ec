"""What a structured report's NUM items are to facts: ids, units, ranges, and which of several values counts."""

from __future__ import annotations

from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import UID

from echosearch.outcome import Measured, Skipped
from echosearch.reading.dicom.echo_values import MEASURES
from echosearch.reading.source import inspect_file
from echosearch.report.facts import load_lexicon
from tests.phantom.test_measurements import (
    AORTIC,
    BIPLANE,
    DERIVATION,
    EF,
    FLOW,
    MEAN,
    METHOD,
    PEAK,
    REGURGITANT,
    SITE,
    TEICHHOLZ,
    TRICUSPID,
    Triple,
    code,
    container,
    modifier,
    number,
    written,
)

ANTEGRADE = ("263677008", "SCT", "Antegrade Flow")
MITRAL, LV = ("91134007", "SCT", "Mitral Valve"), ("87878005", "SCT", "Left ventricle")
SELECTION, CHOSEN = ("121404", "DCM", "Selection Status"), ("121410", "DCM", "User chosen value")
DEVIATION = ("386136009", "SCT", "Standard Deviation")
PHASE, INSPIRATION = ("106233006x", "99X", "Phase"), ("14910006", "SCT", "inspiration")
SEGMENT, BASAL = ("106233006", "SCT", "Topographical modifier"), ("264481009", "SCT", "Basal anterior segment")
AREA, EDV, IVC = ("399367004", "SCT", "Area"), ("18026-5", "LN", "EDV"), ("18006-7", "LN", "IVC")
STRAIN = ("130671", "DCM", "Peak Longitudinal Lagrangian Strain")


def ln(value: str) -> Triple:
    return value, "LN", "a code of TID 5300"


def at(site: Triple, *items: Dataset) -> Dataset:
    return container(modifier(SITE, site), *items)


def values(folder: Path, *content: Dataset) -> dict[str, float]:
    found = inspect_file(written(folder, *content))
    return {one.concept: one.value for one in found.values} if isinstance(found, Measured) else {}


def test_units_and_ranges_are_those_of_facts() -> None:
    measures = load_lexicon().measures
    for measure in MEASURES:
        known = measures[measure.id]
        assert (measure.unit, measure.low, measure.high) == (known.unit or "", known.low, known.high), measure.id
    assert len({measure.id for measure in MEASURES}) == len(MEASURES)


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (number(ln("80007-8"), "4.83", "cm"), {"lvdd": 48.3}),
        (number(ln("80007-8"), "48.3", "mm"), {"lvdd": 48.3}),
        (number(ln("80007-8"), "0.0483", "km"), {}),
        (number(ln("80007-8"), "483", "mm"), {}),
        (number(ln("77903-3"), "1.7", "cm"), {"tapse": 17.0}),
        (number(ln("79984-1"), "41", "ml/m2"), {"lavi": 41.0}),
        (number(ln("79962-7"), "42", "mm[Hg]"), {"av_mpg": 42.0}),
        (number(ln("79964-3"), "420", "cm/s"), {"av_vmax": 4.2}),
        (number(ln("78191-4"), "0.21", "s"), {"dt": 210.0}),
        (number(ln("18038-0"), "0.8", "1"), {"ea_ratio": 0.8}),
        (number(ln("79958-5"), "0.9", "cm2"), {"ava": 0.9}),
        (number(("99-1", "99VENDOR", "LVIDd"), "4.8", "cm"), {}),
        (at(LV, number(STRAIN, "-17.5", "%")), {"gls": 17.5}),
        (at(LV, number(STRAIN, "-17.5", "%", modifier(SEGMENT, BASAL))), {}),
        (at(BASAL, number(STRAIN, "-17.5", "%")), {}),
        (number(IVC, "1.8", "cm"), {"ivc": 18.0}),
        (number(IVC, "0.7", "cm", modifier(PHASE, INSPIRATION)), {}),
        (at(AORTIC, number(PEAK, "4.1", "m/s", modifier(FLOW, ANTEGRADE))), {"av_vmax": 4.1}),
        (at(AORTIC, number(PEAK, "4.1", "m/s", modifier(FLOW, REGURGITANT))), {}),
        (at(AORTIC, number(PEAK, "4.1", "m/s")), {}),
        (at(TRICUSPID, number(PEAK, "2.9", "m/s", modifier(FLOW, REGURGITANT))), {"trv": 2.9}),
        (at(TRICUSPID, number(PEAK, "0.6", "m/s", modifier(FLOW, ANTEGRADE))), {}),
        (at(MITRAL, number(AREA, "1.2", "cm2")), {"mva": 1.2}),
        (at(AORTIC, number(AREA, "0.8", "cm2")), {"ava": 0.8}),
        (at(MITRAL, number(AREA, "0.4", "cm2", modifier(FLOW, REGURGITANT))), {}),
    ],
)  # fmt: skip
def test_one_item(tmp_path: Path, item: Dataset, expected: dict[str, float]) -> None:
    assert values(tmp_path, item) == expected


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        ([number(EF, "52", "%"), number(EF, "60", "%")], {"lvef": 60.0}),  # the last
        ([number(EF, "56", "%", modifier(DERIVATION, MEAN)), number(EF, "60", "%")], {"lvef": 56.0}),
        ([number(EF, "52", "%", modifier(SELECTION, CHOSEN)), number(EF, "60", "%")], {"lvef": 52.0}),
        ([number(EF, "56", "%"), number(EF, "7", "%", modifier(DERIVATION, DEVIATION))], {"lvef": 56.0}),
        ([number(EF, "56", "%"), number(EF, "560", "%")], {"lvef": 56.0}),
        ([number(EDV, "90", "ml", modifier(METHOD, BIPLANE)), number(EDV, "120", "ml", modifier(METHOD, TEICHHOLZ))],
         {"edv": 90.0}),
        ([number(ln("80007-8"), "48", "mm"), number(("29436-3", "LN", "LVIDd"), "5.1", "cm")], {"lvdd": 51.0}),
    ],
)  # fmt: skip
def test_of_several_values_one_counts(tmp_path: Path, items: list[Dataset], expected: dict[str, float]) -> None:
    assert values(tmp_path, *items) == expected


def broken(**tags: object) -> Dataset:
    item = number(EF, "30", "%")
    for keyword, value in tags.items():
        setattr(item, keyword, value)
    return item


@pytest.mark.parametrize(
    "item",
    [
        broken(ConceptNameCodeSequence=[]),
        broken(MeasuredValueSequence=[Dataset()]),
        broken(ContentSequence=[Dataset()]),
        broken(ContentSequence=[broken(RelationshipType="HAS CONCEPT MOD", ValueType="CODE")]),
        Dataset(),
    ],
)
def test_a_broken_item_costs_no_other(tmp_path: Path, item: Dataset) -> None:
    found = values(
        tmp_path, number(EF, "44", "%", modifier(SELECTION, CHOSEN)), item, number(ln("80007-8"), "48", "mm")
    )
    assert found == {"lvef": 44.0, "lvdd": 48.0}


@pytest.mark.parametrize(
    ("template", "root", "taken"),
    [("5200", "1", True), ("5300", "1", True), ("5000", "125200", True), ("5000", "125000", False)],
)
def test_template_or_title_decides(tmp_path: Path, template: str, root: str, taken: bool) -> None:
    path = written(tmp_path, number(EF, "44", "%"))
    dataset = pydicom.dcmread(path)
    dataset.ContentTemplateSequence[0].TemplateIdentifier = template
    dataset.ConceptNameCodeSequence = [code((root, "DCM", "a title"))]
    dataset.save_as(path, enforce_file_format=True)
    assert isinstance(inspect_file(path), Measured) is taken


@pytest.mark.parametrize("end", ["11", "22", "33", "34", "72"])
def test_any_class_of_structured_reports(tmp_path: Path, end: str) -> None:
    path = written(tmp_path, number(EF, "44", "%"))
    dataset = pydicom.dcmread(path)
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = UID(f"1.2.840.10008.5.1.4.1.1.88.{end}")
    dataset.save_as(path, enforce_file_format=True)
    found = inspect_file(path)
    assert isinstance(found, Measured)
    assert str(found) == f"skipped, NOT_A_CINE_CLASS: SOP class {dataset.SOPClassUID}, 1 measurements"


def test_more_than_a_header_holds_is_read(tmp_path: Path) -> None:
    padded = Dataset()
    padded.ValueType, padded.TextValue = "TEXT", "x" * 1024**2
    items = [number(EF, "44", "%", modifier(METHOD, BIPLANE), modifier(FLOW, ANTEGRADE)) for _ in range(200)]
    path = written(tmp_path, *items[:100], padded, *items[100:])
    assert path.stat().st_size > 1024**2
    assert isinstance(inspect_file(path), Measured)


def test_a_report_of_no_proportion_is_not_looked_into(tmp_path: Path) -> None:
    padded = Dataset()
    padded.ValueType, padded.TextValue = "TEXT", "x" * 4 * 1024**2
    large = written(tmp_path, number(EF, "44", "%"), padded)
    found = inspect_file(large)
    assert type(found) is Skipped
    assert "larger than" in found.detail


def test_no_identifier_is_in_a_repr(tmp_path: Path) -> None:
    found = inspect_file(written(tmp_path, number(EF, "44", "%")))
    assert isinstance(found, Measured)
    assert found.patient_id
    assert found.patient_id not in repr(found) + str(found)
    assert found.study_uid not in repr(found)
