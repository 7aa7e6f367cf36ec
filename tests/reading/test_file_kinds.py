"""Packed exports and office documents are named for what they are, as files of an export and in place of a table."""

from __future__ import annotations

import bz2
import gzip
import lzma
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from echosearch.errors import TableError
from echosearch.outcome import Reason, Skipped
from echosearch.reading.file_kinds import NO_KNOWN_KIND
from echosearch.reading.source import inspect_file
from echosearch.report.encoding import detect_encoding

CSV = "report_text,study_uid\n軽度MR,1.2.3\n".encode()


def zipped(*names: str) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        with zipfile.ZipFile(path, "w") as made:
            for name in names:
                made.writestr(name, CSV)

    return write


def tarred(path: Path) -> None:
    folder = path.with_suffix(".d")
    folder.mkdir()
    (folder / "a.csv").write_bytes(CSV)
    shutil.move(shutil.make_archive(str(path), "tar", folder), path)


PACKED: list[tuple[str, Callable[[Path], object]]] = [
    ("zip", zipped("export/IM_0001")),
    ("tar", tarred),
    ("gzip", lambda path: path.write_bytes(gzip.compress(CSV))),
    ("xz", lambda path: path.write_bytes(lzma.compress(CSV))),
    ("bzip2", lambda path: path.write_bytes(bz2.compress(CSV))),
    ("disc image", lambda path: path.write_bytes(bytes(32768) + b"\x01CD001\x01" + bytes(2000))),
    ("7z", lambda path: path.write_bytes(b"7z\xbc\xaf\x27\x1c\x00\x04" + bytes(50))),
    ("rar", lambda path: path.write_bytes(b"Rar!\x1a\x07\x01\x00" + bytes(50))),
]
DOCUMENTS: list[tuple[str, Callable[[Path], object]]] = [
    (".xlsx", zipped("[Content_Types].xml", "xl/workbook.xml")),
    (".xls", lambda path: path.write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600))),
    ("a PDF", lambda path: path.write_bytes(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")),
]


@pytest.mark.parametrize(("kind", "write"), PACKED)
def test_a_packed_export_is_told_from_what_is_no_image(
    tmp_path: Path, kind: str, write: Callable[[Path], object]
) -> None:
    write(tmp_path / "file")
    assert inspect_file(tmp_path / "file") == Skipped(Reason.PACKED, kind)


@pytest.mark.parametrize(("_", "write"), [*DOCUMENTS, ("jar", zipped("META-INF/MANIFEST.MF"))])
def test_documents_and_programs_of_a_disc_are_no_packed_export(
    tmp_path: Path, _: str, write: Callable[[Path], object]
) -> None:
    write(tmp_path / "file")
    assert inspect_file(tmp_path / "file") == NO_KNOWN_KIND


@pytest.mark.parametrize(("kind", "write"), [*PACKED, *DOCUMENTS])
@pytest.mark.parametrize("given", [None, "cp932"])
def test_a_table_of_another_kind_is_named(
    tmp_path: Path, kind: str, write: Callable[[Path], object], given: str | None
) -> None:
    write(tmp_path / "table")
    with pytest.raises(TableError) as error:
        detect_encoding(tmp_path / "table", given)
    assert kind in str(error.value)
    assert "CSV" in str(error.value)
