"""An encoder bundle: a folder with weights, specs, tokenizer, and golden vectors that verify it at load. Free of torch.

bundle.toml          the manifest (manifest.py): it names every other file with its SHA-256, and the fingerprint
weights.safetensors  no pickle, ever
tokenizer/           vocabulary
golden.npz           small inputs and the vectors they gave (golden.py)

A bundle may come from anybody: nothing is read through a link that leads out of the folder, nothing that is not a
regular file, and bundle.toml within limits.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
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
    "LARGEST_VOCABULARY",
    "MANIFEST",
    "TOKENIZER",
    "TOKENIZER_FILES",
    "WEIGHTS",
    "bundle_files",
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
# TokenizerSpec.kind -> the file in a bundle's tokenizer/
TOKENIZER_FILES = {
    "mecab_wordpiece": "vocab.txt",
    "bert_wordpiece": "vocab.txt",
    "clip_bpe": "merges.txt",
    "echo_template": "template_vocab.txt",
    "absent": "ABSENT",
}
LARGEST_MANIFEST = 64 << 10  # bytes; those that ship have 2 kB
LARGEST_VOCABULARY = 8 << 20  # bytes; CLIP's list has 1.3 MB, that of a multilingual BERT 1 MB
# A key of many dotted parts takes the reader the square of their number
_DEEP = re.compile(r"(?:(?:[\w-]{1,99}|\"[^\"\n]{0,99}\"|'[^'\n]{0,99}')[ \t]{0,9}\.[ \t]{0,9}){20}")

M = TypeVar("M", Manifest, ViewManifest)


def read_manifest(folder: Path, model: type[M]) -> M:
    """Return bundle.toml as ``model``.

    Raises BundleError that names the key; an unknown key is an error, and so is another fingerprint than the one that
    the bundle was written with.
    """
    table = _table(folder)
    try:
        manifest = model.model_validate(table)
    except ValidationError as exc:
        first = exc.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        got = repr(first["input"])[:80]
        raise BundleError(f"{folder / MANIFEST}: {_line(key)}: {_line(first['msg'])}, got {got}") from exc
    made = fingerprint(manifest) if isinstance(manifest, Manifest) else view_fingerprint(manifest)
    if manifest.fingerprint not in (None, made):
        raise BundleError(
            f"{folder / MANIFEST} was edited: it says that the fingerprint is {manifest.fingerprint[:12]}, what it "
            f"describes has {made[:12]}; copy or import the bundle again, or make another with its own fingerprint"
        )
    return manifest


def bundle_kind(folder: Path) -> Literal["encoder", "view_classifier"]:
    """Return what kind of bundle a folder is, from its bundle.toml. Raises BundleError."""
    return "view_classifier" if _table(folder).get("kind") == "view_classifier" else "encoder"


def _table(folder: Path) -> dict[str, Any]:
    file = folder / MANIFEST
    if not os.path.lexists(file):
        raise BundleError(f"{folder} is not an encoder bundle: it has no {MANIFEST}; see `echosearch encoder list`")
    _check_file(folder, MANIFEST)
    try:
        with file.open("rb") as opened:
            content = opened.read(LARGEST_MANIFEST + 1)
        if len(content) > LARGEST_MANIFEST:
            raise BundleError(f"{file} has more than {LARGEST_MANIFEST >> 10} kB: that is no bundle's manifest")
        text = content.decode("utf-8")
        if _DEEP.search(text):
            raise BundleError(f"{file} has a key of 20 parts and more: that is no bundle's manifest")
        return tomllib.loads(text)
    except OSError as exc:
        raise BundleError(f"{file} cannot be read: {exc.strerror}") from exc
    except RecursionError as exc:
        raise BundleError(f"{file} is not TOML that can be read: it is nested too deeply") from exc
    except ValueError as exc:  # no UTF-8, no TOML, a number of thousands of digits
        raise BundleError(f"{file} is not TOML: {_line(str(exc))}") from exc


def _line(text: str) -> str:
    """What the file's own words may be part of: one line that steers no terminal."""
    return "".join(letter if letter.isprintable() else " " for letter in text[:200])


def load_manifest(folder: Path) -> Manifest:
    """Return the manifest of an encoder bundle, its files all there. Raises BundleError."""
    manifest = read_manifest(folder, Manifest)
    vocabulary = f"{TOKENIZER}/{TOKENIZER_FILES[manifest.tokenizer.kind]}"
    _check_there(folder, manifest, vocabulary)
    if (folder / vocabulary).stat().st_size > LARGEST_VOCABULARY:
        raise BundleError(f"{folder / vocabulary} has more than {LARGEST_VOCABULARY >> 20} MB: that is no vocabulary")
    return manifest


def load_view_manifest(folder: Path) -> ViewManifest:
    """Return the manifest of a view-classifier bundle, its files all there. Raises BundleError."""
    manifest = read_manifest(folder, ViewManifest)
    _check_there(folder, manifest)
    return manifest


def bundle_files(manifest: Manifest | ViewManifest) -> tuple[str, ...]:
    """Return every file of a bundle, by its path within. Other files in the folder are not part of the bundle."""
    return tuple(dict.fromkeys((MANIFEST, GOLDEN, *manifest.files, *manifest.other_files)))


def _check_there(folder: Path, manifest: Manifest | ViewManifest, *read: str) -> None:
    for name in (WEIGHTS, *read):
        if name not in manifest.files:
            raise BundleError(f"{folder / MANIFEST}: files must give the SHA-256 of {name}")
    if manifest.fingerprint is not None and GOLDEN not in manifest.other_files:
        raise BundleError(f"{folder / MANIFEST}: other_files must give the SHA-256 of {GOLDEN}")
    for name in bundle_files(manifest):
        _check_file(folder, name)


def _check_file(folder: Path, name: str) -> None:
    """Raises BundleError unless ``name`` is a regular file within the folder, or a link to one within the folder."""
    real = os.path.realpath(folder / name)
    if not Path(real).is_relative_to(os.path.realpath(folder)):
        raise BundleError(f"{folder / name} is a link that leads out of the bundle: put the file itself there")
    if not os.path.exists(real):
        raise BundleError(f"{folder} lacks {name}: the bundle is incomplete; copy or import it again")
    if not os.path.isfile(real):
        raise BundleError(f"{folder / name} is not a file: copy or import the bundle again")


def fingerprint(manifest: Manifest) -> str:
    """Return 64 hex digits over weights, specs and tokenizer: what decides a vector, not names, notes or licences."""
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
    """Return the same for a view classifier: weights, specs, labels and the views that they map to."""
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
    """Return the encoder's identity from the manifest alone: fast, and free of torch. Loading verifies it."""
    return info_of(load_manifest(folder))


def file_sha256(file: Path) -> str:
    with file.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def verify_files(folder: Path, files: Mapping[str, str]) -> None:
    """Compare ``files``, a part of the manifest, with their SHA-256 there. Raises BundleError if one differs."""
    for name, expected in files.items():
        try:
            found = file_sha256(folder / name)
        except OSError as exc:
            raise BundleError(f"{folder / name} cannot be read: {exc.strerror}") from exc
        if found != expected:
            raise BundleError(
                f"{folder / name} is not the file this bundle was made with: SHA-256 {found[:12]}, "
                f"{MANIFEST} says {expected[:12]}; copy or import the bundle again"
            )


def write_bundle(out: Path, manifest: M, fill: Callable[[Path], None]) -> M:
    """Write a bundle to ``out``, whole or not at all; gives the manifest back with its ``files``.

    ``fill`` puts weights, tokenizer/, golden.npz and perhaps other files into the folder it is given; only weights and
    tokenizer enter the fingerprint. Raises BundleError when ``out`` exists.
    """
    if out.exists():
        raise BundleError(f"{out} exists already: choose another folder, or remove it first")
    out.parent.mkdir(parents=True, exist_ok=True)
    partial = out.parent / f".{out.name}.{os.getpid()}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir()
    try:
        fill(partial)
        hashed = {f.relative_to(partial).as_posix(): file_sha256(f) for f in partial.rglob("*") if f.is_file()}
        deciding = {name for name in hashed if name == WEIGHTS or name.startswith(f"{TOKENIZER}/")}
        complete = manifest.model_copy(
            update={
                "files": {name: hashed[name] for name in sorted(deciding)},
                "other_files": {name: hashed[name] for name in sorted(hashed.keys() - deciding)},
            }
        )
        made = fingerprint(complete) if isinstance(complete, Manifest) else view_fingerprint(complete)
        complete = complete.model_copy(update={"fingerprint": made})
        text = tomli_w.dumps(complete.model_dump(mode="json", exclude_none=True))
        (partial / MANIFEST).write_text(text, encoding="utf-8")
        os.replace(partial, out)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return complete
