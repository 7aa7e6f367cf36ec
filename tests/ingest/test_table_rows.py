"""Rows of tables that name no file: counted, named by line and column, with what may have been meant."""

from __future__ import annotations

from pathlib import Path

import pytest

from echosearch.archive import Archive
from echosearch.errors import TableError
from ingest.options import IngestOptions, TableRows, UnmatchedRow
from ingest.pipeline import ingest
from tests.ingest.conftest import Export


def test_views_as_windows_writes_them(archive: Archive, export: Export, tmp_path: Path) -> None:
    export.cine("sub/1.dcm", "1.2.1", seed=1)
    export.cine("0.dcm", "1.2.2", seed=2)
    views = tmp_path / "views.csv"
    rows = ["path,sop_uid,view", "sub\\1.dcm,,A4C", "0.DCM,,PLAX", "sub\\2.dcm,,A4C", ",1.2.9,A4C", ",1.2.1,A4C"]
    views.write_text("\r\n".join(rows), encoding="utf-8")
    summary = ingest(archive, export.root, IngestOptions(views=views))
    missing = (UnmatchedRow(4, "path", "sub/1.dcm"), UnmatchedRow(5, "sop_uid"))
    assert (summary.views, summary.sidecar) == (TableRows(5, 2, missing), None)
    assert summary.ungated_studies == 0  # both labels were used
    assert not summary.failed
    export.cine("other/2.dcm", "1.2.9", seed=3)
    rest = ingest(archive, export.root, IngestOptions(views=views)).views
    assert rest == TableRows(5, 1, (UnmatchedRow(4, "path", "other/2.dcm"),))


def test_a_sidecar_row_without_its_file(archive: Archive, export: Export, tmp_path: Path) -> None:
    export.cine("1.dcm", "1.2.1", seed=1)
    sidecar = tmp_path / "sidecar.csv"
    sidecar.write_text("path,study_uid\n1.dcm,1.2\nclips\\a.mp4,1.3\n", encoding="utf-8")
    summary = ingest(archive, export.root, IngestOptions(sidecar=sidecar))
    assert summary.sidecar == TableRows(2, 1, (UnmatchedRow(3, "path", None),))


def test_only_the_first_rows_are_named(archive: Archive, export: Export, tmp_path: Path) -> None:
    export.cine("1.dcm", "1.2.1", seed=1)
    views = tmp_path / "views.csv"
    views.write_text("path,view\n" + "".join(f"none/{n}.x,A4C\n" for n in range(50)), encoding="utf-8")
    rows = ingest(archive, export.root, IngestOptions(views=views)).views
    assert rows is not None
    assert (rows.rows, rows.unmatched, len(rows.first_unmatched)) == (50, 50, 20)


def test_views_that_none_of_the_six_is_called_are_counted(archive: Archive, export: Export, tmp_path: Path) -> None:
    """They count as Other, and a study's vector leaves those out."""
    export.cine("1.dcm", "1.2.1", seed=1)
    views = tmp_path / "views.csv"
    views.write_text("path,view\n1.dcm,A4CH\n1.dcm,Other\n1.dcm,\n1.dcm,A4C (zoom)\n", encoding="utf-8")
    assert ingest(archive, export.root, IngestOptions(views=views)).views == TableRows(3, 0, (), 1, (5,))
    views.write_text("path,view\n" + "1.dcm,zoomed\n" * 50, encoding="utf-8")
    rows = ingest(archive, export.root, IngestOptions(views=views)).views
    assert rows is not None
    assert (rows.unknown_views, len(rows.first_unknown_views)) == (50, 20)


def test_two_rows_of_a_sidecar_that_contradict_each_other(archive: Archive, export: Export, tmp_path: Path) -> None:
    """The last one would decide whose video it is."""
    export.cine("1.dcm", "1.2.1", seed=1)
    sidecar = tmp_path / "sidecar.csv"
    same = "path,study_uid,patient_id\na.mp4,1.2,P1\n./a.mp4,1.2,P1\nb.mp4,1.3,P2\n"
    sidecar.write_text(same, encoding="utf-8")
    assert ingest(archive, export.root, IngestOptions(sidecar=sidecar)).sidecar is not None
    for row in ("a.mp4,1.2,P9", "./a.mp4,1.9,P1"):
        sidecar.write_text(f"{same}{row}\n", encoding="utf-8")
        with pytest.raises(TableError, match="line 5: an earlier line says something else of the same file"):
            ingest(archive, export.root, IngestOptions(sidecar=sidecar))
