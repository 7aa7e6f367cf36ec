"""The command-line face of echosearch."""

from echosearch.cli.main import main

__all__ = ["main"]
