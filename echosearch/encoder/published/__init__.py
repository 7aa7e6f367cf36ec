"""Importers of published encoders: each makes a bundle that computes what its authors' own code computes."""

from echosearch.encoder.published.importer import (
    PUBLISHED_MODELS,
    PublishedModel,
    check_import,
    import_published,
    licence_of,
    views_folder,
)

__all__ = ["PUBLISHED_MODELS", "PublishedModel", "check_import", "import_published", "licence_of", "views_folder"]
