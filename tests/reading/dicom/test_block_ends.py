"""JPEG 2000: damage within code blocks is seen, and no encoder's sound stream is taken for damaged."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from fractions import Fraction
from io import BytesIO
from pathlib import Path
from typing import Any

import av
import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from openjpeg.utils import decode, encode_array
from PIL import Image
from pydicom.data import get_testdata_file
from pydicom.encaps import encapsulate, generate_frames
from pydicom.uid import JPEG2000, JPEG2000Lossless

from echosearch.errors import FileRefused
from echosearch.outcome import Quarantined, Reason
from echosearch.reading.dicom import read_frames
from echosearch.reading.dicom.pixels.jpeg_2000 import block_ends
from echosearch.reading.dicom.pixels.jpeg_2000.block_ends import check_ends, with_checked_ends
from echosearch.reading.dicom.pixels.jpeg_2000.openjpeg import decode_codestream, is_at_hand
from echosearch.reading.dicom.pixels.jpeg_2000.packets import BrokenPackets, code_blocks

Picture = NDArray[np.uint8]
WriteCine = Callable[..., Path]
DATA = Path(__file__).parent / "data"
ORDERS = ("LRCP", "RLCP", "RPCL", "PCRL", "CPRL")


def scan(seed: int = 1, rows: int = 192, columns: int = 256) -> Picture:
    """Speckle in a sector with a colour bar and a line of letters, (H, W, 3)."""
    chance = np.random.default_rng(seed)
    y, x = np.mgrid[:rows, :columns]
    radius, angle = np.hypot(y - 8, x - columns / 2), np.arctan2(x - columns / 2, y - 8)
    speckle = chance.rayleigh(50, (rows, columns))
    speckle = (speckle + np.roll(speckle, 1, 0) + np.roll(speckle, 1, 1)) / 3
    wall = 0.3 + (np.abs(radius - rows / 2 - 20 * np.cos(3 * angle)) < 15)
    grey = np.clip(speckle * wall, 0, 255) * ((np.abs(angle) < 0.7) & (radius < rows - 12))
    picture = np.repeat(grey[..., None], 3, axis=2)
    picture[6:16, 6:70] = chance.integers(0, 2, (10, 64, 1)) * 220
    picture[:, -48:] = 0
    picture[26:-26, -32:-12] = (250, 190, 40)
    return np.asarray(picture, np.uint8)


def pillow(picture: Picture, *rates: float, **settings: Any) -> bytes:
    file = BytesIO()
    if rates:
        settings |= {"quality_mode": "rates", "quality_layers": list(rates)}
    Image.fromarray(picture).save(file, "JPEG2000", no_jp2=True, **settings)
    return file.getvalue()


def ffmpeg(picture: Picture, quality: int = 0, **options: str) -> bytes:
    codec: Any = av.CodecContext.create("jpeg2000", "w")
    codec.height, codec.width = picture.shape[:2]
    codec.pix_fmt, codec.time_base = "rgb24" if picture.ndim == 3 else "gray", Fraction(1, 25)
    codec.options = {"format": "j2k", **options}
    if quality:
        codec.options |= {"global_quality": str(118 * quality), "flags": "+qscale"}
    frame = av.VideoFrame.from_ndarray(picture, format=codec.pix_fmt)
    frame.pts = 0
    return b"".join(bytes(packet) for packet in [*codec.encode(frame), *codec.encode(None)])


def pylibjpeg(picture: NDArray[Any], ratio: float, bits: int = 8) -> bytes:
    colour = picture.ndim == 3
    return encode_array(
        picture,
        bits_stored=bits,
        photometric_interpretation=1 if colour else 2,
        use_mct=colour,
        compression_ratios=[ratio],
    )


def sound_streams() -> Iterator[tuple[str, bytes]]:
    colour = scan()
    grey = np.ascontiguousarray(colour[..., 0])
    for rate in (3, 8, 15, 20, 40, 100):
        for irreversible in (True, False):
            yield f"Pillow {rate} {irreversible}", pillow(colour, rate, irreversible=irreversible, mct=1)
        yield f"pylibjpeg {rate}", pylibjpeg(grey, rate)
    yield "Pillow, lossless", pillow(colour)
    yield "Pillow, layers", pillow(colour, 80, 40, 20, 10, irreversible=True)
    for blocks in ((64, 64), (32, 32), (4, 256), (1024, 4)):
        yield f"Pillow, blocks {blocks}", pillow(grey, 15, codeblock_size=blocks)
    for order in ORDERS:
        yield f"Pillow, {order}", pillow(colour, 50, 10, progression=order, precinct_size=(64, 64))
        yield f"Pillow, {order}, tiles", pillow(colour, 50, 10, progression=order, tile_size=(100, 77))
        yield f"FFmpeg, {order}", ffmpeg(colour, 8, prog=order.lower(), sop="1", eph="1")
    yield "Pillow, without wavelets", pillow(grey, 10, num_resolutions=1)
    yield "pylibjpeg, 12 bits", pylibjpeg(grey.astype(np.uint16) * 16 + 5, 10, 12)
    for quality in (1, 5, 20, 60):
        for wavelet in ("dwt97int", "dwt53"):
            yield f"FFmpeg {quality} {wavelet}", ffmpeg(colour, quality, pred=wavelet)
    yield "FFmpeg, layers", ffmpeg(colour, layer_rates="30,10,5", pred="dwt53")
    yield "one grey", pillow(np.full((100, 100), 77, np.uint8), 20)
    yield "noise", pillow(np.random.default_rng(3).integers(0, 256, (120, 90, 3), np.uint8), 6, irreversible=True)
    for path in sorted(DATA.glob("*.j2k")):
        yield path.stem, path.read_bytes()
    for name in (
        "JPEG2000.dcm",
        "examples_jpeg2k.dcm",
        "J2K_pixelrep_mismatch.dcm",
        "693_J2KI.dcm",
        "GDCMJ2K_TextGBR.dcm",
    ):
        dataset = pydicom.dcmread(str(get_testdata_file(name, download=False)))
        yield name, next(generate_frames(dataset.PixelData, number_of_frames=1))


@pytest.fixture(scope="module")
def sound() -> dict[str, bytes]:
    """Codestreams by name, without the boxes around one."""
    return {name: stream[stream.find(b"\xff\x4f\xff\x51") :] for name, stream in sound_streams()}


def promised(stream: bytes) -> bytes:
    made = with_checked_ends(stream)
    assert made is not None
    return made


def test_sound_streams(sound: dict[str, bytes]) -> None:
    """None is refused, and the promise changes no pixel."""
    for name, stream in sound.items():
        found = decode_codestream(promised(stream))
        check_ends(promised(stream), found.warnings)
        samples = np.stack(found.components, axis=-1)
        assert (samples == decode(stream).reshape(samples.shape)).all(), name


def test_each_block_ends_alone_as_in_its_picture(sound: dict[str, bytes]) -> None:
    """All packets are read as OpenJPEG reads them, in every order, with precincts, tiles, SOP and EPH."""
    for name, stream in sound.items():
        blocks = code_blocks(promised(stream))
        assert blocks is not None, name
        ends = [block_ends._end(block, block.passes, 0) for block in blocks]
        said = map(block_ends._said, decode_codestream(promised(stream)).warnings)
        assert Counter(filter(any, ends)) == Counter(filter(any, said)), name


def test_what_encoders_do_is_among_the_sound_streams(sound: dict[str, bytes]) -> None:
    """Or the tests above would not show that it is borne with."""
    over, missing = dict.fromkeys(sound, 0), dict.fromkeys(sound, 0)
    for name, stream in sound.items():
        for end in map(block_ends._said, decode_codestream(promised(stream)).warnings):
            over[name], missing[name] = max(over[name], end.over), max(missing[name], end.missing)
    assert over["jasper_lossy"] > block_ends.OVER
    assert missing["Pillow 15 False"] > block_ends.MISSING
    assert missing["FFmpeg, layers"] > block_ends.MISSING


def test_other_coding_is_left_alone(sound: dict[str, bytes]) -> None:
    stream = bytearray(sound["Pillow 8 True"])
    style = stream.find(b"\xff\x52") + 12
    for other in (0x01, 0x04, 0x40):  # raw bits, a code word for each pass, HTJ2K
        stream[style] = other
        assert with_checked_ends(bytes(stream)) is None
    stream[style] = 0x3A
    assert with_checked_ends(bytes(stream)) == bytes(stream)
    assert with_checked_ends(b"\xff\x4f\xff\x51") is None


def test_style_of_a_component_and_of_a_tile(sound: dict[str, bytes]) -> None:
    plain = sound["Pillow 8 True"]
    cod, sot, sod = (plain.find(bytes((0xFF, code))) for code in (0x52, 0x90, 0x93))
    own = b"\xff\x53\x00\x09\x01\x00" + plain[cod + 9 : cod + 14]
    for at in (sot, sod):
        stream = bytearray(plain[:at] + own + plain[at:])
        if at == sod:
            length = int.from_bytes(stream[sot + 6 : sot + 10], "big")
            stream[sot + 6 : sot + 10] = (length + len(own)).to_bytes(4, "big")
        made = promised(bytes(stream))
        assert [i for i in range(len(stream)) if stream[i] != made[i]] == [cod + 12, at + 9]
        check_ends(made, decode_codestream(made).warnings)
        assert code_blocks(made) is None


def broken(stream: bytes, chance: random.Random, kind: str) -> bytes:
    damaged = bytearray(stream)
    start = damaged.find(b"\xff\x93") + 2
    at = chance.randrange(start, len(damaged) - 200)
    if kind == "bit":
        damaged[at] ^= 1 << chance.randrange(8)
    elif kind == "noise":
        damaged[at : at + 100] = chance.randbytes(100)
    else:
        at = min(at, len(damaged) - 600)
        damaged[at : at + 512] = bytes(512)
    return bytes(damaged)


@pytest.mark.parametrize("name", ["Pillow 8 True", "Pillow 15 False", "Pillow, layers", "pylibjpeg 8"])
def test_damage_within_code_blocks(sound: dict[str, bytes], name: str) -> None:
    """Of the copies that OpenJPEG decodes to another picture, nine in ten are refused."""
    stream, chance = sound[name], random.Random(name)
    picture = np.stack(decode_codestream(stream).components, axis=-1)
    other = refused = 0
    for number in range(150):
        made = promised(broken(stream, chance, ("bit", "noise", "zeros")[number % 3]))
        try:
            found = decode_codestream(made)
        except RuntimeError:
            continue
        if np.abs(np.stack(found.components, axis=-1) - picture).mean() < 4:
            continue
        other += 1
        try:
            check_ends(made, found.warnings)
        except FileRefused as refusal:
            refused += refusal.outcome == Quarantined(Reason.DECODE_FAILED, refusal.outcome.detail)
    assert other >= 10
    assert refused >= 0.9 * other


def test_lost_packets(sound: dict[str, bytes]) -> None:
    """Zeros are empty packets: nothing is wrong with any block that is left."""
    stream = bytearray(sound["Pillow, layers"])
    at = stream.find(b"\xff\x93") + 2
    stream[at : at + 512] = bytes(512)
    with pytest.raises(BrokenPackets):
        code_blocks(promised(bytes(stream)))
    with pytest.raises(FileRefused, match="its packets do not end where their tile does"):
        check_ends(promised(bytes(stream)), ())


def test_no_damage_breaks_the_reading_of_packets(sound: dict[str, bytes]) -> None:
    chance = random.Random(5)
    for name in ("Pillow, PCRL", "Pillow, RLCP, tiles", "FFmpeg, LRCP", "jasper_lossy"):
        for _ in range(40):
            damaged = bytearray(sound[name])
            for _ in range(3):
                damaged[chance.randrange(4, 400)] = chance.randrange(256)
            try:
                code_blocks(with_checked_ends(bytes(damaged)) or bytes(damaged))
            except BrokenPackets:
                continue


@pytest.mark.parametrize("syntax", [JPEG2000, JPEG2000Lossless])
def test_a_cine(write_cine: WriteCine, syntax: str) -> None:
    """A damaged frame refuses its file, in words that say why."""
    rates = (10.0,) if syntax == JPEG2000 else ()
    frames = [pillow(scan(seed), *rates) for seed in (1, 2)]
    size = {"rows": 192, "columns": 256, "count": 2, "syntax": syntax}
    pixels = read_frames(write_cine(encapsulate(frames), **size)).pixels
    for frame, stream in zip(pixels, frames, strict=True):
        assert (frame == decode(stream)).all()
    at = len(frames[1]) // 4
    frames[1] = frames[1][:at] + random.Random(1).randbytes(300) + frames[1][at + 300 :]
    with pytest.raises(FileRefused, match=r"JPEG 2000: .*: the frame is damaged"):
        read_frames(write_cine(encapsulate(frames), name="damaged", **size))


def test_jp2_files_are_checked_too(write_cine: WriteCine) -> None:
    """pydicom decodes them, as before."""
    file = BytesIO()
    Image.fromarray(scan()).save(file, "JPEG2000", quality_mode="rates", quality_layers=[10])
    size = {"rows": 192, "columns": 256, "count": 2, "syntax": JPEG2000}
    boxed = file.getvalue()
    assert not boxed.startswith(b"\xff\x4f")
    pixels = read_frames(write_cine(encapsulate([boxed, boxed]), **size)).pixels
    assert (pixels[1] == decode(boxed)).all()
    middle = len(boxed) // 2
    damaged = boxed[:middle] + random.Random(1).randbytes(300) + boxed[middle + 300 :]
    with pytest.raises(FileRefused, match=r"JPEG 2000: .*: the frame is damaged"):
        read_frames(write_cine(encapsulate([boxed, damaged]), name="damaged", **size))


def test_where_openjpeg_cannot_be_called_frames_are_read_by_pydicom(monkeypatch: pytest.MonkeyPatch) -> None:
    assert is_at_hand()  # of the wheels that constraints.txt names
    path = Path(str(get_testdata_file("693_J2KI.dcm", download=False)))
    checked = read_frames(path).pixels
    monkeypatch.setattr("echosearch.reading.dicom.pixels.jpeg_2000.frame.is_at_hand", lambda: False)
    assert np.array_equal(read_frames(path).pixels, checked)
