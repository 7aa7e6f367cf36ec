"""How often a damaged file is taken with a wrong picture, by how it is stored and by the kind of damage.

    python tests/benchmarks/bench_damage.py [--mutants 24000] [--only hevc] [--kinds bit byte]

Writes one sound cine of 12 frames in every syntax and container that is read and can be written here (HTJ2K cannot),
damages copies of them at random places of the whole file, and reads each copy as an ingest does: the two tasks of a
decode worker, in a pool with its limits. A decoder that dies is a count, not the end.

A copy is refused, or taken: identical; a trace (another picture, under both thresholds); a spot (in some frame an
8 x 8 block differs visibly); or wrong (a whole frame differs visibly, or the number of frames is another one).
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import av
import numpy as np
import simplejpeg
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.encaps import encapsulate
from pydicom.uid import UID, UltrasoundMultiFrameImageStorage
from rich.console import Console
from rich.table import Table

from echosearch.clip import Clip, ClipSpec
from echosearch.outcome import Quarantined, Skipped
from echosearch.reading.media import MediaIdentity
from echosearch.video import VideoHeader
from echosearch.workers.pool import DecodePool
from echosearch.workers.tasks import ClipTask, InspectTask, inspect, load_clip

SIDE, FRAMES = 144, 12
SYNTAX = "1.2.840.10008.1.2"
IDENTITY = MediaIdentity("1.2.3")
BLOCK = 512  # bytes, of a disk
BATCH = 240  # copies at a time in the folder

Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Source:
    """A sound file and its pictures, (T, S, S, 3)."""

    data: bytes = field(repr=False)
    pixels: Pixels = field(repr=False)
    identity: MediaIdentity | None


@dataclass(frozen=True)
class Verdict:
    """What became of a damaged copy: "identical", "trace", "spot", "wrong" or why it is refused; the differences."""

    text: str
    mean: float = 0.0
    block: float = 0.0

    @property
    def is_taken(self) -> bool:
        return self.text in TAKEN


def draw() -> Pixels:
    """Moving speckle in a sector with a colour bar, (12, 144, 144, 3)."""
    rng = np.random.default_rng(1)
    y, x = np.mgrid[0:SIDE, 0:SIDE].astype(float)
    radius, angle = np.hypot(y - 4, x - SIDE / 2), np.arctan2(x - SIDE / 2, y - 4)
    sector = (radius > 8) & (radius < 134) & (np.abs(angle) < 0.7)
    speckle = rng.rayleigh(60, (SIDE + 40, SIDE + 40))
    speckle = (speckle + np.roll(speckle, 1, 0) + np.roll(speckle, 1, 1)) / 2
    frames = np.zeros((FRAMES, SIDE, SIDE, 3), np.uint8)
    for i in range(FRAMES):
        wall = 0.35 + 0.65 * (np.abs(radius - 60 - 14 * np.sin(i / 3) * np.cos(3 * angle)) < 14)
        dy, dx = 20 + round(8 * np.sin(i / 5)), 20 + round(8 * np.cos(i / 5))
        frames[i] = (np.clip(speckle[dy : dy + SIDE, dx : dx + SIDE] * wall, 0, 255) * sector)[..., None]
    frames[:, 8:40, 132:138] = (250, 190, 40)
    return frames


def dicom(syntax: str, photometric: str, pixels: bytes, compress: str = "", **other: Any) -> bytes:
    """A file of Ultrasound Multi-frame Image Storage; ``syntax`` and ``compress`` are the ends of UIDs."""
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = UID(SYNTAX + syntax)
    values = {
        "SOPClassUID": UltrasoundMultiFrameImageStorage, "SOPInstanceUID": "1.2.826.0.1.1",
        "StudyInstanceUID": "1.2.826.0.1.2", "SeriesInstanceUID": "1.2.826.0.1.3", "PatientID": "0001234",
        "StudyDate": "20240401", "Modality": "US", "Rows": SIDE, "Columns": SIDE, "NumberOfFrames": FRAMES,
        "SamplesPerPixel": 1 if photometric.startswith("MONO") else 3, "PhotometricInterpretation": photometric,
        "BitsAllocated": 8, "BitsStored": 8, "HighBit": 7, "PixelRepresentation": 0, "FrameTime": "33.3",
        "PlanarConfiguration": None if photometric.startswith("MONO") else 0, "PixelData": pixels,
    }  # fmt: skip
    ratio = {"j2k_cr": other.pop("j2k_cr")} if "j2k_cr" in other else {}
    for keyword, value in (values | other).items():
        if value is not None:
            setattr(dataset, keyword, value)
    dataset["PixelData"].VR = "OB" if dataset.BitsAllocated == 8 else "OW"
    dataset.file_meta.MediaStorageSOPClassUID = UltrasoundMultiFrameImageStorage
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    if compress:
        dataset.compress(SYNTAX + compress, generate_instance_uid=False, **ratio)
    file = BytesIO()
    dataset.save_as(file, enforce_file_format=True)
    return file.getvalue()


def video(frames: Pixels, codec: str, container: str, pix_fmt: str = "yuv420p", **options: str) -> bytes:
    file = BytesIO()
    with av.open(file, "w", format=container) as output:
        stream: Any = output.add_stream(codec, rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = SIDE, SIDE, pix_fmt, 1_000_000
        for frame in frames:
            output.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        output.mux(stream.encode())
    return file.getvalue()


def sound_files() -> Iterator[tuple[str, bytes, MediaIdentity | None]]:
    frames = draw()
    grey = np.ascontiguousarray(frames[..., 0])
    deep = (grey.astype("<u2") * 16).tobytes()
    of_12_bits: dict[str, Any] = {
        "BitsAllocated": 16,
        "BitsStored": 12,
        "HighBit": 11,
        "WindowCenter": 2048,
        "WindowWidth": 4096,
    }
    yield "native grey, implicit", dicom("", "MONOCHROME2", grey.tobytes()), None
    yield "native RGB", dicom(".1", "RGB", frames.tobytes()), None
    yield (
        "native RGB in planes",
        dicom(".1", "RGB", frames.transpose(0, 3, 1, 2).tobytes(), PlanarConfiguration=1),
        None,
    )
    yield "native YBR_FULL_422", dicom(".1", "YBR_FULL_422", ybr_422(frames)), None
    yield "native grey 12 bit", dicom(".1", "MONOCHROME2", deep, **of_12_bits), None
    big = (grey.astype(">u2") * 16).astype(">u2").tobytes()
    yield "native grey 12 bit, big endian", dicom(".2", "MONOCHROME2", big, **of_12_bits), None
    yield "RLE", dicom(".1", "RGB", frames.tobytes(), ".5"), None
    yield "RLE grey 12 bit", dicom(".1", "MONOCHROME2", deep, ".5", **of_12_bits), None
    for sampling, photometric in (("422", "YBR_FULL_422"), ("GRAY", "MONOCHROME2")):
        space = "GRAY" if sampling == "GRAY" else "RGB"
        pictures = grey[..., None] if space == "GRAY" else frames
        jpegs = [
            simplejpeg.encode_jpeg(np.ascontiguousarray(p), 85, space, "420" if space == "GRAY" else sampling)
            for p in pictures
        ]
        yield f"JPEG {photometric}", dicom(".4.50", photometric, encapsulate(jpegs)), None
    lossless = encapsulate([lossless_jpeg(picture) for picture in grey])
    yield "JPEG Lossless grey", dicom(".4.70", "MONOCHROME2", lossless), None
    yield "JPEG-LS", dicom(".1", "RGB", frames.tobytes(), ".4.80"), None
    yield "JPEG-LS grey 12 bit", dicom(".1", "MONOCHROME2", deep, ".4.80", **of_12_bits), None
    yield "JPEG 2000", dicom(".1", "RGB", frames.tobytes(), ".4.90"), None
    yield "JPEG 2000 lossy", dicom(".1", "RGB", frames.tobytes(), ".4.91", j2k_cr=[12]), None
    yield "JPEG 2000 grey 12 bit", dicom(".1", "MONOCHROME2", deep, ".4.90", **of_12_bits), None
    cavlc, quiet = {"x264-params": "cabac=0"}, {"x265-params": "log-level=none"}
    for name, syntax, codec, container, options in (
        ("MPEG-2", ".4.100", "mpeg2video", "mpegts", {}),
        ("H.264 CABAC", ".4.102", "libx264", "mpegts", {}),
        ("H.264 CAVLC", ".4.102", "libx264", "h264", cavlc),
        ("HEVC", ".4.107", "libx265", "mpegts", quiet),
    ):
        stream = encapsulate([video(frames, codec, container, **options)])
        yield f"{name} ({container}) in DICOM", dicom(syntax, "YBR_PARTIAL_420", stream), None
    for container, codec, pix_fmt, options in (
        ("mp4", "libx264", "yuv420p", {}),
        ("mp4", "libx264", "yuv420p", cavlc),
        ("avi", "libx264", "yuv420p", {"bf": "0"}),
        ("mp4", "libx265", "yuv420p", quiet),
        ("mp4", "libx265", "yuv420p", {"x265-params": "log-level=none:hash=1"}),
        ("mp4", "mpeg4", "yuv420p", {"bf": "2"}),
        ("avi", "mpeg4", "yuv420p", {}),
        ("avi", "msmpeg4v2", "yuv420p", {}),
        ("avi", "msmpeg4", "yuv420p", {}),
        ("avi", "mjpeg", "yuvj420p", {}),
        ("mov", "mjpeg", "yuvj422p", {}),
        ("avi", "rawvideo", "bgr24", {}),
    ):
        said = " CAVLC" if options == cavlc else " with hash" if "hash" in str(options) else ""
        yield f"{codec}{said} in {container}", video(frames, codec, container, pix_fmt, **options), IDENTITY


def ybr_422(frames: Pixels) -> bytes:
    red, green, blue = np.moveaxis(frames.astype(float), 3, 0)
    y = 0.299 * red + 0.587 * green + 0.114 * blue
    cb, cr = (128 + (part - y) * scale for part, scale in ((blue, 0.564), (red, 0.713)))
    stored = np.stack([y[..., ::2], y[..., 1::2], cb[..., ::2], cr[..., ::2]], axis=-1)
    return bytes(np.clip(np.rint(stored), 0, 255).astype(np.uint8).tobytes())


def lossless_jpeg(grey: Pixels) -> bytes:
    """JPEG Lossless of process 14, selection value 1 (ITU-T T.81, annex H): each sample less the one to its left."""
    lengths = (2, 3, 3, 3, 3, 3, 4, 5, 6)  # of the codes of 0 to 8 bits of difference
    codes, code, width = {}, 0, 2
    for bits, length in enumerate(lengths):
        code <<= length - width
        codes[bits], code, width = f"{code:0{length}b}", code + 1, length
    samples = grey.astype(int)
    before = np.empty_like(samples)
    before[:, 1:], before[1:, 0], before[0, 0] = samples[:, :-1], samples[:-1, 0], 128
    parts = []
    for difference in (samples - before).ravel().tolist():
        bits = abs(difference).bit_length()
        value = difference if difference >= 0 else difference + (1 << bits) - 1
        parts.append(codes[bits] + (f"{value:0{bits}b}" if bits else ""))
    text = "".join(parts)
    text += "1" * (-len(text) % 8)
    scan = int(text, 2).to_bytes(len(text) // 8, "big").replace(b"\xff", b"\xff\x00")
    size = b"".join(n.to_bytes(2, "big") for n in grey.shape)
    counts = bytes(lengths.count(length) for length in range(1, 17))
    return (
        b"\xff\xd8\xff\xc3\x00\x0b\x08" + size + b"\x01\x01\x11\x00"
        + b"\xff\xc4" + (3 + 16 + len(lengths)).to_bytes(2, "big") + b"\0" + counts + bytes(range(len(lengths)))
        + b"\xff\xda\x00\x08\x01\x01\x00\x01\x00\x00" + scan + b"\xff\xd9"
    )  # fmt: skip


Damage = Callable[[bytearray, random.Random], bytes | bytearray]


def _bit(data: bytearray, chance: random.Random) -> bytes | bytearray:
    data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    return data


def _byte(data: bytearray, chance: random.Random) -> bytes | bytearray:
    data[chance.randrange(len(data))] ^= chance.randrange(1, 256)
    return data


def _inserted(data: bytearray, chance: random.Random) -> bytes | bytearray:
    at = chance.randrange(len(data))
    return data[:at] + chance.randbytes(chance.randint(1, 64)) + data[at:]


def _removed(data: bytearray, chance: random.Random) -> bytes | bytearray:
    at = chance.randrange(len(data))
    del data[at : at + chance.randint(1, 64)]
    return data


def _zeroed(data: bytearray, chance: random.Random) -> bytes | bytearray:
    at = chance.randrange(0, len(data), BLOCK)
    length = len(data[at : at + BLOCK])
    data[at : at + length] = bytes(length)
    return data


def _swapped(data: bytearray, chance: random.Random) -> bytes | bytearray:
    one, two = (slice(at, at + BLOCK) for at in (chance.randrange(0, len(data) - BLOCK, BLOCK) for _ in range(2)))
    data[one], data[two] = data[two], data[one]
    return data


def _cut(data: bytearray, chance: random.Random) -> bytes | bytearray:
    return data[: chance.randrange(1, len(data))]


def _noise(data: bytearray, chance: random.Random) -> bytes | bytearray:
    at = chance.randrange(len(data))
    length = len(data[at : at + chance.randint(2, 256)])
    data[at : at + length] = chance.randbytes(length)
    return data


KINDS: dict[str, Damage] = {
    "bit": _bit, "byte": _byte, "inserted": _inserted, "removed": _removed, "zeroed": _zeroed, "swapped": _swapped,
    "cut": _cut, "noise": _noise,
}  # fmt: skip
TAKEN = ("identical", "trace", "spot", "wrong")
LENGTH = ("inserted", "removed", "cut")  # what changes a file's length


def read_all(pool: DecodePool, sources: dict[Path, Source]) -> Iterator[tuple[Path, Clip | str, int]]:
    """Yield (path, clip or why it was refused, number of frames) for files, as the ingest reads them."""
    tasks = [InspectTask(path, identity=source.identity) for path, source in sources.items()]
    headers: dict[Path, VideoHeader] = {}
    for task, outcome in pool.map(inspect, tasks):
        if isinstance(outcome, VideoHeader):
            headers[task.path] = outcome
        else:
            yield task.path, _why(outcome), 0
    clips = [ClipTask(path, "0" * 64, ClipSpec(FRAMES, 1, size=min(h.rows, h.columns))) for path, h in headers.items()]
    for clip_task, clip in pool.map(load_clip, clips):
        yield clip_task.path, clip if isinstance(clip, Clip) else _why(clip), headers[clip_task.path].n_frames


def _why(outcome: object) -> str:
    return str(outcome.reason) if isinstance(outcome, Quarantined | Skipped) else type(outcome).__name__


def compare(clip: Clip, n_frames: int, whole: Pixels, mean: float, block: float) -> Verdict:
    if n_frames != len(whole) or clip.pixels.shape != whole.shape:
        return Verdict("wrong", 255, 255)
    difference = np.abs(clip.pixels.astype(np.int16) - whole).mean(axis=3)
    side = whole.shape[1] // 8 * 8
    blocks = difference[:, :side, :side].reshape(len(whole), side // 8, 8, side // 8, 8).mean(axis=(2, 4))
    worst = float(difference.mean(axis=(1, 2)).max()), float(blocks.max())
    if not difference.any():
        return Verdict("identical")
    return Verdict("wrong" if worst[0] >= mean else "spot" if worst[1] >= block else "trace", *worst)


def table(results: dict[tuple[str, str], list[Verdict]], sources: Sequence[str], kinds: Sequence[str]) -> Table:
    made = Table("stored as", "damage", "n", *TAKEN, "worst mean, block", "refused", box=None)
    for name in sources:
        for kind in (*kinds, "all"):
            verdicts = [v for k in kinds if kind in (k, "all") for v in results[name, k]]
            count = Counter(verdict.text for verdict in verdicts if verdict.is_taken)
            wrong = [verdict for verdict in verdicts if verdict.text in ("wrong", "spot")]
            refused = Counter(verdict.text for verdict in verdicts if not verdict.is_taken)
            made.add_row(
                name, kind, str(len(verdicts)), *(str(count[text]) for text in TAKEN),
                f"{max(v.mean for v in wrong):.0f}, {max(v.block for v in wrong):.0f}" if wrong else "",
                " ".join(f"{why} {n}" for why, n in refused.most_common()),
                end_section=kind == "all",
            )  # fmt: skip
    return made


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mutants", type=int, default=2400)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", help="sources whose name holds this")
    parser.add_argument("--kinds", nargs="+", choices=list(KINDS), default=list(KINDS))
    parser.add_argument("--mean", type=float, default=4.0, help="grey levels over a frame that are visible")
    parser.add_argument("--block", type=float, default=32.0, help="grey levels over 8 x 8 pixels that are visible")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--keep", type=Path, help="keep the files that were taken with a wrong picture in this folder")
    args = parser.parse_args()
    if args.keep:
        args.keep.mkdir(parents=True, exist_ok=True)
    results: dict[tuple[str, str], list[Verdict]] = defaultdict(list)
    with tempfile.TemporaryDirectory() as folder, DecodePool(args.workers, 2048, 60, 120) as pool:
        made = [found for found in sound_files() if args.only.lower() in found[0].lower()]
        paths = {Path(folder, str(i)): Source(data, draw(), who) for i, (_, data, who) in enumerate(made)}
        for path, source in paths.items():
            path.write_bytes(source.data)
        sound = {path: (clip, n) for path, clip, n in read_all(pool, paths)}
        sources: dict[str, Source] = {}
        for (name, data, who), path in zip(made, paths, strict=True):
            clip, n_frames = sound[path]
            if not isinstance(clip, Clip) or n_frames != FRAMES:
                sys.exit(f"{name}: the undamaged file is not read: {clip}")
            sources[name] = Source(data, clip.pixels, who)
        plans = [(kind, name) for kind in args.kinds for name in sources]
        for first in range(0, args.mutants, BATCH):
            copies: dict[Path, Source] = {}
            for number in range(first, min(first + BATCH, args.mutants)):
                kind, name = plans[number % len(plans)]
                path = Path(folder, f"copy{number}")
                damaged = KINDS[kind](bytearray(sources[name].data), random.Random(f"{args.seed}/{number}"))
                path.write_bytes(damaged)
                copies[path] = sources[name]
            for path, clip, n_frames in read_all(pool, copies):
                kind, name = plans[int(path.name.removeprefix("copy")) % len(plans)]
                if isinstance(clip, str):
                    verdict = Verdict(clip)
                else:
                    verdict = compare(clip, n_frames, copies[path].pixels, args.mean, args.block)
                results[name, kind].append(verdict)
                if args.keep and verdict.text in ("wrong", "spot"):
                    (args.keep / f"{verdict.text} {name} {kind} {path.name}".replace(" ", "_")).write_bytes(
                        path.read_bytes()
                    )
                path.unlink()
    console = Console(width=200)
    console.print(table(results, list(sources), args.kinds))
    total = Counter(verdict.text for verdicts in results.values() for verdict in verdicts)
    of_length = sum(v.text == "wrong" for (_, kind), vs in results.items() if kind in LENGTH for v in vs)
    console.print(
        f"{args.mutants} copies, seed {args.seed}: wrong pictures {total['wrong']} "
        f"({100 * total['wrong'] / args.mutants:.2f} %), of a damaged length {of_length}; spots {total['spot']} "
        f"({100 * total['spot'] / args.mutants:.2f} %); traces {total['trace']}, "
        f"identical {total['identical']}; decoders that died {total['WorkerDied']}, timed out {total['TimedOut']}"
    )
    return int(total["wrong"] > 0.003 * args.mutants or of_length > 0)


if __name__ == "__main__":
    sys.exit(main())
