"""encoder check: a report that a person can read, or an error."""

import shutil
from pathlib import Path

import pytest

from echosearch.encoder.bundle.shipped import shipped_bundles
from echosearch.encoder.check import check_bundle, check_views, describe_clip
from echosearch.encoder.published import echoprime, videoechoclip
from echosearch.errors import BundleError

pytestmark = pytest.mark.usefixtures("brief_rates")


def test_a_sound_bundle_gets_a_report(tiny_bundle: Path) -> None:
    report = check_bundle(tiny_bundle, "cpu")
    rows = dict(report.rows())
    assert rows["encoder"] == str(report.encoder)
    assert rows["trained"].startswith("NO")
    assert "video_transformer (width 128, depth 4" in rows["architecture"]
    assert report.golden_video <= report.tolerance
    assert report.golden_made_by == "creation"
    assert report.clips_per_second > 0
    # 4 blocks on 393 tokens of width 128, the tubelet embedding, both by hand: 2 * multiply-adds
    tokens, width = 393, 128
    block = 12 * tokens * width**2 + 2 * tokens**2 * width
    by_hand = 2 * (4 * block + 392 * 1536 * width + width * 512) / 1e12
    assert report.tflop_per_clip == pytest.approx(by_hand, rel=0.02)


def test_a_view_classifier_gets_a_report_too() -> None:
    rows = dict(check_views(shipped_bundles()["phantom-views"], "cpu").rows())
    assert rows["view classifier"].startswith("phantom-views 1 (")
    assert rows["licence"] == "Apache-2.0"
    assert "synthetic phantom studies" in rows["provenance"]
    assert "8 frames, 0.12 s apart; true RGB" in rows["preprocessing"]
    assert "at least 3 where there are" in rows["preprocessing"]
    assert rows["classes"] == "LAX, SAX, 2CH, 3CH, 4CH, Other"


def test_a_damaged_bundle_gets_an_error(tiny_bundle: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny_bundle, tmp_path / "copy")
    (tmp_path / "copy" / "tokenizer" / "vocab.txt").write_text("[PAD]\n")
    with pytest.raises(BundleError, match=r"vocab\.txt"):
        check_bundle(tmp_path / "copy", "cpu")


def test_preprocessing_in_a_line() -> None:
    assert describe_clip(videoechoclip.manifest("videomae2", ()).video.clip) == (
        "16 frames, every 2; ycbcr read as ycrcb; shorter side to 224, bilinear; short cines: last frame repeated"
    )
    assert describe_clip(echoprime.manifest(()).video.clip) == (
        "16 frames, every 2; ycbcr read as yuv bgr; outside the sector masked; centre square, 10% cut off each side, "
        "to 224, cubic; short cines: zeros after normalising"
    )
