"""What `encoder list` shows: the encoders and view classifiers of an archive, and those that ship. Free of torch."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from echosearch.encoder.bundle.folder import (
    bundle_kind,
    fingerprint,
    load_manifest,
    load_view_manifest,
    view_fingerprint,
)
from echosearch.encoder.bundle.installed import list_bundles, views_in_use
from echosearch.encoder.bundle.manifest import Manifest, ViewManifest
from echosearch.encoder.bundle.shipped import shipped_bundles
from echosearch.errors import BundleError, NoEncoder

__all__ = ["BundleEntry", "bundles_at_hand"]


@dataclass(frozen=True)
class BundleEntry:
    """A bundle that is in use or can be put in use."""

    folder: Path
    kind: Literal["encoder", "view_classifier"]
    name: str
    version: str
    fingerprint: str
    dimension: int | None  # None: a view classifier makes no vectors
    licence: str
    provenance: str
    trained: bool
    in_use: bool = False
    shipped: bool = False  # it came with this program; HOME may have a copy


def bundles_at_hand(home: Path) -> list[BundleEntry]:
    """Return HOME's encoders and its view classifier, and the shipped ones; each once, encoders first."""
    shipped = [replace(_at_hand(folder), shipped=True) for folder in shipped_bundles().values()]
    those = {one.fingerprint for one in shipped}
    own = [replace(_at_hand(folder), in_use=used) for folder, _, used in list_bundles(home)]
    try:
        views = views_in_use(home)
        own += [replace(_at_hand(views), in_use=True)] if views else []
    except (NoEncoder, BundleError):
        pass  # it is gone or damaged: ingest says so, a list need not
    own = [replace(one, shipped=one.fingerprint in those) for one in own]
    copied = {one.fingerprint for one in own}
    return sorted([*own, *(one for one in shipped if one.fingerprint not in copied)], key=lambda one: one.kind)


def _at_hand(folder: Path) -> BundleEntry:
    made: Manifest | ViewManifest
    if bundle_kind(folder) == "encoder":
        made = load_manifest(folder)
        mark, dimension = fingerprint(made), made.dimension
    else:
        made = load_view_manifest(folder)
        mark, dimension = view_fingerprint(made), None
    about = (made.name, made.version, mark, dimension, made.licence, made.provenance, made.trained)
    return BundleEntry(folder, made.kind, *about)
