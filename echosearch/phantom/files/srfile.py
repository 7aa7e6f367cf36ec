"""A phantom study's measurements as a Comprehensive SR after TID 5200 (adult echocardiography procedure report).

Values are the drawn heart's own: EF, LV diameters, wall thickness, LA diameter, and jet speeds where there is a jet.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import ComprehensiveSRStorage, ExplicitVRLittleEndian, UltrasoundMultiFrameImageStorage

from echosearch.phantom.heart.anatomy import heart_size
from echosearch.phantom.heart.ventricle import CHORDS, lv_diastolic_diameter, lv_surface
from echosearch.phantom.patients.history import PhantomStudy
from echosearch.phantom.patients.identity import common, uid

__all__ = ["Code", "NumItem", "measured_values", "sr_dataset", "write_sr"]


class Code(NamedTuple):
    value: str
    scheme: str
    meaning: str


class NumItem(NamedTuple):
    """One NUM item: the concept, where and how it was measured, its value in UCUM units."""

    concept: Code
    site: Code
    value: float
    unit: Code
    modifiers: tuple[tuple[Code, Code], ...] = ()


_LV = Code("87878005", "SCT", "Left ventricle")
_LA = Code("82471001", "SCT", "Left atrium")
_AV = Code("34202007", "SCT", "Aortic valve")
_TV = Code("46030003", "SCT", "Tricuspid valve")
_CM = Code("cm", "UCUM", "centimeter")
_PERCENT = Code("%", "UCUM", "percent")
_MS = Code("m/s", "UCUM", "meter per second")
_METHOD = Code("370129005", "SCT", "Measurement Method")
_FLOW = Code("260674002", "SCT", "Direction of Flow")
_SITE = Code("363698007", "SCT", "Finding Site")
_MODE = Code("399264008", "SCT", "Image mode")
_MODES = {"2D": Code("399064001", "SCT", "2D mode"), "CW": Code("261198000", "SCT", "Doppler Continuous Wave")}


def measured_values(study: PhantomStudy) -> tuple[NumItem, ...]:
    """Return what a sonographer would measure on this heart."""
    f = study.findings
    size = heart_size(study.anatomy, f)
    cut = lv_surface(size, f, np.linspace(0, 0.6, 31), np.array([CHORDS]), np.array([120.0, 300.0]))
    across = cut.radius[:, 0].sum(axis=1)
    biplane = ((_METHOD, Code("125207", "DCM", "Method of Disks, Biplane")),)
    out = [
        NumItem(
            Code("18043-0", "LN", "Left Ventricular Ejection Fraction by US"), _LV, round(f.ef, 1), _PERCENT, biplane
        ),
        NumItem(
            Code("29436-3", "LN", "Left Ventricle Internal End Diastolic Dimension"),
            _LV,
            round(lv_diastolic_diameter(size), 2),
            _CM,
        ),
        NumItem(
            Code("29438-9", "LN", "Left Ventricle Internal Systolic Dimension"), _LV, round(float(across.min()), 2), _CM
        ),
        NumItem(
            Code("18154-5", "LN", "Interventricular Septum Diastolic Thickness"),
            _LV,
            round(float(cut.wall[0, 0, 1]), 2),
            _CM,
        ),
        NumItem(
            Code("18152-9", "LN", "Left Ventricle Posterior Wall Diastolic Thickness"),
            _LV,
            round(float(cut.wall[0, 0, 0]), 2),
            _CM,
        ),
        NumItem(
            Code("29469-4", "LN", "Left Atrium Antero-posterior Systolic Dimension"),
            _LA,
            round(1.95 * size.la_radius, 2),
            _CM,
        ),
    ]
    peak = Code("11726-7", "LN", "Peak Velocity")
    if f.aortic_stenosis:
        forward = ((_FLOW, Code("263677008", "SCT", "Antegrade Flow")),)
        out.append(NumItem(peak, _AV, (0.0, 2.2, 2.7, 3.5, 4.6)[f.aortic_stenosis], _MS, forward))
    if f.tr:
        backward = ((_FLOW, Code("397417004", "SCT", "Regurgitant Flow")),)
        out.append(NumItem(peak, _TV, round(2.1 + 0.25 * f.tr + 0.1 * f.rv_dilation, 2), _MS, backward))
    return tuple(out)


def write_sr(path: Path, study: PhantomStudy, number: int, cine_uids: Sequence[str]) -> str:
    """Write the SR object that refers to the study's cines; returns its SOPInstanceUID."""
    ds = sr_dataset(study, number, cine_uids)
    path.parent.mkdir(parents=True, exist_ok=True)
    ds.save_as(path, enforce_file_format=True)
    return str(ds.SOPInstanceUID)


def sr_dataset(study: PhantomStudy, number: int, cine_uids: Sequence[str]) -> FileDataset:
    """Make the SR of PS3.3 A.35.3, content after PS3.16 TID 5200."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = ComprehensiveSRStorage
    meta.MediaStorageSOPInstanceUID = uid(study, f"sr {number}")
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    common(ds, study, "SR", series="sr", series_number=2)
    ds.SOPClassUID = meta.MediaStorageSOPClassUID
    ds.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    ds.SeriesDescription = "SYNTHETIC measurements"
    ds.InstanceNumber = number
    ds.ContentDate, ds.ContentTime = ds.StudyDate, "110000"
    ds.CompletionFlag, ds.VerificationFlag = "COMPLETE", "UNVERIFIED"
    ds.ReferencedPerformedProcedureStepSequence = []
    ds.PerformedProcedureCodeSequence = []
    ds.CurrentRequestedProcedureEvidenceSequence = [_evidence(study, cine_uids)]
    ds.ValueType = "CONTAINER"
    ds.ConceptNameCodeSequence = [_code(Code("125200", "DCM", "Adult Echocardiography Procedure Report"))]
    ds.ContinuityOfContent = "SEPARATE"
    template = Dataset()
    template.MappingResource, template.TemplateIdentifier = "DCMR", "5200"
    ds.ContentTemplateSequence = [template]
    findings = []
    values = measured_values(study)
    for site in dict.fromkeys(value.site for value in values):
        for mode in ("2D", "CW"):
            here = [v for v in values if v.site == site and (v.unit == _MS) == (mode == "CW")]
            if here:
                findings.append(_section(site, mode, here))
    ds.ContentSequence = [_language(), *findings]
    return ds


def _section(site: Code, mode: str, values: list[NumItem]) -> Dataset:
    group = _container(Code("125007", "DCM", "Measurement Group"))
    group.ContentSequence = [_modifier(_MODE, _MODES[mode]), *(_number(value) for value in values)]
    section = _container(Code("121070", "DCM", "Findings"))
    section.ContentSequence = [_modifier(_SITE, site), group]
    return section


def _code(code: Code) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = code
    return item


def _container(name: Code) -> Dataset:
    item = Dataset()
    item.RelationshipType, item.ValueType, item.ContinuityOfContent = "CONTAINS", "CONTAINER", "SEPARATE"
    item.ConceptNameCodeSequence = [_code(name)]
    return item


def _modifier(name: Code, value: Code) -> Dataset:
    item = Dataset()
    item.RelationshipType, item.ValueType = "HAS CONCEPT MOD", "CODE"
    item.ConceptNameCodeSequence, item.ConceptCodeSequence = [_code(name)], [_code(value)]
    return item


def _language() -> Dataset:
    return _modifier(
        Code("121049", "DCM", "Language of Content Item and Descendants"), Code("en", "RFC5646", "English")
    )


def _number(value: NumItem) -> Dataset:
    measured = Dataset()
    measured.NumericValue = f"{value.value:g}"
    measured.MeasurementUnitsCodeSequence = [_code(value.unit)]
    item = Dataset()
    item.RelationshipType, item.ValueType = "CONTAINS", "NUM"
    item.ConceptNameCodeSequence = [_code(value.concept)]
    item.MeasuredValueSequence = [measured]
    if value.modifiers:
        item.ContentSequence = [_modifier(name, code) for name, code in value.modifiers]
    return item


def _evidence(study: PhantomStudy, cine_uids: Sequence[str]) -> Dataset:
    series = Dataset()
    series.SeriesInstanceUID = uid(study, "series cines")
    series.ReferencedSOPSequence = []
    for cine in cine_uids:
        reference = Dataset()
        reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID = UltrasoundMultiFrameImageStorage, cine
        series.ReferencedSOPSequence.append(reference)
    evidence = Dataset()
    evidence.StudyInstanceUID = uid(study, "study")
    evidence.ReferencedSeriesSequence = [series]
    return evidence
