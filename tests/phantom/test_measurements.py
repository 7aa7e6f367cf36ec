"""Reading SR measurements where devices differ: code schemes, methods, repeated and failed values, hostile trees."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.uid import generate_uid

from echosearch.phantom.files.archive import phantom_studies
from echosearch.phantom.files.srfile import sr_dataset
from echosearch.reading.dicom.measurements import Measurement, best_ejection_fraction, measurements_in

Triple = tuple[str, str, str]

EF = ("18043-0", "LN", "Left Ventricular Ejection Fraction by US")
PEAK = ("11726-7", "LN", "Peak Velocity")
METHOD = ("370129005", "SCT", "Measurement Method")
BIPLANE, TEICHHOLZ = ("125207", "DCM", "Method of Disks, Biplane"), ("125209", "DCM", "Teichholz")
FLOW, REGURGITANT, ANTEGRADE = ("260674002", "SCT", "Flow"), ("397417004", "SCT", "R"), ("263677008", "SCT", "A")
SITE = ("363698007", "SCT", "Finding Site")
OLD_SITE, OLD_LV = ("G-C0E3", "SRT", "Finding Site"), ("T-32600", "SRT", "Left Ventricle")
AORTIC, TRICUSPID = ("34202007", "SCT", "Aortic valve"), ("46030003", "SCT", "Tricuspid valve")
DERIVATION, MEAN = ("121401", "DCM", "Derivation"), ("373098007", "SCT", "Mean")


def code(triple: Triple) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = triple
    return item


def modifier(name: Triple, value: Triple) -> Dataset:
    item = Dataset()
    item.RelationshipType, item.ValueType = "HAS CONCEPT MOD", "CODE"
    item.ConceptNameCodeSequence, item.ConceptCodeSequence = [code(name)], [code(value)]
    return item


def number(name: Triple, value: str | None, unit: str, *modifiers: Dataset) -> Dataset:
    item = Dataset()
    item.RelationshipType, item.ValueType = "CONTAINS", "NUM"
    item.ConceptNameCodeSequence, item.ContentSequence = [code(name)], list(modifiers)
    item.MeasuredValueSequence = []
    if value is not None:
        measured = Dataset()
        measured.NumericValue = value
        measured.MeasurementUnitsCodeSequence = [code((unit, "UCUM", unit))]
        item.MeasuredValueSequence.append(measured)
    return item


def container(*children: Dataset) -> Dataset:
    item = Dataset()
    item.RelationshipType, item.ValueType = "CONTAINS", "CONTAINER"
    item.ConceptNameCodeSequence = [code(("121070", "DCM", "Findings"))]
    item.ContentSequence = list(children)
    return item


def measured(path: Path) -> tuple[Measurement, ...]:
    return measurements_in(dcmread(path))


def written(folder: Path, *children: Dataset) -> Path:
    ds = sr_dataset(next(phantom_studies(patients=1, seed=1)), 1, [generate_uid()])
    ds.ContentSequence = list(children)
    path = folder / "sr"
    ds.save_as(path, enforce_file_format=True)
    return path


def test_biplane_is_believed_before_teichholz_and_a_failed_value_is_none(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        number(EF, "71", "%", modifier(METHOD, TEICHHOLZ)),
        number(EF, None, "%", modifier(METHOD, BIPLANE)),
        number(EF, "64", "%", modifier(METHOD, BIPLANE)),
    )
    found = measured(path)
    assert [m.value for m in found] == [71.0, None, 64.0]
    assert best_ejection_fraction(found) == (64.0, "biplane")


def test_the_mean_stands_for_repeated_values(tmp_path: Path) -> None:
    repeats = [number(EF, value, "%", modifier(METHOD, BIPLANE)) for value in ("52", "60")]
    mean = number(EF, "56", "%", modifier(METHOD, BIPLANE), modifier(DERIVATION, MEAN))
    assert best_ejection_fraction(measured(written(tmp_path, mean, *repeats))) == (56.0, "biplane")
    assert best_ejection_fraction(measured(written(tmp_path, *repeats))) == (60.0, "biplane")


def test_one_code_is_two_measurements_by_site_and_flow(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        container(modifier(SITE, AORTIC), number(PEAK, "4.2", "m/s", modifier(FLOW, ANTEGRADE))),
        container(modifier(SITE, TRICUSPID), number(PEAK, "2.9", "m/s", modifier(FLOW, REGURGITANT))),
    )
    aortic, tricuspid = measured(path)
    assert aortic.site is not None
    assert aortic.site.means("34202007", "SCT")
    assert tricuspid.site is not None
    assert tricuspid.site.means("46030003", "SCT")
    assert tricuspid.flow is not None
    assert tricuspid.flow.means("397417004", "SCT")


def test_old_snomed_codes_are_the_new_ones(tmp_path: Path) -> None:
    (found,) = measured(written(tmp_path, container(modifier(OLD_SITE, OLD_LV), number(EF, "50", "%"))))
    assert found.site is not None
    assert found.site.means("87878005", "SCT")
    assert found.site.scheme == "SRT"


@pytest.mark.parametrize(("value", "unit"), [("0.55", "1"), ("3", "%"), ("97", "%"), ("5.5", "cm")])
def test_an_impossible_ef_is_not_believed(tmp_path: Path, value: str, unit: str) -> None:
    assert best_ejection_fraction(measured(written(tmp_path, number(EF, value, unit)))) is None


def test_simplified_reports_name_the_method_in_the_code(tmp_path: Path) -> None:
    path = written(tmp_path, number(("79990-8", "LN", "LVEF 3D"), "48", "%"), number(EF, "70", "%"))
    assert best_ejection_fraction(measured(path)) == (48.0, "3D")


def test_an_empty_report_has_no_measurements(tmp_path: Path) -> None:
    assert measured(written(tmp_path)) == ()


def test_a_bottomless_tree_is_refused(tmp_path: Path) -> None:
    tree = container(number(EF, "60", "%"))
    for _ in range(70):
        tree = container(tree)
    with pytest.raises(ValueError, match="levels"):
        measured(written(tmp_path, tree))
