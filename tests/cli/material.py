"""A small export: the ultrasound inside pydicom's package, two altered copies of its cine, made-up reports."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from pathlib import Path

import av
import numpy as np

from echosearch.cli.demo.steps import copy_real_ultrasound
from echosearch.clip import Uint8
from echosearch.reading.source import inspect_file, open_source
from echosearch.video import VideoHeader

FRAMES_PER_SECOND = 30

_REPORTS = (
    "左室拡大なし。左室壁運動正常。軽度の僧帽弁閉鎖不全あり。",
    "左室拡大あり。びまん性壁運動低下。重度の僧帽弁逆流あり。",
    "左室肥大あり。左房拡大なし。中等度の大動脈弁狭窄あり。心嚢液貯留なし。",
)


def write_material(folder: Path) -> None:
    """Fill ``folder``: export/ (files without extensions, as a PACS names them), reports.csv, sidecar.csv."""
    export = folder / "export"
    copy_real_ultrasound(export)
    header = inspect_file(export / "IM_0001")
    assert isinstance(header, VideoHeader)
    source = open_source(export / "IM_0001")
    frames = np.stack([frame.copy() for frame in source.frames(range(source.n_frames))])  # (T, H, W, 3) uint8
    altered: dict[str, Callable[[Uint8], Uint8]] = {
        "mirrored.avi": lambda pixels: pixels[:, :, ::-1],
        "dark.avi": lambda pixels: pixels[5:] // 2,
    }
    for name, change in altered.items():
        write_avi(export / name, np.ascontiguousarray(change(frames)))
    _write_csv(
        folder / "sidecar.csv",
        ("path", "study_uid", "accession_number", "patient_id", "study_date"),
        [
            ("mirrored.avi", "2.25.10000000000000000000000000000000000002", "DEMO-2", "0000002", "令和3年4月1日"),
            ("dark.avi", "2.25.10000000000000000000000000000000000003", "DEMO-3", "0000003", "2024/4/1"),
        ],
    )
    linked = ((header.study_uid, "", ""), ("", "DEMO-2", "0000002"), ("", "DEMO-3", "0000003"))
    _write_csv(
        folder / "reports.csv",
        ("study_uid", "accession_number", "patient_id", "report_text"),
        [(*identity, text) for identity, text in zip(linked, _REPORTS, strict=True)],
    )


def write_avi(path: Path, frames: Uint8) -> None:
    with av.open(str(path), "w", format="avi") as container:
        stream = container.add_stream("mjpeg", rate=FRAMES_PER_SECOND)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuvj420p"
        for pixels in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())


def _write_csv(path: Path, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as handle:
        csv.writer(handle).writerows([columns, *rows])
