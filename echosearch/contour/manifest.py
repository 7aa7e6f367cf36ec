"""A contour head's folder: contour.toml, which names the weights by their SHA-256, and the weights. Free of torch."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tomllib
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal

import tomli_w
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from echosearch.contour.values import HeadInfo
from echosearch.encoder.bundle.folder import WEIGHTS, file_sha256
from echosearch.encoder.bundle.manifest import BundleName
from echosearch.errors import BundleError

__all__ = ["MANIFEST", "ContourManifest", "load_contour_manifest", "shipped_head", "write_head"]

MANIFEST = "contour.toml"
LARGEST_MANIFEST = 64 << 10  # bytes
SHIPPED = "phantom-contour"


class ContourManifest(BaseModel):
    """contour.toml."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
    format: Literal[1] = 1
    kind: Literal["contour_head"] = "contour_head"
    name: BundleName
    version: str
    licence: str
    provenance: str
    trained_on: Literal["phantom", "patients"]
    notes: str = ""
    widths: Annotated[tuple[Annotated[int, Field(ge=1, le=512)], ...], Field(min_length=2, max_length=5)]
    weights: Annotated[str, Field(pattern="^[0-9a-f]{64}$")] = "0" * 64  # SHA-256, filled in when the folder is written
    figures: dict[str, float] = {}  # as they were measured when it was made; they decide nothing

    @property
    def info(self) -> HeadInfo:
        """The head's name, and the fingerprint over its weights and shape."""
        decides = json.dumps({"weights": self.weights, "widths": self.widths}, sort_keys=True)
        fingerprint = hashlib.sha256(decides.encode()).hexdigest()
        return HeadInfo(self.name, self.version, fingerprint, phantom_only=self.trained_on == "phantom")


def shipped_head() -> Path:
    """Return the folder of the head that comes inside this package."""
    return Path(str(files("echosearch") / "bundles" / SHIPPED))


def load_contour_manifest(folder: Path) -> ContourManifest:
    """Return contour.toml, its weights compared with their SHA-256. Raises BundleError."""
    try:
        with (folder / MANIFEST).open("rb") as opened:
            content = opened.read(LARGEST_MANIFEST + 1)
        if len(content) > LARGEST_MANIFEST:
            raise BundleError(
                f"{folder / MANIFEST} has more than {LARGEST_MANIFEST >> 10} kB: that is no head's manifest"
            )
        manifest = ContourManifest.model_validate(tomllib.loads(content.decode("utf-8")))
        found = file_sha256(folder / WEIGHTS)
    except OSError as exc:
        raise BundleError(f"{folder} is no contour head: {Path(str(exc.filename)).name}: {exc.strerror}") from exc
    except ValidationError as exc:
        key = ".".join(str(part) for part in exc.errors()[0]["loc"])
        raise BundleError(f"{folder / MANIFEST}: {key}: {exc.errors()[0]['msg']}") from exc
    except (ValueError, RecursionError) as exc:
        raise BundleError(f"{folder / MANIFEST} is not TOML that can be read") from exc
    if found != manifest.weights:
        raise BundleError(
            f"{folder / WEIGHTS} is not the file that {MANIFEST} names: SHA-256 {found[:12]}, not "
            f"{manifest.weights[:12]}; install echosearch again, or train the head again"
        )
    return manifest


def write_head(out: Path, manifest: ContourManifest, save: Callable[[Path], None]) -> ContourManifest:
    """Write a head to ``out``, whole or not at all; ``save`` writes the weights. Raises BundleError if it exists."""
    if out.exists():
        raise BundleError(f"{out} exists already: choose another folder, or remove it first")
    partial = out.parent / f".{out.name}.{os.getpid()}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        save(partial / WEIGHTS)
        complete = manifest.model_copy(update={"weights": file_sha256(partial / WEIGHTS)})
        (partial / MANIFEST).write_text(tomli_w.dumps(complete.model_dump(mode="json")), encoding="utf-8")
        os.replace(partial, out)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return complete
