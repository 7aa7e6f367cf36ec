"""The composition root: Settings -> an open archive (database, index, encoder in use).

Servers where their URLs are set, else the embedded engines under ``settings.home``; the same code above either.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager, nullcontext
from copy import copy
from functools import cache, cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from echosearch.db import Connection, Engine
from echosearch.db.access.viewer import LOCAL, Viewer
from echosearch.db.files.key_check import key_check, note_key_check
from echosearch.db.files.status import any_path, has_files
from echosearch.db.server.engine import open_engine, upgrade
from echosearch.db.vectors.generation import serving_encoder
from echosearch.encoder_info import EncoderInfo
from echosearch.errors import ConfigError, EmptyArchive, EncoderMismatch
from echosearch.home import private_home
from echosearch.pseudonyms import Keyring, load_keyring
from echosearch.settings import Settings

if TYPE_CHECKING:  # a command that asks neither encoder nor index imports neither
    from echosearch.encoder.base import Encoder, ViewModel
    from echosearch.index.base import Collection, PointKind, VectorIndex

__all__ = ["Archive", "open_archive"]

EMBEDDED = "embedded"  # as ECHOSEARCH_QDRANT_URL: the index of this home, beside a PostgreSQL server


class Archive:
    """The resources of one open archive. Make it with open_archive."""

    viewer = LOCAL  # who looks: no study beyond what this one may see is found or shown

    def __init__(
        self,
        settings: Settings,
        engine: Engine,
        index: VectorIndex | Callable[[], VectorIndex],
        encoder: Encoder | None,
    ) -> None:
        """``index`` may be a function that gives always the same one: it is called when the index is first asked."""
        self.settings = settings
        self.engine = engine
        self._index = index
        self._given_encoder = encoder
        self.kept: dict[Hashable, Any] = {}  # what was measured of it, by who measured; shared by what viewers see

    @property
    def index(self) -> VectorIndex:
        return self._index() if callable(self._index) else self._index

    @index.setter
    def index(self, index: VectorIndex) -> None:
        self._index = index

    def seen_by(self, viewer: Viewer) -> Archive:
        """Return the same archive, with the same stores and encoder, as this viewer may see it."""
        made = copy(self)
        made.viewer = viewer
        return made

    def check_whole(self) -> None:
        """Raise ConfigError if the viewer sees a part of the archive, and a call looks at all of it."""
        if self.viewer.scope is not None:
            raise ConfigError(f"this looks at every study, and project {self.viewer.project} is a part of them")

    @cached_property
    def keyring(self) -> Keyring:
        """The key of all pseudonyms, made at first use; an archive that has files refuses a new one."""
        with self.engine.connect() as connection:
            new = key_check(connection) is None and not has_files(connection)
        return load_keyring(self.settings.key_path, create=new)

    def check_key(self) -> None:
        """Check the key against the proof in the database, or a path in phi, and leave a proof for other machines.

        Raises ConfigError if the key is another one.
        """
        own = self.keyring.proof
        with self.engine.connect() as connection:
            known, proof = any_path(connection), key_check(connection)
        fits = known is None or self.keyring.path(Path(os.fsdecode(known[1]))) == known[0]
        if proof is None and fits:  # committed before this key makes a pseudonym
            with self.engine.begin() as connection:
                proof = note_key_check(connection, own)
        if not fits or proof != own:
            raise ConfigError(
                f"key file {self.settings.key_path} is not the one that this archive was begun with: restore that one, "
                "every patient would get a second pseudonym"
            )

    @cached_property
    def encoder_info(self) -> EncoderInfo:
        """The encoder in use, without loading it. Raises NoEncoder."""
        if self._given_encoder is not None:
            return self._given_encoder.id
        from echosearch.encoder.bundle.folder import identify
        from echosearch.encoder.bundle.installed import bundle_in_use

        return identify(bundle_in_use(self.settings.home, self.settings.encoder))

    @cached_property
    def encoder(self) -> Encoder:
        """The encoder in use, loaded and self-checked on first access: this imports torch."""
        if self._given_encoder is not None:
            return self._given_encoder
        from echosearch.encoder.bundle.installed import bundle_in_use
        from echosearch.encoder.torch_encoder import load_encoder

        # each tower is loaded and checked when it is first asked: a text query needs no video tower
        return load_encoder(bundle_in_use(self.settings.home, self.settings.encoder), self.settings.device, parts=())

    @cached_property
    def view_classifier(self) -> ViewModel | None:
        """The view classifier in use, loaded, or None: then views come from tables alone."""
        from echosearch.encoder.bundle.installed import views_in_use

        folder = views_in_use(self.settings.home)
        if folder is None:
            return None
        from echosearch.encoder.view_classifier import load_views

        return load_views(folder, self.settings.device)

    @property
    def on_gpu(self) -> bool:
        """Whether the encoder in use computes on a GPU: then large batches pay. Loads it."""
        return getattr(getattr(self.encoder, "device", None), "type", "cpu") != "cpu"

    def connect_reading(self) -> Connection:
        """Return a connection for single statements that only read: without a transaction, which would be two more
        messages, and at whose rollback psycopg forgets the statements that it has prepared for searches."""
        return self.engine.connect().execution_options(isolation_level="AUTOCOMMIT")

    def collection(self, kind: PointKind, encoder: EncoderInfo | None = None) -> Collection:
        from echosearch.index.base import Collection

        made_by = encoder or self.encoder_info
        return Collection(kind, made_by.fingerprint, made_by.dimension)

    def check_encoder(self, connection: Connection | None = None) -> int:
        """Check that the vectors that answer queries are the encoder-in-use's own; return the id of its row.

        Raises EmptyArchive if there are none yet, EncoderMismatch with both names if they are another encoder's.
        """
        with nullcontext(connection) if connection is not None else self.engine.connect() as asked:
            serving = serving_encoder(asked)
        if serving is None:
            raise EmptyArchive("the archive is empty: run echosearch ingest FOLDER first")
        row, active = serving
        if active.fingerprint != self.encoder_info.fingerprint:
            raise EncoderMismatch(
                f"the archive holds vectors of {active}, the encoder in use is {self.encoder_info}: "
                "vectors of two encoders cannot be compared; run echosearch encoder use with the first, or echosearch "
                "reembed to embed all that is here with the second"
            )
        return row


def _open_index(settings: Settings) -> VectorIndex:
    if settings.qdrant_url not in (None, EMBEDDED):
        from echosearch.index.server.index import connect_server
        from echosearch.index.server.options import ServerOptions

        api_key = settings.qdrant_api_key.get_secret_value() if settings.qdrant_api_key else None
        options = ServerOptions(
            shards=settings.qdrant_shards,
            replicas=settings.qdrant_replicas,
            write_consistency=settings.qdrant_write_consistency,
            small_vectors=settings.qdrant_small_vectors,
            graph_later=settings.qdrant_graph_later,
            request_points=settings.qdrant_request_points,
            streams=settings.qdrant_streams,
        )
        return connect_server(settings.qdrant_url, api_key, settings.qdrant_ca, options)
    from echosearch.index.shared.index import SharedIndex

    return SharedIndex(settings.home / "qdrant", settings.lock_wait_seconds, settings.min_free_mb)


@contextmanager
def open_archive(settings: Settings, encoder: Encoder | None = None) -> Iterator[Archive]:
    """Open, migrate and finally close the archive that ``settings`` describe.

    ``encoder`` takes the place of the bundle in use (tests, benchmarks). Raises StoreUnreachable,
    ArchiveLocked, ConfigError.
    """
    if (settings.database_url is None) != (settings.qdrant_url is None):
        missing = "ECHOSEARCH_QDRANT_URL" if settings.qdrant_url is None else "ECHOSEARCH_DATABASE_URL"
        raise ConfigError(
            f"{missing} is not set, the other store's URL is: set both, or neither to use the embedded ones"
        )
    private_home(settings.home)
    url = settings.database_url.get_secret_value() if settings.database_url else None
    engine = open_engine(url, settings.home)
    try:
        upgrade(engine)
        index = cache(partial(_open_index, settings))
        if settings.qdrant_url is not None:
            index()  # a server that does not answer is said at once
        try:
            yield Archive(settings, engine, index, encoder)
        finally:
            if index.cache_info().currsize:
                index().close()
    finally:
        engine.dispose()
