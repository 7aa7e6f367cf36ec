"""The bundle: a folder that is an encoder and proves itself. Free of torch.

bundle.toml          the manifest (manifest.py)
weights.safetensors  no pickle, ever
tokenizer/           vocabulary
golden.npz           a small input and the vectors it gave (golden.py)
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar

import tomli_w
from pydantic import ValidationError

from echosearch.encoder.bundle.manifest import Manifest, ViewManifest
from echosearch.encoder_info import EncoderInfo
from echosearch.errors import BundleError

__all__ = [
    "GOLDEN",
    "MANIFEST",
    "TOKENIZER",
    "WEIGHTS",
    "bundle_kind",
    "file_sha256",
    "fingerprint",
    "identify",
    "info_of",
    "load_manifest",
    "load_view_manifest",
    "read_manifest",
    "verify_files",
    "view_fingerprint",
    "write_bundle",
]

MANIFEST = "bundle.toml"
WEIGHTS = "weights.safetensors"
TOKENIZER = "tokenizer"
GOLDEN = "golden.npz"

M = TypeVar("M", Manifest, ViewManifest)


def read_manifest(folder: Path, model: type[M]) -> M:
    """bundle.toml as ``model``. Raises BundleError that names the key; an unknown key is an error."""
    table = _table(folder)
    try:
        return model.model_validate(table)
    except ValidationError as exc:
        first = exc.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise BundleError(f"{folder / MANIFEST}: {key}: {first['msg']}, got {str(first['input'])[:80]!r}") from exc


def bundle_kind(folder: Path) -> Literal["encoder", "view_classifier"]:
    """What kind of bundle a folder is, from its bundle.toml. Raises BundleError."""
    return "view_classifier" if _table(folder).get("kind") == "view_classifier" else "encoder"


def _table(folder: Path) -> dict[str, Any]:
    file = folder / MANIFEST
    if not file.is_file():
        raise BundleError(f"{folder} is not an encoder bundle: it has no {MANIFEST}; see `echosearch encoder list`")
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
        raise BundleError(f"{file} is not TOML: {exc}") from exc


def load_manifest(folder: Path) -> Manifest:
    """The manifest of an encoder bundle, its files all there. Raises BundleError."""
    manifest = read_manifest(folder, Manifest)
    _check_there(folder, manifest.files)
    if not any(name.startswith(f"{TOKENIZER}/") for name in manifest.files):
        raise BundleError(f"{folder / MANIFEST}: files must give the SHA-256 of the files of {TOKENIZER}/")
    return manifest


def load_view_manifest(folder: Path) -> ViewManifest:
    """The manifest of a view-classifier bundle, its files all there. Raises BundleError."""
    manifest = read_manifest(folder, ViewManifest)
    _check_there(folder, manifest.files)
    return manifest


def _check_there(folder: Path, files: Mapping[str, str]) -> None:
    if WEIGHTS not in files:
        raise BundleError(f"{folder / MANIFEST}: files must give the SHA-256 of {WEIGHTS}")
    for name in (GOLDEN, *files):
        if not (folder / name).is_file():
            raise BundleError(f"{folder} lacks {name}: the bundle is incomplete; copy or import it again")


def fingerprint(manifest: Manifest) -> str:
    """64 hex digits over what decides a vector: weights, specs, tokenizer. Names, notes and licences do not count."""
    parts = {
        "dimension": manifest.dimension,
        "files": manifest.files,
        **{
            part: getattr(manifest, part).model_dump(mode="json", exclude_defaults=True)
            for part in ("video", "text", "tokenizer")
        },
        "architectures": [manifest.video.tower.architecture, manifest.text.tower.architecture],
    }
    return _digest(parts)


def view_fingerprint(manifest: ViewManifest) -> str:
    """The same for a view classifier: weights, specs, labels and what they are mapped to."""
    parts = manifest.model_dump(mode="json", exclude_defaults=True, include={"tower", "clip"})
    labels = list(manifest.labels.items())  # their order is that of the outputs
    return _digest({**parts, "labels": labels, "files": manifest.files, "architecture": manifest.tower.architecture})


def _digest(parts: Mapping[str, object]) -> str:
    canonical = json.dumps(parts, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode()).hexdigest()


def info_of(manifest: Manifest) -> EncoderInfo:
    return EncoderInfo(
        name=manifest.name,
        version=manifest.version,
        fingerprint=fingerprint(manifest),
        dimension=manifest.dimension,
        licence=manifest.licence,
        provenance=manifest.provenance,
        trained=manifest.trained,
    )


def identify(folder: Path) -> EncoderInfo:
    """Who the bundle is, from its manifest alone: fast, and free of torch. Loading checks that it tells the truth."""
    return info_of(load_manifest(folder))


def file_sha256(file: Path) -> str:
    with file.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def verify_files(folder: Path, files: dict[str, str]) -> None:
    """Raises BundleError when a file is not the one the manifest names."""
    for name, expected in files.items():
        found = file_sha256(folder / name)
        if found != expected:
            raise BundleError(
                f"{folder / name} is not the file this bundle was made with: SHA-256 {found[:12]}, "
                f"{MANIFEST} says {expected[:12]}; copy or import the bundle again"
            )


def write_bundle(out: Path, manifest: M, fill: Callable[[Path], None]) -> M:
    """Write a bundle to ``out``, whole or not at all; gives the manifest back with its ``files``.

    ``fill`` puts weights, tokenizer/ and golden.npz into the folder it is given. Raises BundleError when ``out``
    exists.
    """
    if out.exists():
        raise BundleError(f"{out} exists already: choose another folder, or remove it first")
    out.parent.mkdir(parents=True, exist_ok=True)
    partial = out.parent / f".{out.name}.{os.getpid()}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    try:
        fill(partial)
        hashed = sorted(f for f in partial.rglob("*") if f.is_file() and f.name != GOLDEN)
        complete = manifest.model_copy(
            update={"files": {file.relative_to(partial).as_posix(): file_sha256(file) for file in hashed}}
        )
        text = tomli_w.dumps(complete.model_dump(mode="json", exclude_none=True))
        (partial / MANIFEST).write_text(text, encoding="utf-8")
        os.replace(partial, out)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return complete
