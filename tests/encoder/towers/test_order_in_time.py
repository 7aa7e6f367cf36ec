"""How far order in time counts for our own small video tower: what it keeps, what a bag of frames cannot."""

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from torch import Tensor
from torch.nn import functional

from echosearch.clip import ClipSpec
from echosearch.encoder.bundle.folder import load_manifest
from echosearch.encoder.bundle.manifest import VideoConvSpec, VideoPart
from echosearch.encoder.bundle.shipped import shipped_bundles
from echosearch.encoder.towers.build import build_video_tower, load_weights, use_weights
from echosearch.encoder.towers.spatial_pool import turned
from echosearch.encoder.towers.video_conv import VideoConv

SPEC = VideoConvSpec(widths=(8, 8, 16), readout=4, compressed=12, gates=3)
SHUFFLED = [3, 0, 5, 1, 4, 2]


def tower(**how: object) -> VideoConv:
    torch.manual_seed(1)
    spec = VideoConvSpec.model_validate({**SPEC.model_dump(), **how})
    made = build_video_tower(VideoPart(tower=spec, clip=ClipSpec(frames=6, size=32)), 24).eval()
    assert isinstance(made, VideoConv)
    return made


def apart(made: VideoConv, video: Tensor, order: list[int]) -> float:
    """How far the frames in another order are from the frames as they are, in lengths of the vector."""
    with torch.no_grad():
        whole = made(video)
        return float((made(video[:, :, order]) - whole).norm() / whole.norm())


@pytest.mark.parametrize("order", [SHUFFLED, [5, 4, 3, 2, 1, 0]])
def test_a_bag_and_stills_have_no_order_and_turns_give_it_back(order: list[int]) -> None:
    video = torch.randn(2, 3, 6, 32, 32)
    for time in ("bag", "stills"):
        assert apart(tower(time=time), video, order) < 1e-5
    assert apart(tower(time="bag", turns=4), video, order) > 1e-2
    assert apart(tower(turns=4), video, order) > 1e-2


def test_played_backwards_a_path_turns_the_other_way() -> None:
    path = torch.randn(3, 7, 5)
    closed = torch.cat([path, path[:, :1]], dim=1)  # from where it ends to where it began: whole loops
    torch.testing.assert_close(turned(closed.flip(1)), -turned(closed), rtol=1e-4, atol=1e-5)


def test_a_circle_turns_by_its_area_in_squared_steps() -> None:
    angle = torch.linspace(0, 2 * torch.pi, 13)
    circle = torch.stack([angle.cos(), angle.sin()], dim=-1)[None]
    steps = circle.diff(dim=1).square().sum() / 2
    twice_the_area = 12 * torch.sin(angle[1])  # of the twelve-sided polygon
    torch.testing.assert_close(turned(circle), (twice_the_area / steps)[None, None], rtol=1e-4, atol=0)
    torch.testing.assert_close(turned(7 * circle + 3), turned(circle), rtol=1e-4, atol=0)


def test_frames_that_fill_a_short_clip_turn_nothing() -> None:
    short = torch.randn(1, 3, 4, 32, 32)
    filled = torch.cat([short, short[:, :, -1:], short[:, :, -1:]], dim=2)
    made = tower(time="bag", turns=4)
    usual = made.places.compress.in_features
    with torch.no_grad():
        seen = [made.places.seen(made.trunk(video))[:, usual:] for video in (short, filled)]
    torch.testing.assert_close(seen[1], seen[0], rtol=1e-4, atol=1e-5)


def test_one_frame_and_a_still_heart_turn_nothing() -> None:
    assert turned(torch.randn(2, 1, 4)).tolist() == [[0.0] * 6] * 2
    assert turned(torch.ones(2, 5, 4)).tolist() == [[0.0] * 6] * 2


def test_stills_are_the_mean_of_their_frames() -> None:
    made, video = tower(time="stills"), torch.randn(2, 3, 6, 32, 32)
    with torch.no_grad():
        each = torch.stack([made(video[:, :, at : at + 1]) for at in range(6)])
        torch.testing.assert_close(made(video), each.mean(dim=0), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("wrong", [{"turns": 1}, {"turns": 4, "time": "stills"}])
def test_turns_that_cannot_turn_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match="two numbers or more turn"):
        tower(**wrong)


def test_the_encoder_that_ships_computes_what_it_computed_and_adds_along_a_few_directions() -> None:
    """Without its turns, bit for bit what the tower of before computes; they add what was taught and nothing else."""
    folder = shipped_bundles()["phantom-tiny"]
    manifest = load_manifest(folder)
    stored = load_weights(folder / "weights.safetensors", "video")
    made = build_video_tower(manifest.video, manifest.dimension).eval()
    assert isinstance(manifest.video.tower, VideoConvSpec)
    plain = manifest.video.model_copy(update={"tower": manifest.video.tower.model_copy(update={"turns": 0})})
    usual = build_video_tower(plain, manifest.dimension).eval()
    assert isinstance(usual, VideoConv)
    use_weights(made, stored)
    head = stored["head.weight"][:, : usual.places.width]
    use_weights(usual, {name: each for name, each in stored.items() if "path" not in name} | {"head.weight": head})
    assert usual.time == "neighbours"
    video = torch.randn(12, 3, 12, 64, 64, generator=torch.Generator().manual_seed(3))
    with torch.no_grad():
        assert torch.equal(usual(video), as_before(usual, video))
        added = torch.linalg.svdvals(made(video) - usual(video))
    assert added[0] > 0.01
    assert added[6] < added[0] * 0.01  # dyssynchrony, three territories and two of EF; the rest is rounding


def as_before(made: VideoConv, video: Tensor) -> Tensor:
    """The tower of phantom-tiny without turns, said once more."""
    relu = functional.relu
    x = video.transpose(1, 2).flatten(0, 1).contiguous(memory_format=torch.channels_last)
    x = made.block1(relu(made.down1(relu(made.stem(x)))))
    x = made.block2(relu(made.down2(x)))
    x = x.flatten(2).transpose(1, 2).unflatten(0, (len(video), video.shape[2]))
    around = torch.cat([x[:, :1], x, x[:, -1:]], dim=1)
    moved = made.motion(torch.cat([around[:, :-2], x, around[:, 2:]], dim=-1))
    assert made.elsewhere is not None
    x = relu(x + (moved + made.elsewhere(moved)))
    pool = made.places
    each = pool.readout(x)
    seen = torch.cat([each.mean(dim=1), each.amax(dim=1), each.amin(dim=1)], dim=1).flatten(1)
    gates = pool.gate(seen).softmax(dim=-1)
    made_of: Tensor = made.head((gates[:, :, None] * pool.compress(seen)[:, None]).flatten(1))
    return made_of


def pendulums(count: int, seed: int) -> tuple[Tensor, Tensor]:
    """Two squares that brighten one after the other, the left or the right one first: (N, 3, 6, 32, 32), labels.

    The labels' classes are each other's cines played backwards, and any frame of one is a frame of the other.
    """
    rng = np.random.default_rng(seed)
    first = rng.random(count) < 0.5
    video = torch.from_numpy(rng.normal(0, 0.05, (count, 3, 6, 32, 32)).astype(np.float32))
    for row, left_first in enumerate(first):
        phase = 2 * np.pi * (np.arange(6) + rng.integers(6)) / 6
        for at, lag in ((4, 0.0), (20, -np.pi / 2 if left_first else np.pi / 2)):
            level = torch.from_numpy(np.sin(phase + lag).astype(np.float32))
            video[row, :, :, 12:20, at : at + 8] += level[None, :, None, None]
    return video, torch.from_numpy(first)


def learned(made: VideoConv) -> float:
    """Share of new cines that the tower tells after a short training on order alone."""
    torch.manual_seed(2)
    (video, first), (new, wanted) = pendulums(128, 5), pendulums(200, 6)
    reader = torch.nn.Linear(24, 1)
    optimizer = torch.optim.Adam([*made.parameters(), *reader.parameters()], lr=3e-3)
    for step in range(60):
        rows = torch.arange(32) + 32 * (step % 4)
        loss = functional.binary_cross_entropy_with_logits(reader(made(video[rows]))[:, 0], first[rows].float())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        return float(((reader(made(new))[:, 0] > 0) == wanted).float().mean())


def test_only_turns_learn_what_order_alone_tells() -> None:
    assert learned(tower(time="bag", turns=6).train()) > 0.9
    assert 0.35 < learned(tower(time="bag").train()) < 0.65
    assert 0.35 < learned(tower(time="stills").train()) < 0.65
