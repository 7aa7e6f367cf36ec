"""The Python face of echosearch; ``import echosearch`` gives its names."""

from echosearch.api.archive import OpenArchive, open_archive
from echosearch.api.hits import Hits

__all__ = ["Hits", "OpenArchive", "open_archive"]
