"""Name files that are not read here by their first bytes: packed ones, office documents, and all of no known kind."""

from __future__ import annotations

from echosearch.outcome import Reason, Skipped

__all__ = ["HEAD_OF_A_KIND", "NO_KNOWN_KIND", "document_as", "packed_as"]

# The kinds are in the ledger with each file that is of none: a version that reads one more looks at those again
# (ledger.states). So add a new kind here.
NO_KNOWN_KIND = Skipped(Reason.NOT_AN_IMAGE, "looked for DICOM, mp4, QuickTime, avi")

HEAD_OF_A_KIND = 34 * 1024  # bytes that identify any of them: a disc image begins with 32 KB of nothing
ZIP = b"PK\x03\x04"
PACKED = {
    b"\x1f\x8b\x08": "gzip",
    b"7z\xbc\xaf\x27\x1c": "7z",
    b"Rar!\x1a\x07": "rar",
    b"\xfd7zXZ\0": "xz",
    b"BZh": "bzip2",
}
TAR_AT, TAR = 257, b"ustar"
ISO_AT, ISO = 32769, b"CD001"  # ISO 9660, its first volume descriptor
# names that begin an Office Open XML file, an OpenDocument file or a Java program: zips that nobody has packed
OFFICE = (b"[Content_Types].xml", b"_rels/", b"docProps/", b"xl/", b"word/")
OTHER_ZIPS = (b"mimetype", b"META-INF/")
NAME_AT = 30  # of the first file's name within a zip
DOCUMENTS = {b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": "an Excel or Word file (.xls, .doc)", b"%PDF-": "a PDF"}


def packed_as(head: bytes) -> str | None:
    """Return what a file is packed as ("zip", "tar", "disc image", ...), None if it is not."""
    if head.startswith(ZIP):
        return None if head[NAME_AT:].startswith((*OFFICE, *OTHER_ZIPS)) else "zip"
    if head[ISO_AT : ISO_AT + len(ISO)] == ISO:
        return "disc image"
    if head[TAR_AT : TAR_AT + len(TAR)] == TAR:
        return "tar"
    return next((name for start, name in PACKED.items() if head.startswith(start)), None)


def document_as(head: bytes) -> str | None:
    """Return what kind of document a file is, None if it is none."""
    if head.startswith(ZIP) and head[NAME_AT:].startswith(OFFICE):
        return "an Excel or Word file (.xlsx, .docx)"
    return next((name for start, name in DOCUMENTS.items() if head.startswith(start)), None)
