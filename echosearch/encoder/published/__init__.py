"""Encoders that others have published, each imported into a bundle that gives what its authors' own code gives."""

from echosearch.encoder.published.importer import KINDS, Kind, import_published, licence_of

__all__ = ["KINDS", "Kind", "import_published", "licence_of"]
