"""The Python face of echosearch; ``import echosearch`` gives its names."""

from echosearch.api.archive import OpenArchive, open_archive
from echosearch.api.cohorts import Cohorts
from echosearch.api.hits import Hits

__all__ = ["Cohorts", "Hits", "OpenArchive", "open_archive"]
