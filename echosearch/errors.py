"""Every error that echosearch raises on purpose, and the exit code that the CLI gives it.

    EchosearchError                     1
    ├── FileRefused                     1   a file cannot be indexed; carries Skipped or Quarantined
    ├── InputError                      1   what the user handed over is wrong
    │   ├── TableError                      a CSV (reports, views, sidecar): file, line, column, rule
    │   ├── WhereError                      a --where expression
    │   └── ConfigError                     a setting, a TOML key, an environment variable
    ├── EncoderError                    1   an encoder bundle cannot be used
    │   ├── BundleError                     missing or malformed part, unknown key, wrong shape
    │   ├── GoldenMismatch                  this machine does not compute the author's vectors
    │   └── EncoderMismatch                 the archive holds another encoder's vectors
    ├── ArchiveError                    1   the archive cannot answer
    │   ├── EmptyArchive
    │   ├── UnknownStudy
    │   └── NoEncoder                       none in use yet
    ├── StoreUnreachable               10   Postgres or Qdrant does not answer
    └── ArchiveLocked                  11   another process holds the archive
        └── LeaseLost                       others have taken over what this worker had

A message says what, where, the value, the rule and what to do, in one line, and never names a
patient: no identifier, no UID, no name, no date of birth.
"""

from __future__ import annotations

from echosearch.outcome import Quarantined, Skipped

__all__ = [
    "ArchiveError",
    "ArchiveLocked",
    "BundleError",
    "ConfigError",
    "EchosearchError",
    "EmptyArchive",
    "EncoderError",
    "EncoderMismatch",
    "FileRefused",
    "GoldenMismatch",
    "InputError",
    "LeaseLost",
    "NoEncoder",
    "StoreUnreachable",
    "TableError",
    "UnknownStudy",
    "WhereError",
]


class EchosearchError(Exception):
    """Base of all errors that end as one clear line on the terminal."""

    exit_code = 1


class FileRefused(EchosearchError):
    """A file cannot be indexed; ``outcome`` says why, as a value that is stored and counted."""

    def __init__(self, outcome: Skipped | Quarantined) -> None:
        super().__init__(str(outcome))
        self.outcome = outcome

    def __reduce__(self) -> tuple[type[FileRefused], tuple[Skipped | Quarantined]]:
        return type(self), (self.outcome,)  # it crosses a process boundary


class InputError(EchosearchError):
    """What the user handed over is wrong."""


class TableError(InputError):
    """A CSV breaks its contract: the message names file, line, column, rule."""


class WhereError(InputError):
    """A --where expression is not in the language."""


class ConfigError(InputError):
    """A setting, TOML key or environment variable is wrong."""


class EncoderError(EchosearchError):
    """An encoder cannot be used."""


class BundleError(EncoderError):
    """An encoder bundle lacks a part, or a part is malformed."""


class GoldenMismatch(EncoderError):
    """This machine does not compute the vectors that the bundle's author got."""


class EncoderMismatch(EncoderError):
    """The archive holds another encoder's vectors; the message names both."""


class ArchiveError(EchosearchError):
    """The archive cannot answer."""


class EmptyArchive(ArchiveError):
    """Nothing is indexed yet."""


class UnknownStudy(ArchiveError):
    """No study has this key, StudyInstanceUID or accession number."""


class NoEncoder(ArchiveError):
    """No encoder is in use yet."""


class StoreUnreachable(EchosearchError):
    """Postgres or Qdrant does not answer."""

    exit_code = 10


class ArchiveLocked(EchosearchError):
    """Another process holds the archive."""

    exit_code = 11


class LeaseLost(ArchiveLocked):
    """This worker was away for longer than its lease: others have taken over what it had."""
