"""The Python face of echosearch; ``import echosearch`` gives its names."""

from echosearch.api.archive import OpenArchive, open_archive
from echosearch.api.cohorts import Cohorts
from echosearch.api.hits import Hits
from echosearch.api.probes import Probes

__all__ = ["Cohorts", "Hits", "OpenArchive", "Probes", "open_archive"]
