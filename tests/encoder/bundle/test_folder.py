"""Bundles: they say who they are, and notice when they are not."""

import shutil
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tomli_w

from echosearch.clip import ClipSpec
from echosearch.encoder.base import TextSpec
from echosearch.encoder.bundle.folder import fingerprint, identify, load_manifest, write_bundle
from echosearch.encoder.bundle.golden import read_golden, write_golden
from echosearch.encoder.bundle.manifest import (
    BertSpec,
    Manifest,
    TextPart,
    TokenizerSpec,
    VideoPart,
    VideoTransformerSpec,
)
from echosearch.encoder.torch_encoder import load_encoder
from echosearch.encoder.towers.build import build_towers
from echosearch.errors import BundleError, GoldenMismatch

MANIFEST = Manifest(
    name="m",
    version="1",
    licence="Apache-2.0",
    provenance="made by hand",
    trained=False,
    video=VideoPart(
        tower=VideoTransformerSpec(width=8, depth=1, heads=1, pooling="class", positions="learned", gelu="tanh"),
        clip=ClipSpec(mean=(0.1, 0.1, 0.1), std=(0.2, 0.2, 0.2)),
    ),
    text=TextPart(tower=BertSpec(vocabulary=9, width=8, depth=1, heads=1, mlp_width=8), spec=TextSpec()),
    tokenizer=TokenizerSpec(kind="mecab_wordpiece", dictionary="unidic-lite", dictionary_version="1.0.8"),
    files={"weights.safetensors": "0" * 64, "tokenizer/vocab.txt": "1" * 64},
)


@pytest.fixture
def copy(tiny_bundle: Path, tmp_path: Path) -> Path:
    shutil.copytree(tiny_bundle, tmp_path / "copy")
    return tmp_path / "copy"


def edit(folder: Path, **changes: object) -> None:
    table = tomllib.loads((folder / "bundle.toml").read_text())
    (folder / "bundle.toml").write_text(tomli_w.dumps({**table, **changes}))


def test_fingerprint_of_a_fixed_manifest_never_changes() -> None:
    """Archives are named by it. If this fails, a default or the hashing changed: stored vectors would be orphaned."""
    assert fingerprint(MANIFEST) == "39c8d3de6fcffcb6539bd54e3bdc5f0370f6959dca21452955e44f6038afd54d"


def test_fingerprint_is_of_what_decides_a_vector() -> None:
    same = MANIFEST.model_copy(update={"name": "n", "version": "2", "licence": "MIT", "notes": "x", "provenance": "y"})
    assert fingerprint(same) == fingerprint(MANIFEST)
    clip = ClipSpec(mean=(0.1, 0.1, 0.1), std=(0.2, 0.2, 0.3))
    others: list[dict[str, Any]] = [
        {"files": {**MANIFEST.files, "weights.safetensors": "2" * 64}},
        {"files": {**MANIFEST.files, "tokenizer/vocab.txt": "2" * 64}},
        {"video": VideoPart(tower=MANIFEST.video.tower, clip=clip)},
        {"text": TextPart(tower=MANIFEST.text.tower, spec=TextSpec(max_tokens=128))},
        {"tokenizer": MANIFEST.tokenizer.model_copy(update={"dictionary_version": "1.0.9"})},
        {"dimension": 256},
    ]
    assert len({fingerprint(MANIFEST.model_copy(update=other)) for other in [{}, *others]}) == 7


def test_a_written_bundle_reads_back(tiny_bundle: Path) -> None:
    manifest = load_manifest(tiny_bundle)
    assert manifest.trained is False
    assert manifest.name == "tiny"
    assert set(manifest.files) == {"weights.safetensors", "tokenizer/vocab.txt"}
    assert identify(tiny_bundle).fingerprint == fingerprint(manifest)
    assert not list(tiny_bundle.parent.glob(".*"))
    assert sum(file.stat().st_size for file in tiny_bundle.rglob("*")) < 9e6


def test_a_bundle_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    def half(folder: Path) -> None:
        (folder / "weights.safetensors").write_bytes(b"")
        raise BundleError("no more")

    with pytest.raises(BundleError, match="no more"):
        write_bundle(tmp_path / "out", MANIFEST, half)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "out").mkdir()
    with pytest.raises(BundleError, match="exists already"):
        write_bundle(tmp_path / "out", MANIFEST, half)


def test_an_unknown_key_is_an_error_that_names_it(copy: Path) -> None:
    edit(copy, colour="green")
    with pytest.raises(BundleError, match=r"colour: .*'green'"):
        identify(copy)


def test_a_wrong_value_is_an_error_that_names_it(copy: Path) -> None:
    table = tomllib.loads((copy / "bundle.toml").read_text())
    table["video"]["clip"]["stride"] = 0
    (copy / "bundle.toml").write_text(tomli_w.dumps(table))
    with pytest.raises(BundleError, match=r"video\.clip"):
        identify(copy)


@pytest.mark.parametrize("name", ["bundle.toml", "weights.safetensors", "golden.npz", "tokenizer/vocab.txt"])
def test_a_missing_part_is_named(copy: Path, name: str) -> None:
    (copy / name).unlink()
    with pytest.raises(BundleError, match=name):
        identify(copy)


def test_other_weights_are_noticed(copy: Path, tiny_bundle: Path) -> None:
    weights = bytearray((copy / "weights.safetensors").read_bytes())
    weights[-1] ^= 1
    (copy / "weights.safetensors").write_bytes(weights)
    with pytest.raises(BundleError, match=r"weights\.safetensors is not the file"):
        load_encoder(copy, "cpu")


@pytest.mark.parametrize("part", ["video", "text"])
def test_vectors_that_differ_from_the_golden_ones_stop_the_load(copy: Path, part: str) -> None:
    golden = read_golden(copy / "golden.npz")
    vectors = getattr(golden, f"{part}_vectors").copy()
    vectors[0] *= np.float32(1.001)
    arrays = {**vars(golden), f"{part}_vectors": vectors}
    write_golden(copy / "golden.npz", type(golden)(**arrays))
    with pytest.raises(GoldenMismatch, match=f"{part} vectors computed here differ"):
        load_encoder(copy, "cpu")


def test_a_golden_file_is_never_unpickled(copy: Path) -> None:
    np.savez(copy / "golden.npz", pixels=np.array([{"a": 1}], dtype=object))
    with pytest.raises(BundleError, match="no golden file"):
        load_encoder(copy, "cpu")


@pytest.mark.parametrize(
    ("part", "changed"),
    [
        ("text", {"heads": 3}),
        ("video", {"heads": 5}),
        ("video", {"tubelet": (0, 16, 16)}),
        ("video", {"mlp_ratio": -1.0}),
    ],
)
def test_measures_that_do_not_fit_are_a_line(tiny_bundle: Path, part: str, changed: dict[str, object]) -> None:
    manifest = load_manifest(tiny_bundle)
    one = getattr(manifest, part)
    one = one.model_copy(update={"tower": one.tower.model_copy(update=changed)})
    with pytest.raises(BundleError, match=rf"{part}: the measures of its manifest do not fit"):
        build_towers(manifest.model_copy(update={part: one}))
