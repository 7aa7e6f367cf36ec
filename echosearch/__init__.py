"""echosearch: a hospital's echocardiography archive, searchable by meaning.

    with echosearch.open_archive() as archive:
        archive.ingest("/pacs/export", reports="reports.csv")
        hits = archive.search("重度僧帽弁逆流", view="4CH", where="age >= 65", top_k=10)

The names in ``__all__`` are the public Python API (docs/reference/python.md). Importing this package imports nothing
heavy: each name is imported when it is first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from echosearch.api import Cohorts, Hits, OpenArchive, Probes, open_archive
    from echosearch.encoder_info import EncoderInfo
    from echosearch.errors import (
        ArchiveError,
        ArchiveLocked,
        BundleError,
        ConfigError,
        EchosearchError,
        EmptyArchive,
        EncoderError,
        EncoderMismatch,
        FileRefused,
        GoldenMismatch,
        InputError,
        LeaseLost,
        NoEncoder,
        StoreUnreachable,
        TableError,
        UnknownStudy,
        WhereError,
    )
    from echosearch.outcome import Quarantined, Reason, Skipped
    from echosearch.preview.store import Previews
    from echosearch.preview.values import NoPreview, Preview
    from echosearch.search.results import Hit
    from echosearch.search.stored_vectors import VectorTable
    from ingest.options import IngestSummary
    from ingest.progress import Progress

__all__ = [
    "ArchiveError",
    "ArchiveLocked",
    "BundleError",
    "Cohorts",
    "ConfigError",
    "EchosearchError",
    "EmptyArchive",
    "EncoderError",
    "EncoderInfo",
    "EncoderMismatch",
    "FileRefused",
    "GoldenMismatch",
    "Hit",
    "Hits",
    "IngestSummary",
    "InputError",
    "LeaseLost",
    "NoEncoder",
    "NoPreview",
    "OpenArchive",
    "Preview",
    "Previews",
    "Probes",
    "Progress",
    "Quarantined",
    "Reason",
    "Skipped",
    "StoreUnreachable",
    "TableError",
    "UnknownStudy",
    "VectorTable",
    "WhereError",
    "__version__",
    "open_archive",
]

__version__ = "0.1.0"

# the module of each public name; of all others it is echosearch.errors
_MODULES = {
    "Cohorts": "echosearch.api",
    "EncoderInfo": "echosearch.encoder_info",
    "Hit": "echosearch.search.results",
    "Hits": "echosearch.api",
    "IngestSummary": "ingest.options",
    "NoPreview": "echosearch.preview.values",
    "OpenArchive": "echosearch.api",
    "Preview": "echosearch.preview.values",
    "Previews": "echosearch.preview.store",
    "Probes": "echosearch.api",
    "Progress": "ingest.progress",
    "Quarantined": "echosearch.outcome",
    "Reason": "echosearch.outcome",
    "Skipped": "echosearch.outcome",
    "VectorTable": "echosearch.search.stored_vectors",
    "open_archive": "echosearch.api",
}


def __getattr__(name: str) -> object:
    """Import a public name at its first use (PEP 562)."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(_MODULES.get(name, "echosearch.errors")), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
