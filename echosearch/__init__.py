"""echosearch: a hospital's echocardiography archive, searchable by meaning."""

__all__ = ["__version__"]

__version__ = "0.1.0"
