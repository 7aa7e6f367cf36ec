"""`encoder pull`: download published weights from their authors' addresses, if this machine can reach them.

Nothing here runs what it fetches: files land in a folder and go through import_published like any others.
"""

from __future__ import annotations

import shutil
import tempfile
import urllib.error
import urllib.request
import zipfile
import zlib
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

from huggingface_hub import hf_hub_download
from huggingface_hub.errors import HFValidationError
from huggingface_hub.utils.logging import set_verbosity_error

from echosearch.encoder.bundle.folder import file_sha256
from echosearch.encoder.published.importer import PublishedModel
from echosearch.errors import BundleError, StoreUnreachable

__all__ = ["ORIGINS", "Origin", "fetch"]

MAX_BYTES = 8 << 30
BLOCK = 1 << 20


@dataclass(frozen=True)
class Origin:
    """The address of weights: files of a hub repository, or a zip at a URL. ``sha256`` if it is known."""

    repo: str = ""
    files: tuple[str, ...] = ()
    zip_url: str = ""
    folder: str = ""  # of the zip, with the weights in it
    sha256: str = ""  # of the first file, or of the zip


# as their authors name them; VideoEchoCLIP's authors name no place, so it must be given
ORIGINS: dict[PublishedModel, Origin] = {
    "echoclip": Origin(repo="mkaichristensen/echo-clip", files=("open_clip_pytorch_model.bin",)),
    "echoclip-r": Origin(repo="mkaichristensen/echo-clip-r", files=("open_clip_pytorch_model.bin",)),
    "echoprime": Origin(
        zip_url="https://github.com/echonet/EchoPrime/releases/download/v1.0.0/model_data.zip", folder="model_data"
    ),
}


def fetch(origin: Origin, into: Path) -> Path:
    """Download into the folder ``into`` and give what import_published takes: a file, or a folder with several.

    Raises StoreUnreachable when the place cannot be reached, BundleError when what came is not what was meant.
    """
    into.mkdir(parents=True, exist_ok=True)
    if origin.zip_url:
        return _fetch_zip(origin, into)
    set_verbosity_error()  # what it tries again it would say in lines of its own
    try:
        paths = [Path(hf_hub_download(origin.repo, name, local_dir=into)) for name in origin.files]
    except HFValidationError as exc:
        raise BundleError(f"{origin.repo!r} is no repository's name: it is OWNER/NAME") from exc
    except Exception as exc:  # the one boundary to a client that changes its HTTP library between versions
        raise StoreUnreachable(
            f"cannot fetch {origin.files[0]} of {origin.repo}: {_first_line(exc)}; "
            "download it elsewhere and use echosearch encoder import"
        ) from exc
    _check(paths[0], origin.sha256)
    return paths[0] if len(paths) == 1 else into


def _fetch_zip(origin: Origin, into: Path) -> Path:
    with tempfile.TemporaryDirectory(dir=into) as scratch:
        archive = Path(scratch) / "download.zip"
        try:
            with urllib.request.urlopen(origin.zip_url, timeout=30) as answer, archive.open("wb") as out:
                while block := answer.read(BLOCK):
                    out.write(block)
                    if out.tell() > MAX_BYTES:
                        raise BundleError(f"{origin.zip_url} gives more than {MAX_BYTES >> 30} GiB")
        except (urllib.error.URLError, HTTPException, TimeoutError, ConnectionError) as exc:
            raise StoreUnreachable(
                f"cannot fetch {origin.zip_url}: {_first_line(exc)}; download it elsewhere, unpack it, and use "
                "echosearch encoder import"
            ) from exc
        _check(archive, origin.sha256)
        unpacked = Path(scratch) / "unpacked"
        _unpack(archive, unpacked)
        found = unpacked / origin.folder
        if not found.is_dir():
            raise BundleError(f"{origin.zip_url} has no folder {origin.folder}")
        target = into / origin.folder
        shutil.move(found, target)
        return target


def _unpack(archive: Path, into: Path) -> None:
    """Regular files only, none outside ``into``, within limits (a zip says of itself how large it will be)."""
    try:
        with zipfile.ZipFile(archive) as opened:
            members = [member for member in opened.infolist() if not member.is_dir()]
            if sum(member.file_size for member in members) > MAX_BYTES or len(members) > 10_000:
                raise BundleError(f"the zip unpacks to more than {MAX_BYTES >> 30} GiB or 10,000 files")
            for member in members:
                target = (into / member.filename).resolve()
                if not target.is_relative_to(into.resolve()):
                    raise BundleError(f"the zip wants to write outside its folder: {member.filename!r}")
                target.parent.mkdir(parents=True, exist_ok=True)
                with opened.open(member) as source, target.open("wb") as out:
                    shutil.copyfileobj(source, out, BLOCK)
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, NotImplementedError) as exc:
        raise BundleError(f"what came is no zip that can be unpacked: {_first_line(exc)}") from exc


def _check(path: Path, expected: str) -> None:
    if expected and file_sha256(path) != expected.lower():
        path.unlink()
        raise BundleError(f"{path.name} is not the file that was meant: its SHA-256 is not {expected}")


def _first_line(exc: BaseException) -> str:
    return (str(exc).strip().splitlines() or [type(exc).__name__])[0][:200]
