"""The encoders of an archive: HOME/encoders/<name>-<fingerprint>/, and HOME/encoder, one line, the one in use.

View classifiers are beside them; HOME/views names the one that ingest uses. A copy has the files that the manifest
names and no other, none of them a link.

Free of torch, but where a bundle is taken: `encoder list` and `status` answer at once.
"""

from __future__ import annotations

import filecmp
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from echosearch.atomic import whole_file
from echosearch.clip import ClipSpec
from echosearch.encoder.bundle.folder import (
    GOLDEN,
    WEIGHTS,
    bundle_files,
    identify,
    info_of,
    load_manifest,
    load_view_manifest,
    verify_files,
    view_fingerprint,
)
from echosearch.encoder.bundle.golden import read_golden, read_golden_views, read_raw
from echosearch.encoder.bundle.shipped import find_bundle
from echosearch.encoder_info import EncoderInfo
from echosearch.errors import BundleError, NoEncoder
from echosearch.home import private_home

__all__ = [
    "bundle_in_use",
    "find_own_bundle",
    "install_bundle",
    "list_bundles",
    "use_bundle",
    "use_views",
    "views_in_use",
]

FOLDER = "encoders"
IN_USE = "encoder"
VIEWS_IN_USE = "views"


def use_bundle(home: Path, folder: Path) -> EncoderInfo:
    """Take a copy of the bundle into HOME and put it in use; whole or not at all. Raises BundleError.

    The weights are hard-linked where the file system can, so that a copy costs no space. Raises GoldenMismatch too,
    where the ClipSpec is not the one that the bundle was made with.
    """
    own = install_bundle(home, folder)
    _point(home / IN_USE, own.name)
    return identify(own)


def install_bundle(home: Path, folder: Path) -> Path:
    """Copy the bundle into HOME without putting it in use; return its folder. Raises BundleError."""
    manifest = load_manifest(folder)
    verify_files(folder, manifest.files)
    read_golden(folder / GOLDEN)
    verify_files(folder, manifest.other_files)
    _check_preprocessing(folder, manifest.video.clip)
    return _own(home, folder, info_of(manifest).folder, bundle_files(manifest))


def find_own_bundle(home: Path, given: Path) -> Path:
    """Find the encoder that ``given`` names: a folder, else a shipped bundle, else one in HOME, by name or folder name.

    Raises BundleError if HOME has several of that name.
    """
    folder = find_bundle(given)
    if folder.exists():
        return folder
    named = [own for own, encoder, _ in list_bundles(home) if str(given) in (encoder.name, own.name)]
    if len(named) > 1:
        folders = ", ".join(own.name for own in named)
        raise BundleError(f"{len(named)} encoders are called {given}: give one of {folders}")
    return named[0] if named else folder


def use_views(home: Path, folder: Path) -> str:
    """Put a view-classifier bundle in use for ingest; return its name. Raises BundleError."""
    manifest = load_view_manifest(folder)
    verify_files(folder, manifest.files)
    read_golden_views(folder / GOLDEN)
    verify_files(folder, manifest.other_files)
    _check_preprocessing(folder, manifest.seen_clip)
    own = _own(home, folder, f"{manifest.name}-{view_fingerprint(manifest)[:12]}", bundle_files(manifest))
    _point(home / VIEWS_IN_USE, own.name)
    return own.name


def bundle_in_use(home: Path, override: Path | None = None) -> Path:
    """Return the encoder's folder: ``override`` (ECHOSEARCH_ENCODER) or what `encoder use` chose. Raises NoEncoder."""
    if override is not None:
        return find_bundle(override)
    folder = _pointed(home, IN_USE)
    if folder is None:
        raise NoEncoder(
            f"no encoder is in use in {home}: make one with `echosearch encoder init` or `echosearch encoder import` "
            "(`echosearch encoder list` shows what ships), then choose it with `echosearch encoder use`"
        )
    return folder


def views_in_use(home: Path) -> Path | None:
    """Return the folder of the view classifier that ingest uses, or None. Raises NoEncoder if it is missing."""
    return _pointed(home, VIEWS_IN_USE)


def list_bundles(home: Path) -> list[tuple[Path, EncoderInfo, bool]]:
    """Return (folder, encoder, whether it is in use) of every complete bundle in HOME, by folder name."""
    try:
        used = bundle_in_use(home)
    except NoEncoder:
        used = None
    found = []
    for folder in sorted((home / FOLDER).glob("[!.]*")):
        try:
            found.append((folder, identify(folder), folder == used))
        except BundleError:
            continue  # not a bundle: somebody's file, or a broken copy that `encoder use` would refuse too
    return found


def _check_preprocessing(folder: Path, spec: ClipSpec) -> None:
    """Raises GoldenMismatch if ``spec`` was edited. An earlier version's bundle cannot show it."""
    from echosearch.encoder.raw_pixels import check_raw  # torch

    raw = read_raw(folder / GOLDEN)
    if raw is not None:
        check_raw(raw, spec)


def _own(home: Path, folder: Path, name: str, files: Sequence[str]) -> Path:
    """HOME's own copy of the bundle, made anew where it differs: damaged, or with other words (licence, version)."""
    own = home / FOLDER / name
    if own.resolve() == folder.resolve():
        return own
    if os.path.lexists(own) and not _same_files(folder, own, files):
        shutil.rmtree(own) if own.is_dir() and not own.is_symlink() else own.unlink()
    if not own.exists():
        _take(folder, own, files)
    return own


def _same_files(folder: Path, own: Path, files: Sequence[str]) -> bool:
    if own.is_symlink() or not own.is_dir():
        return False
    return all(
        (own / name).is_file()
        and not (own / name).is_symlink()
        and ((own / name).samefile(folder / name) or filecmp.cmp(folder / name, own / name, shallow=False))
        for name in files
    )


def _point(pointer: Path, name: str) -> None:
    with whole_file(pointer) as partial:
        partial.write_text(f"{name}\n", encoding="utf-8")


def _pointed(home: Path, pointer: str) -> Path | None:
    try:
        name = os.fsdecode((home / pointer).read_bytes()).strip()
    except FileNotFoundError:
        return None
    folder = home / FOLDER / name
    if not name or not folder.is_dir():
        raise NoEncoder(
            f"{name or pointer}, in use, is gone from {home / FOLDER}: choose one with `echosearch encoder use`"
        )
    return folder


def _take(folder: Path, own: Path, files: Sequence[str]) -> None:
    private_home(own.parent.parent)
    own.parent.mkdir(exist_ok=True)
    partial = own.with_name(f".{own.name}.{os.getpid()}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        for name in files:
            (partial / name).parent.mkdir(parents=True, exist_ok=True)
            _link_or_copy(
                os.path.realpath(folder / name), partial / name
            )  # never a link that leads elsewhere from here
        os.replace(partial, own)
    except OSError as exc:
        raise BundleError(f"{folder} cannot be copied to {own.parent}: {exc.strerror}") from exc
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _link_or_copy(source: str, target: Path) -> None:
    """Only the weights are worth a link. Writing to the other name would change the copy too: loading notices."""
    if target.name == WEIGHTS:
        try:
            os.link(source, target)
            return
        except OSError:
            pass  # another file system, or none that can link
    shutil.copyfile(source, target)
