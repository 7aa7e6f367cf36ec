"""Probes of an open archive, as `echosearch probe` has them."""

from __future__ import annotations

import os

from echosearch.archive import Archive
from echosearch.insight.probes.stored import StoredProbe, delete_probe, fit_probe, stored_probes

__all__ = ["Probes"]


class Probes:
    """The probes of the encoder in use: ``archive.probes``.

    Raises InputError on a wrong target or labels, TableError, EmptyArchive, EncoderMismatch, NoEncoder.
    """

    def __init__(self, archive: Archive) -> None:
        self._archive = archive

    def fit(self, target: str, labels: str | os.PathLike[str]) -> StoredProbe:
        """Fit a probe of a finding, territory or measurement to "sr", "facts" or a CSV of study,label; store it."""
        return fit_probe(self._archive, target, os.fspath(labels))[0]

    def list(self) -> tuple[StoredProbe, ...]:
        """Return the newest probe of every finding, territory and measurement."""
        return tuple(stored_probes(self._archive))

    def versions(self, target: str) -> tuple[StoredProbe, ...]:
        """Return all versions of a probe, the newest first."""
        return tuple(stored_probes(self._archive, target))

    def delete(self, target: str, version: int | None = None) -> int:
        """Delete a probe, all versions or one; return how many there were."""
        return delete_probe(self._archive, target, version)[1]
