"""The golden check begins at raw cines, so that an edited ClipSpec gives something else."""

import shutil
import tomllib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tomli_w

from echosearch.clip import Clip, ClipSpec
from echosearch.encoder.bundle.folder import (
    file_sha256,
    fingerprint,
    load_manifest,
    load_view_manifest,
    view_fingerprint,
)
from echosearch.encoder.bundle.golden import read_raw
from echosearch.encoder.bundle.installed import use_bundle, use_views
from echosearch.encoder.bundle.manifest import Manifest, ViewManifest
from echosearch.encoder.bundle.shipped import shipped_bundles
from echosearch.encoder.check import check_bundle, check_views
from echosearch.encoder.published import echoclip, echoprime, videoechoclip
from echosearch.encoder.raw_pixels import check_raw, make_raw
from echosearch.encoder.torch_encoder import load_encoder
from echosearch.encoder.view_classifier import load_views
from echosearch.errors import BundleError, GoldenMismatch
from echosearch.vector import Vectors

ECHOCLIP = ClipSpec(
    frames=20, stride=2, color="bgr", resize="square", kernel="cubic", zoom=0.1, mean=echoclip.MEAN, std=echoclip.STD
)
SPECS = {
    "tiny": load_manifest(shipped_bundles()["phantom-tiny"]).video.clip,
    "views": load_view_manifest(shipped_bundles()["phantom-views"]).seen_clip,
    "videoechoclip": videoechoclip.manifest("vivit-kinetics400", ()).video.clip,
    "echoprime": echoprime.manifest(()).video.clip,
    "echoprime-views": echoprime.view_manifest(()).seen_clip,
    "echoclip": ECHOCLIP,
    "one frame": ClipSpec(frames=1, stride=1, size=32),
    "millimetres": ClipSpec(frames=4, size=48, field_mm=180.0),
}
EDITS: dict[str, dict[str, Any]] = {
    "one frame more": {"frames": lambda spec: spec.frames + 1},
    "stride": {"stride": lambda spec: spec.stride + 1, "seconds": None},
    "seconds": {"seconds": lambda spec: (spec.seconds or 0.1) * 1.02},
    "no seconds": {"seconds": None},
    "size": {"size": lambda spec: spec.size + 1},
    "resize": {"resize": "square", "kernel": "cubic", "zoom": 0.0, "field_mm": None},
    "resize too": {"resize": "shortest_edge", "kernel": "bilinear"},
    "field": {"field_mm": lambda spec: (spec.field_mm or 150.0) + 5 if spec.resize == "shortest_edge" else None},
    "no field": {"field_mm": None},
    "zoom": {"zoom": lambda spec: spec.zoom + 0.01},
    "kernel alone": {"kernel": lambda spec: "cubic" if spec.kernel == "bilinear" else "bilinear"},
    "mask": {"mask": lambda spec: "none" if spec.mask == "sector" else "sector"},
    **{f"colour {color}": {"color": color} for color in ("rgb", "bgr", "ycbcr_read_as_ycrcb", "ycbcr_read_as_yuv_bgr")},
    "padding": {"padding": lambda spec: "zeros" if spec.padding == "repeat_last" else "repeat_last"},
    "at least": {"at_least": lambda spec: min(spec.at_least + 2, spec.frames)},
    "mean": {"mean": lambda spec: (spec.mean[0], spec.mean[1], spec.mean[2] + 0.0005)},
    "std": {"std": lambda spec: (spec.std[0], spec.std[1] * 1.001, spec.std[2])},
}
# edits that change no pixel of any cine: the zoom of a whole picture, the stride or the padding of a single frame
HARMLESS = {
    *((name, "zoom") for name in ("tiny", "views", "videoechoclip", "one frame", "millimetres")),
    *(("one frame", edit) for edit in ("stride", "seconds", "padding")),
}


def edited(spec: ClipSpec, edit: str) -> ClipSpec:
    return replace(spec, **{name: value(spec) if callable(value) else value for name, value in EDITS[edit].items()})


def brightness(clips: Sequence[Clip]) -> Vectors:
    return np.array([[clip.pixels.mean(), 1.0] for clip in clips], np.float32)


@pytest.mark.parametrize("name", SPECS)
def test_every_edit_that_changes_pixels_is_noticed(name: str) -> None:
    spec = SPECS[name]
    raw = make_raw(spec, brightness)
    assert np.array_equal(check_raw(raw, spec)[0].pixels, raw.clips[0].pixels)
    unnoticed = set()
    for edit in EDITS:
        other = edited(spec, edit)
        try:
            check_raw(raw, other)
            if other != spec:
                unnoticed.add((name, edit))
        except GoldenMismatch as exc:
            assert str(exc).isprintable()  # noqa: PT017 - some edits change nothing
            assert other != spec
    assert unnoticed <= HARMLESS


def test_the_golden_cine_shows_what_moves_and_what_must_be_masked() -> None:
    raw = make_raw(echoprime.manifest(()).video.clip, brightness)
    unmasked = make_raw(replace(echoprime.manifest(()).video.clip, mask="none"), brightness)
    share = [float((own.clips[1].pixels[:2] == 0).mean()) for own in (raw, unmasked)]
    assert share[0] > share[1] + 0.05


def change(folder: Path, edit: str, stated: str) -> None:
    """Edit the ClipSpec, with or without the rest of the manifest in step."""
    file = folder / "bundle.toml"
    table = tomllib.loads(file.read_text())
    clip = table["video"]["clip"] if "video" in table else table["clip"]
    for name, value in EDITS[edit].items():
        new = value(ClipSpec(**clip)) if callable(value) else value
        clip.pop(name, None)
        if new is not None:
            clip[name] = new
    if stated == "no fingerprint":
        table.pop("fingerprint", None)
    if stated == "another fingerprint":
        table["fingerprint"] = "0" * 64
        manifest = {**table, "fingerprint": None}
        table["fingerprint"] = (
            fingerprint(Manifest(**manifest)) if "video" in table else view_fingerprint(ViewManifest(**manifest))
        )
    file.write_text(tomli_w.dumps(table))


@pytest.mark.parametrize("stated", ["the same fingerprint", "no fingerprint", "another fingerprint"])
@pytest.mark.parametrize("edit", ["mean", "colour bgr", "stride", "mask", "resize", "field", "size"])
@pytest.mark.parametrize("name", ["phantom-tiny", "phantom-views"])
def test_check_and_use_refuse_an_edited_clip_spec(tmp_path: Path, name: str, edit: str, stated: str) -> None:
    copy = Path(shutil.copytree(shipped_bundles()[name], tmp_path / "copy"))
    encoder = name == "phantom-tiny"
    change(copy, edit, stated)
    told = (
        "was edited" if stated == "the same fingerprint" else "is not what the encoder was made with|golden|do not fit"
    )
    for refuse in (
        lambda: check_bundle(copy, "cpu") if encoder else check_views(copy, "cpu"),
        lambda: use_bundle(tmp_path / "home", copy) if encoder else use_views(tmp_path / "home", copy),
        lambda: load_encoder(copy, "cpu", ("video",)) if encoder else load_views(copy, "cpu"),
    ):
        with pytest.raises((GoldenMismatch, BundleError), match=told) as caught:
            refuse()
        assert str(caught.value).isprintable()
    assert not (tmp_path / "home").exists()


@pytest.mark.parametrize("name", ["phantom-tiny", "phantom-views"])
def test_what_ships_states_its_fingerprint_and_proves_its_preprocessing(name: str) -> None:
    folder = shipped_bundles()[name]
    manifest = load_manifest(folder) if name == "phantom-tiny" else load_view_manifest(folder)
    assert (
        manifest.fingerprint
        == {
            "phantom-tiny": "962628580b140c66c7d04b4561001fc25dc5cff57150d56577d581ea371116d3",
            "phantom-views": "3b612bc68687e82bf181f2525cd36aa4ce99212bd93bb4fefa64f614cf0ca2f0",
        }[name]
    )  # archives hold vectors under it
    assert set(manifest.other_files) == {"golden.npz", "training.toml"}
    assert manifest.other_files["golden.npz"] == file_sha256(folder / "golden.npz")
    assert read_raw(folder / "golden.npz") is not None
