"""Our own small video tower: each clip by itself, any length, what is where kept apart."""

import pytest
import torch

from echosearch.clip import ClipSpec
from echosearch.encoder.bundle.manifest import VideoConvSpec, VideoPart
from echosearch.encoder.towers.build import build_video_tower
from echosearch.encoder.towers.video_conv import VideoConv
from echosearch.errors import BundleError

SPEC = VideoConvSpec(widths=(8, 8, 16), readout=4, compressed=12, gates=3)


def tower(spec: VideoConvSpec = SPEC, size: int = 32) -> VideoConv:
    torch.manual_seed(1)
    made = build_video_tower(VideoPart(tower=spec, clip=ClipSpec(frames=4, size=size)), 24).eval()
    assert isinstance(made, VideoConv)
    return made


@pytest.mark.parametrize("regions", [0, 3])
def test_a_vector_does_not_depend_on_its_batch(regions: int) -> None:
    made, videos = tower(SPEC.model_copy(update={"regions": regions})), torch.randn(3, 3, 4, 32, 32)
    with torch.no_grad():
        together, alone = made(videos), torch.cat([made(video[None]) for video in videos])
    assert together.shape == (3, 24)
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)


def test_the_order_of_frames_and_the_place_of_things_matter() -> None:
    made, video = tower(), torch.randn(1, 3, 4, 32, 32)
    with torch.no_grad():
        whole = made(video)
        assert not torch.allclose(whole, made(video[:, :, [0, 2, 1, 3]]), atol=1e-3)
        assert not torch.allclose(whole, made(video.roll(16, dims=4)), atol=1e-3)


def test_with_regions_a_place_is_told_what_moves_elsewhere_in_the_same_frame() -> None:
    """Only the lower right corner changes: the upper left place hears of it, and in that frame alone."""
    video = torch.zeros(1, 3, 6, 64, 64)
    moved = video.clone()
    moved[:, :, 3, 56:, 56:] += 1.0
    with torch.no_grad():
        for regions, frames in ((0, []), (3, [2, 3, 4])):  # movement is seen from the frames beside it
            made = tower(SPEC.model_copy(update={"regions": regions}), 64)
            corner = (made.trunk(moved) - made.trunk(video))[0, :, 0].abs().amax(dim=1)  # (T,)
            assert corner.nonzero().flatten().tolist() == frames


def test_colour_is_heard_above_grey() -> None:
    """A change of colour at the same brightness moves a fresh tower more than the same change of brightness."""
    made = tower()
    grey = torch.zeros(1, 3, 4, 32, 32)
    colored, brighter = grey.clone(), grey.clone()
    colored[:, 0] += 1.0
    colored[:, 2] -= 1.0
    brighter[:, :2] += 1.0
    with torch.no_grad():
        base = made.trunk(grey)
        assert (made.trunk(colored) - base).norm() > (made.trunk(brighter) - base).norm()


def test_a_clip_that_does_not_divide_is_refused() -> None:
    with pytest.raises(BundleError, match="30 x 30 does not divide into places"):
        build_video_tower(VideoPart(tower=SPEC, clip=ClipSpec(frames=4, size=30)), 24)
