"""Encoders that others have published, each imported into a bundle that gives what its authors' own code gives."""

from echosearch.encoder.published.importer import (
    PUBLISHED_MODELS,
    PublishedModel,
    check_import,
    import_published,
    licence_of,
    views_folder,
)

__all__ = ["PUBLISHED_MODELS", "PublishedModel", "check_import", "import_published", "licence_of", "views_folder"]
