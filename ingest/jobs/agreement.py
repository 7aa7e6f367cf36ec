"""What the machines of a job must have alike: the driver notes it, and a worker that differs refuses before it claims.

Else one archive would get vectors of two encoders, patients of two pseudonyms, or views by two classifiers.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

from echosearch import __version__
from echosearch.archive import Archive
from echosearch.encoder.bundle.folder import load_view_manifest, view_fingerprint
from echosearch.encoder.bundle.installed import views_in_use
from echosearch.errors import ConfigError, EncoderMismatch
from ingest.options import IngestOptions

__all__ = ["Requirements"]


@dataclass(frozen=True)
class Requirements:
    """The options of a job and what its machines have in common. Nothing of a patient."""

    version: str
    encoder: str  # name and fingerprint
    views: str  # fingerprint of the view classifier, "" without one
    issuer: str
    secondary_capture: bool
    batch_size: int | None

    @classmethod
    def of(cls, archive: Archive, options: IngestOptions) -> Requirements:
        """Return what this machine has, with these options."""
        folder = views_in_use(archive.settings.home)
        return cls(
            version=__version__,
            encoder=f"{archive.encoder_info.name} {archive.encoder_info.fingerprint}",
            views="" if folder is None else view_fingerprint(load_view_manifest(folder)),
            issuer=archive.settings.issuer,
            secondary_capture=options.secondary_capture,
            batch_size=options.batch_size,
        )

    def as_json(self) -> dict[str, object]:
        return asdict(self)

    @property
    def options(self) -> IngestOptions:
        """The part that is the ingest's options."""
        return IngestOptions(secondary_capture=self.secondary_capture, batch_size=self.batch_size)

    def check(self, own: Requirements, job: int) -> None:
        """Raise EncoderMismatch or ConfigError where this machine has something else than the job's driver."""
        if own.encoder != self.encoder:
            raise EncoderMismatch(
                f"job {job} makes vectors with the encoder {self.encoder}, this machine has {own.encoder} in use: run"
                " echosearch encoder use with that of the job"
            )
        for name, wanted, found, remedy in (
            ("echosearch", self.version, own.version, "install the same version on all machines"),
            ("the view classifier", self.views, own.views, "run echosearch encoder use with that of the job"),
            ("ECHOSEARCH_ISSUER", self.issuer, own.issuer, "set it alike on all machines"),
        ):
            if wanted != found:
                raise ConfigError(
                    f"job {job} has {name} {wanted or 'unset'}, this machine has {found or 'none'}: {remedy}"
                )
