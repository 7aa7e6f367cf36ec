"""Bundles that somebody made up or edited: each is refused in a line, before anything large is read or built."""

import io
import json
import shutil
import struct
import subprocess
import tomllib
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tomli_w

from echosearch.encoder.bundle.folder import bundle_kind, file_sha256, load_view_manifest
from echosearch.encoder.bundle.golden import read_golden, read_golden_views
from echosearch.encoder.bundle.installed import use_bundle
from echosearch.encoder.bundle.shipped import shipped_bundles
from echosearch.encoder.text.clip_tokenizer import template_phrases
from echosearch.encoder.text.tokenizer import read_vocabulary
from echosearch.encoder.torch_encoder import load_encoder
from echosearch.errors import BundleError, EncoderError
from tests.support.forked_program import python


@pytest.fixture
def copy(tiny_bundle: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_bundle, tmp_path / "copy"))


def refused(folder: Path, told: str = "") -> None:
    """In a line, and nothing is taken into HOME."""
    home = folder.parent / "home"
    with pytest.raises(BundleError) as caught:
        use_bundle(home, folder)
    assert told in str(caught.value)
    assert str(caught.value).isprintable()
    assert not home.exists()


BROKEN: dict[str, bytes | str] = {
    "empty": "",
    "no text": b"\xff\xfe\x00",
    "no TOML": "name = \x1b[2J",
    "a list of a list of a list": "a = " + "[" * 20_000 + "]" * 20_000,
    "a table of a table of a table": "a = " + "{a=" * 15_000 + "1" + "}" * 15_000,
    "a key of many parts": "a." * 30_000 + "b = 1",
    "a table's name of many parts": "[" + "a." * 30_000 + "b]",
    "a long number": "format = 1" + "0" * 10_000,
    "too large": "# " + "a" * (1 << 20),
    "a key twice": "name = 'a'\nname = 'b'",
    "a table twice": "[video]\n[video]",
    "another kind": "kind = 3",
    "a list for a table": "video = []",
    "a key that steers the terminal": '"\\u001b[2J" = 1',
}


@pytest.mark.parametrize("kind", BROKEN)
def test_a_manifest_that_is_none(copy: Path, kind: str) -> None:
    content = BROKEN[kind]
    (copy / "bundle.toml").write_bytes(content if isinstance(content, bytes) else content.encode())
    refused(copy, "bundle.toml")


VALUES: list[tuple[str, Any]] = [
    ("format", 2),
    ("format", "one"),
    ("name", "../../x"),
    ("name", "x" * 100),
    ("name", 7),
    ("version", "\x1b]0;x\x07"),
    ("licence", "a\u202eb"),
    ("trained", "perhaps"),
    ("dimension", 0),
    ("dimension", -1),
    ("dimension", 1 << 40),
    ("dimension", float("nan")),
    ("dimension", 1.5),
    ("files", []),
    ("files", {}),
    ("files", {"../../../etc/passwd": "0" * 64}),
    ("files", {"/etc/passwd": "0" * 64}),
    ("files", {"weights.safetensors": "short"}),
    ("other_files", {"a/../../b": "0" * 64}),
    ("other_files", {"a\nb": "0" * 64}),
    ("other_files", {"gone.txt": "0" * 64}),
    ("other_files", {f"{i}": "0" * 64 for i in range(1000)}),
    ("fingerprint", "0" * 64),
    ("fingerprint", "none"),
    ("video", 1),
    ("video.tower", {}),
    ("video.tower.architecture", "another"),
    ("video.tower.architecture", 3),
    ("video.tower.width", 1 << 40),
    ("video.tower.depth", 1 << 40),
    ("video.tower.depth", -4),
    ("video.tower.eps", float("nan")),
    ("video.tower.eps", float("inf")),
    ("video.tower.eps", -1.0),
    ("video.tower.mlp_ratio", float("inf")),
    ("video.tower.tubelet", [2, 0, 16]),
    ("video.tower.tubelet", [2, 16]),
    ("video.clip.frames", 1 << 40),
    ("video.clip.frames", float("nan")),
    ("video.clip.size", 1 << 20),
    ("video.clip.stride", -1),
    ("video.clip.seconds", float("nan")),
    ("video.clip.mean", [float("nan")] * 3),
    ("video.clip.mean", [0.1, 0.1]),
    ("video.clip.std", [0.0, 1.0, 1.0]),
    ("video.clip.color", "green"),
    ("video.clip.colour", "rgb"),
    ("text.tower.vocabulary", 1 << 40),
    ("text.tower.positions", 1 << 40),
    ("text.spec.max_tokens", -5),
    ("text.spec.max_phrases", 0),
    ("tokenizer.kind", "clip_bpe"),
    ("tokenizer.kind", "absent"),
    ("tokenizer", "mecab_wordpiece"),
]


@pytest.mark.parametrize(("key", "value"), VALUES)
def test_a_wrong_value(copy: Path, key: str, value: Any) -> None:
    *tables, last = key.split(".")
    whole = tomllib.loads((copy / "bundle.toml").read_text())
    if key != "fingerprint":
        del whole["fingerprint"]
    table = whole
    for name in tables:
        table = table[name]
    table[last] = value
    (copy / "bundle.toml").write_text(tomli_w.dumps(whole))
    refused(copy)


@pytest.mark.parametrize("key", ["name", "version", "licence", "provenance", "trained", "video", "text", "tokenizer"])
def test_a_missing_key_is_named(copy: Path, key: str) -> None:
    table = tomllib.loads((copy / "bundle.toml").read_text())
    del table[key]
    (copy / "bundle.toml").write_text(tomli_w.dumps(table))
    refused(copy, f"bundle.toml: {key}")


@pytest.mark.parametrize("labels", [{}, [], {"A": "nowhere"}, {f"{i}": "LAX" for i in range(2000)}, {"\x1b[2J": "LAX"}])
def test_wrong_labels_of_a_view_classifier(tmp_path: Path, labels: Any) -> None:
    folder = Path(shutil.copytree(shipped_bundles()["phantom-views"], tmp_path / "copy"))
    table = tomllib.loads((folder / "bundle.toml").read_text())
    (folder / "bundle.toml").write_text(tomli_w.dumps({**table, "labels": labels}))
    assert bundle_kind(folder) == "view_classifier"
    with pytest.raises(BundleError) as caught:
        load_view_manifest(folder)
    assert str(caught.value).isprintable()


def test_other_labels_are_noticed(tmp_path: Path) -> None:
    folder = Path(shutil.copytree(shipped_bundles()["phantom-views"], tmp_path / "copy"))
    table = tomllib.loads((folder / "bundle.toml").read_text())
    table["labels"] |= {"LAX": "SAX", "SAX": "LAX"}
    (folder / "bundle.toml").write_text(tomli_w.dumps(table))
    with pytest.raises(BundleError, match="was edited"):
        load_view_manifest(folder)


def array(value: Any, **header: Any) -> bytes:
    """An .npy file; with ``header``, one that states something else."""
    out = io.BytesIO()
    if not header:
        np.save(out, value, allow_pickle=True)
        return out.getvalue()
    stated = {"descr": value.dtype.str, "fortran_order": False, "shape": value.shape, **header}
    text = repr(stated).encode().ljust(246) + b"\n"
    return b"".join([b"\x93NUMPY\x01\x00", struct.pack("<H", len(text)), text, value.tobytes()])


NUMBER = np.zeros(4, np.float32)
GOLDEN: dict[str, tuple[str, bytes]] = {
    "objects": ("pixels", array(np.array([{"a": 1}], dtype=object))),
    "records": ("pixels", array(np.zeros(2, [("a", "f4")]))),
    "no bytes each": ("texts", array(np.zeros(1, "<U1"), descr="<U0", shape=(1 << 50,))),
    "more than there is": ("video_vectors", array(NUMBER, shape=(1, 1 << 50))),
    "less than there is": ("video_vectors", array(NUMBER, shape=(1, 2))),
    "a negative shape": ("video_vectors", array(NUMBER, shape=(-1, -4))),
    "a shape that is none": ("video_vectors", array(NUMBER, shape="x")),
    "a deep header": ("video_vectors", b"\x93NUMPY\x01\x00" + struct.pack("<H", 9000) + b"(" * 9000),
    "a long header": ("video_vectors", b"\x93NUMPY\x02\x00" + struct.pack("<I", 1 << 31) + b" " * 100),
    "no header": ("video_vectors", b"x" * 100),
    "empty": ("ids", b""),
    "another shape": ("pixels", array(np.zeros((1, 16, 8, 8), np.uint8))),
    "another kind": ("pixels", array(np.zeros((1, 16, 8, 8, 3), np.float32))),
    "no frames": ("pixels", array(np.zeros((1, 0, 8, 8, 3), np.uint8))),
    "too many valid": ("n_valid", array(np.int64(10**9))),
    "none valid": ("n_valid", array(np.int64(0))),
    "many texts": ("texts", array(np.full(5000, "a"))),
    "a long text": ("texts", array(np.array(["左" * 200_000]))),
    "many parts": ("ids", array(np.zeros((20_000, 2), np.int64))),
    "a narrow cine": ("cine_0", array(np.zeros((2, 1, 5000, 3), np.uint8))),
    "no texts": ("texts", array(np.zeros(0, "<U1"))),
    "no vectors": ("video_vectors", array(np.zeros((0, 4), np.float32))),
    "a cine of another shape": ("cine_0", array(np.zeros((4, 4), np.uint8))),
    "a cine without frames": ("cine_0", array(np.zeros((0, 4, 4, 3), np.uint8))),
    "time that is none": ("cine_0_seconds", array(np.float64("nan"))),
    "time that goes back": ("cine_0_seconds", array(np.float64(-1))),
}


def put(file: Path, name: str, content: bytes) -> None:
    with zipfile.ZipFile(file) as archive:
        members = {one.filename: archive.read(one) for one in archive.infolist()}
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for own, old in {**members, f"{name}.npy": content}.items():
            archive.writestr(own, old)


@pytest.mark.parametrize("kind", GOLDEN)
def test_golden_vectors_that_are_none(copy: Path, kind: str) -> None:
    put(copy / "golden.npz", *GOLDEN[kind])
    with pytest.raises(BundleError, match="is no golden file") as caught:
        read_golden(copy / "golden.npz")
    assert str(caught.value).isprintable()
    refused(copy, "is no golden file")


def test_a_golden_bomb_is_not_unpacked(tmp_path: Path) -> None:
    file = tmp_path / "golden.npz"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("pixels.npy", "w") as out:
        for _ in range(300):
            out.write(b"\0" * (1 << 20))
    for read in (read_golden, read_golden_views):
        with pytest.raises(BundleError, match="unpacks to more than 256 MB"):
            read(file)


def test_a_large_golden_file_is_not_read(tmp_path: Path) -> None:
    file = tmp_path / "golden.npz"
    with file.open("wb") as opened:
        opened.truncate(1 << 33)
    with pytest.raises(BundleError, match="it has 8590 MB"):
        read_golden(file)


@pytest.mark.parametrize("cut", [0, 10, 1000, 50_000])
def test_a_torn_golden_file(copy: Path, cut: int) -> None:
    content = (copy / "golden.npz").read_bytes()
    (copy / "golden.npz").write_bytes(content[:cut])
    refused(copy, "is no golden file")


@pytest.mark.parametrize("at", range(40, 4000, 397))
def test_a_bit_of_a_golden_file(copy: Path, at: int) -> None:
    content = bytearray((copy / "golden.npz").read_bytes())
    content[at] ^= 4
    (copy / "golden.npz").write_bytes(content)
    with pytest.raises(BundleError, match="golden"):
        use_bundle(copy.parent / "home", copy)


def header(file: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Edit the header of weights, and the manifest's hash of them."""
    content = file.read_bytes()
    (length,) = struct.unpack("<Q", content[:8])
    table = json.loads(content[8 : 8 + length])
    change(table)
    text = json.dumps(table).encode()
    file.write_bytes(struct.pack("<Q", len(text)) + text + content[8 + length :])


def rename(table: dict[str, Any]) -> None:
    table["video.\x1b[2J"] = table.pop("video.norm.bias")


def shape(table: dict[str, Any]) -> None:
    table["video.norm.bias"]["shape"] = [1 << 60]


def other_kind(table: dict[str, Any]) -> None:
    table["video.norm.bias"]["dtype"] = "F99"


@pytest.mark.parametrize("change", [rename, shape, other_kind, dict.clear])
def test_weights_whose_header_lies(copy: Path, change: Callable[[dict[str, Any]], None]) -> None:
    header(copy / "weights.safetensors", change)
    rehash(copy)
    with pytest.raises(EncoderError) as caught:
        load_encoder(copy, "cpu")
    assert str(caught.value).isprintable()


def rehash(folder: Path, **measures: int) -> None:
    table = tomllib.loads((folder / "bundle.toml").read_text())
    table["files"]["weights.safetensors"] = file_sha256(folder / "weights.safetensors")
    table["video"]["tower"] |= measures
    del table["fingerprint"]
    (folder / "bundle.toml").write_text(tomli_w.dumps(table))


def test_no_memory_is_taken_for_measures_that_the_weights_do_not_have(copy: Path) -> None:
    rehash(copy, width=65_536, depth=64, heads=64)  # 13 TB
    code = (
        "import sys; from pathlib import Path; from echosearch.errors import BundleError\n"
        "from echosearch.encoder.torch_encoder import load_encoder\n"
        "from echosearch.encoder.published.memory import limit_memory; limit_memory(1 << 30)\n"
        "try: load_encoder(Path(sys.argv[1]), 'cpu')\n"
        "except BundleError as exc: print(exc)"
    )
    done = subprocess.run([python(), "-c", code, str(copy)], capture_output=True, text=True, check=True)
    assert "the weights do not fit the architecture" in done.stdout


@pytest.mark.parametrize(
    "content",
    [
        b"[PAD]\n" + b"1234567\n" * (9 << 17),
        b"[PAD]" + b"a" * (9 << 20),
        b"\n" * (9 << 20),
        b"\0" * (9 << 20),
    ],
    ids=["many lines", "a long line", "empty lines", "zeros"],
)
def test_a_vocabulary_has_a_limit(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "vocab.txt"
    file.write_bytes(content)
    for read in (read_vocabulary, template_phrases):
        with pytest.raises(BundleError, match="more than 8 MB"):
            read(file)


def test_a_vocabulary_of_a_gigabyte_is_not_read(tmp_path: Path) -> None:
    file = tmp_path / "vocab.txt"
    with file.open("wb") as opened:
        opened.truncate(1 << 33)
    with pytest.raises(BundleError, match="more than 8 MB"):
        read_vocabulary(file)


def test_a_bundle_with_such_a_vocabulary_is_not_taken(copy: Path) -> None:
    with (copy / "tokenizer" / "vocab.txt").open("wb") as opened:
        opened.truncate(1 << 33)
    refused(copy, "vocab.txt has more than 8 MB")
