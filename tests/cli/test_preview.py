"""echosearch preview: what it makes of real ultrasound, and what it says where there is no preview."""

from __future__ import annotations

import json
import stat

import av
import pytest

from tests.cli.conftest import Tried


def videos(real: Tried) -> dict[str, str]:
    """Mode -> a video's key."""
    found = real.ask("similar", "DEMO-2", "--group", "video", "--json")
    return {hit["mode"]: hit["video"] for hit in json.loads(found.stdout)["hits"]}


def test_make_says_what_has_no_preview_and_why(real: Tried, slowed: list[int]) -> None:
    said = real.ask("preview", "make").stdout
    assert said.startswith("3 videos: ")
    assert "2  without a preview: no_box" in said  # films declare no region
    assert json.loads(real.ask("preview", "make", "--json").stdout)["present"] == 1
    assert slowed == [10, 10]


def test_show_saves_the_cine_and_the_poster(real: Tried) -> None:
    key, out = videos(real)["bmode"], real.folder / "one.mp4"
    done = real.ask("preview", "show", key, "--out", str(out), "--size", "card")
    assert done.stdout == f"{out}: 148 x 168, 30 frames, 30.0 a second\n"
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    with av.open(str(out), "r") as container:
        assert sum(1 for _ in container.decode(video=0)) == 30
    poster = real.folder / "one.jpg"
    assert real.ask("preview", "show", key, "--out", str(poster)).exit_code == 0
    assert poster.read_bytes()[:2] == b"\xff\xd8"


@pytest.mark.parametrize(
    ("video", "says"),
    [
        ("unknown", "this video has no preview (no_box): the file declares no box of a 2D picture"),
        ("3f2a9c01", "this video has no preview (unknown): no video of this key can be found by a search"),
    ],
)
def test_without_a_preview_it_says_why_and_writes_nothing(video: str, says: str, real: Tried) -> None:
    out = real.folder / "none.mp4"
    done = real.ask("preview", "show", videos(real).get(video, video), "--out", str(out))
    assert done.exit_code == 1
    assert says in done.output
    assert not out.exists()


def test_another_kind_of_file_is_a_usage_error(real: Tried) -> None:
    done = real.ask("preview", "show", "x", "--out", "cine.gif")
    assert done.exit_code == 2
    assert "--out" in done.output
