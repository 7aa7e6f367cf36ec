"""The encoders of an archive: HOME/encoders/<name>-<fingerprint>/, and HOME/encoder, one line, the one in use.

Free of torch: `encoder list` and `status` answer at once.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from echosearch.encoder.base import EncoderId
from echosearch.encoder.bundle import WEIGHTS, identify, load_manifest, verify_files
from echosearch.errors import BundleError, NoEncoder

__all__ = ["bundle_in_use", "list_bundles", "use_bundle"]

FOLDER = "encoders"
IN_USE = "encoder"


def use_bundle(home: Path, folder: Path) -> EncoderId:
    """Take a copy of the bundle into HOME and put it in use; whole or not at all. Raises BundleError.

    The weights are hard-linked where the file system can, so that a copy costs no space.
    """
    manifest = load_manifest(folder)
    verify_files(folder, manifest.files)
    encoder = identify(folder)
    own = home / FOLDER / f"{encoder.name}-{encoder.fingerprint[:12]}"
    if not own.exists():
        _take(folder, own)
    elif (
        identify(own) != encoder
    ):  # the same weights under other words (licence, provenance, version): the new ones count
        shutil.rmtree(own)
        _take(folder, own)
    pointer = home / IN_USE
    partial = home / f".{IN_USE}.{os.getpid()}"
    partial.write_text(f"{own.name}\n", encoding="utf-8")
    os.replace(partial, pointer)
    return encoder


def bundle_in_use(home: Path, override: Path | None = None) -> Path:
    """The encoder's folder: ``override`` (ECHOSEARCH_ENCODER) or what `encoder use` chose. Raises NoEncoder."""
    if override is not None:
        return override
    try:
        name = (home / IN_USE).read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        raise NoEncoder(
            f"no encoder is in use in {home}: make one with `echosearch encoder init` or `echosearch encoder import`, "
            "then choose it with `echosearch encoder use FOLDER`"
        ) from None
    folder = home / FOLDER / name
    if not folder.is_dir():
        raise NoEncoder(
            f"the encoder in use, {name}, is gone from {home / FOLDER}: choose one with `echosearch encoder use`"
        )
    return folder


def list_bundles(home: Path) -> list[tuple[Path, EncoderId, bool]]:
    """(folder, encoder, whether it is in use) of every whole bundle in HOME, by folder name."""
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


def _take(folder: Path, own: Path) -> None:
    own.parent.mkdir(parents=True, exist_ok=True)
    partial = own.with_name(f".{own.name}.{os.getpid()}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        shutil.copytree(folder, partial, copy_function=_link_or_copy)
        os.replace(partial, own)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _link_or_copy(source: str, target: str) -> None:
    """Only the weights are worth a link. Writing to the other name would change the copy too: loading notices."""
    if os.path.basename(source) == WEIGHTS:
        try:
            os.link(source, target, follow_symlinks=False)
            return
        except OSError:
            pass  # another file system, or none that can link
    shutil.copyfile(source, target)
