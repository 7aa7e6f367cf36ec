"""Draw the demo's picture: a frame of every best hit, framed green if it is right and red if it is wrong."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from echosearch.cli.demo.truth import DemoAnswer, JudgedHit
from echosearch.clip import Uint8
from echosearch.pseudonyms import Keyring
from echosearch.reading.source import open_source

__all__ = ["draw_hits", "files_of_videos"]

COLUMNS = 5
WIDTH, HEIGHT, STRIP = 256, 192, 22  # pixels of a tile, and of the line under it
RIGHT, WRONG, INK = (40, 170, 70), (200, 50, 50), (255, 255, 255)


def files_of_videos(archive: Path, keyring: Keyring) -> dict[str, Path]:
    """Return the phantom's files by the pseudonymous keys of hits."""
    with (archive / "views.csv").open(encoding="utf-8", newline="") as handle:
        return {keyring.video(row["sop_uid"]): archive / row["path"] for row in csv.DictReader(handle)}


def draw_hits(png: Path, answers: Sequence[DemoAnswer], files: Mapping[str, Path]) -> None:
    """Draw a row of COLUMNS hits for each answer, best first."""
    rows = []
    for answer in answers:
        tiles = [_tile(hit, files[hit.video]) for hit in answer.hits[:COLUMNS] if hit.video]
        tiles += [np.zeros((HEIGHT + STRIP, WIDTH, 3), np.uint8)] * (COLUMNS - len(tiles))
        rows.append(np.hstack(tiles))
    Image.fromarray(np.vstack(rows)).save(png)


def _tile(hit: JudgedHit, file: Path) -> Uint8:
    """A frame over a line of text; OpenCV's letters are ASCII, so the question itself is not drawn."""
    frame = _flow(file) if hit.mode == "color" else _middle(file)
    tile = np.full((HEIGHT + STRIP, WIDTH, 3), RIGHT if hit.right else WRONG, np.uint8)
    tile[3:HEIGHT, 3:-3] = cv2.resize(frame, (WIDTH - 6, HEIGHT - 3), interpolation=cv2.INTER_AREA)
    line = f"{hit.rank}: {hit.score:.3f} {hit.view or ''}  truth: {hit.truth}"
    cv2.putText(tile, line, (4, HEIGHT + 15), cv2.FONT_HERSHEY_SIMPLEX, 0.4, INK, 1, cv2.LINE_AA)
    return tile


def _middle(file: Path) -> Uint8:
    source = open_source(file)
    return next(source.frames([source.n_frames // 2]))


def _flow(file: Path) -> Uint8:
    """Of every third frame the one with the most mosaic: a leak shows in a part of the beat only."""
    source = open_source(file)
    frames = [frame.copy() for frame in source.frames(range(0, source.n_frames, 3))]
    red_less_blue = [frame[..., 0].astype(np.int16) - frame[..., 2] for frame in frames]
    return frames[int(np.argmax([np.abs(np.diff(flow, axis=1)).sum() for flow in red_less_blue]))]
