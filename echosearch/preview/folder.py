"""HOME/previews: three files a preview, which its owner alone can read, named by nothing but a pseudonym and a hash.

    3f/3f2a9c01-...-4d2e.5b1c9e0a7d31.card.mp4      the cine
    3f/3f2a9c01-...-4d2e.5b1c9e0a7d31.card.jpg      the poster
    3f/3f2a9c01-...-4d2e.5b1c9e0a7d31.card.json     the samples; or why there is no preview. It is written last

The hash is of the file's content and the recipe: another file or another recipe is another name. Each of the 256
folders may grow to its share of the bound; then its previews that were not asked for longest are removed.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from threading import Lock

from echosearch.atomic import whole_file
from echosearch.home import private_home
from echosearch.preview.values import MadePreview, NoPreview, Preview, PreviewSize, Refusal, Sample
from echosearch.settings import Settings

__all__ = ["PreviewFolder", "preview_folder"]

RECIPE = 1  # raise it when the mask, the encoding or the sizes change
FOLDERS = 256
SUFFIXES = (".json", ".mp4", ".jpg")  # in the order that they are removed: without the first the others are not read
AFTER_EVICTION = 0.9  # of a folder's share
USED_AGAIN_SECONDS = 3600  # a use is noted at most so often
UNFINISHED_SECONDS = 3600  # after which what a killed process left is removed
LOOKED_UP = 1000


class PreviewFolder:
    """The previews below ``home``: at most ``bound_bytes`` of them, and ``free_bytes`` of the disk left free."""

    def __init__(self, home: Path, bound_bytes: int, free_bytes: int) -> None:
        self.root = home / "previews"
        self.share = bound_bytes // FOLDERS
        self._free_bytes = free_bytes
        self._used: dict[Path, int] = {}  # folder -> bytes, since it was last looked through
        self._lock = Lock()

    def read(self, key: str, digest: bytes, size: PreviewSize) -> Preview | NoPreview | None:
        """Return what is kept of this video, None if nothing is, or not wholly. Notes that it was used."""
        about = self._place(key, digest, size, ".json")
        try:
            stored = json.loads(about.read_bytes())
            if time.time() - about.stat().st_mtime > USED_AGAIN_SECONDS:
                os.utime(about)
            if "reason" in stored:
                return NoPreview(Refusal(stored["reason"]), stored["detail"])
            mp4, poster = about.with_suffix(".mp4"), about.with_suffix(".jpg")
            if (mp4.stat().st_size, poster.stat().st_size) != (stored.pop("mp4_bytes"), stored.pop("poster_bytes")):
                return None
            samples = tuple(Sample(*sample) for sample in stored.pop("samples"))
            return Preview(mp4=mp4, poster=poster, samples=samples, **stored)
        except (OSError, ValueError, KeyError, TypeError):  # not there, or damaged: it is made again
            return None

    def write(self, key: str, digest: bytes, size: PreviewSize, made: MadePreview | NoPreview) -> None:
        """Keep what was made. Raises OSError if the disk is full."""
        about = self._place(key, digest, size, ".json")
        private_home(self.root)
        private_home(about.parent)
        if not self._disk_has_room():
            raise OSError("the disk is full")
        stored: Mapping[str, object]
        if isinstance(made, NoPreview):
            stored = asdict(made)
        else:
            _write(about.with_suffix(".mp4"), made.mp4)
            _write(about.with_suffix(".jpg"), made.poster)
            stored = {
                **{name: getattr(made, name) for name in ("width", "height", "end", "time_known")},
                "mp4_bytes": len(made.mp4),
                "poster_bytes": len(made.poster),
                "samples": [(one.offset, one.size, one.key, one.ticks) for one in made.samples],
            }
        _write(about, json.dumps(stored).encode())
        self._bound(about)

    def has_room(self, key: str) -> bool:
        """Return whether a preview of this video can be kept without removing another."""
        with self._lock:
            if self._used_in(self.root / key[:2]) >= self.share * AFTER_EVICTION:
                return False
        return self._disk_has_room()

    def _disk_has_room(self) -> bool:
        return shutil.disk_usage(self.root.parent).free >= self._free_bytes

    def forget(self, keys: Sequence[str]) -> None:
        """Remove all that is kept of these videos."""
        gone = set(keys)
        for folder in {self.root / key[:2] for key in gone}:
            for name in _names(folder):
                if name.partition(".")[0] in gone:
                    (folder / name).unlink(missing_ok=True)

    def sweep(self, shown_digests: Callable[[Sequence[str]], Mapping[str, bytes]]) -> int:
        """Remove what is of no video that may be shown, of another recipe, or unfinished; return how many files.

        ``shown_digests`` is asked for up to a thousand keys at a time.
        """
        removed = 0
        for number in range(FOLDERS):
            folder = self.root / f"{number:02x}"
            names = _names(folder)
            keys = sorted({name.partition(".")[0] for name in names if not name.startswith(".")})
            kept: set[str] = set()
            for start in range(0, len(keys), LOOKED_UP):
                for key, digest in shown_digests(keys[start : start + LOOKED_UP]).items():
                    kept |= {_stem(key, digest, size) for size in ("card", "study")}
            whole = {name.removesuffix(".json") for name in names if name.endswith(".json")}
            for name in names:
                is_finished = not name.startswith(".") and name.rpartition(".")[0] in whole
                wanted = name.startswith(".") or name.rpartition(".")[0] in kept
                if not wanted or (not is_finished and _age(folder / name) > UNFINISHED_SECONDS):
                    (folder / name).unlink(missing_ok=True)
                    removed += 1
        self._used.clear()
        return removed

    def _place(self, key: str, digest: bytes, size: PreviewSize, suffix: str) -> Path:
        return self.root / key[:2] / f"{_stem(key, digest, size)}{suffix}"

    def _used_in(self, folder: Path) -> int:
        if folder not in self._used:
            self._used[folder] = sum(_bytes(folder / name) for name in _names(folder))
        return self._used[folder]

    def _bound(self, newest: Path) -> None:
        """Count what was just written; if the folder is above its share, remove what was not asked for longest."""
        folder = newest.parent
        with self._lock:
            known = folder in self._used
            used = self._used_in(folder) + (_bytes_of(newest) if known else 0)
            if used > self.share:
                used = sum(_bytes(folder / name) for name in _names(folder))  # other processes write here too
                for about in sorted((folder / name for name in _names(folder) if name.endswith(".json")), key=_mtime):
                    if used <= self.share * AFTER_EVICTION:
                        break
                    if about != newest:  # that was asked for
                        used -= _bytes_of(about)
                        for suffix in SUFFIXES:
                            about.with_suffix(suffix).unlink(missing_ok=True)
            self._used[folder] = used


def preview_folder(settings: Settings) -> PreviewFolder:
    """Return the folder of an archive's previews."""
    return PreviewFolder(settings.home, settings.preview_mb * 1024**2, settings.min_free_mb * 1024**2)


def _stem(key: str, digest: bytes, size: str) -> str:
    recipe = hashlib.sha256(f"{RECIPE}\0{size}\0".encode() + digest).hexdigest()[:12]
    return f"{key}.{recipe}.{size}"


def _write(place: Path, content: bytes) -> None:
    with whole_file(place) as partial:
        fd = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with os.fdopen(fd, "wb") as file:
            file.write(content)


def _names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:  # nothing was ever kept there
        return []


def _bytes(place: Path) -> int:
    with suppress(OSError):
        return place.stat().st_blocks * 512
    return 0


def _bytes_of(about: Path) -> int:
    return sum(_bytes(about.with_suffix(suffix)) for suffix in SUFFIXES)


def _mtime(place: Path) -> float:
    with suppress(OSError):
        return place.stat().st_mtime
    return 0.0


def _age(place: Path) -> float:
    return time.time() - _mtime(place)
