"""A tower with turns that begins from one without: the same vectors, and a path that its closed form sets."""

from pathlib import Path

import torch

from echosearch.encoder.bundle.shipped import shipped_bundles
from echosearch.encoder.towers.build import build_video_tower, load_weights, use_weights
from echosearch.encoder.towers.spatial_pool import SpatialPool
from echosearch.encoder.towers.video_conv import VideoConv
from trainer.config_file import load
from trainer.model.start import build_start, with_turns
from trainer.warm_start.pool_init import init_path

CONFIG = Path(__file__).parents[3] / "trainer" / "configs" / "phantom-order.toml"


def test_a_tower_begins_with_the_vectors_of_the_bundle_it_starts_from_less_what_that_has_of_turns() -> None:
    start = build_start(load(CONFIG), ["軽度の僧帽弁逆流あり。"])
    (tower, spec) = start.towers.video, start.manifest.video.tower
    assert isinstance(tower, VideoConv)
    assert tower.places.path is not None
    assert start.tokenizer.encode(["僧帽弁逆流"], 20) != [[]]
    folder = shipped_bundles()["phantom-tiny"]
    usual = spec.model_copy(update={"turns": 0})
    old = build_video_tower(start.manifest.video.model_copy(update={"tower": usual}), start.manifest.dimension).eval()
    stored = load_weights(folder / "weights.safetensors", "video")
    assert len(stored["places.path.weight"]) != len(tower.places.path.weight)
    use_weights(old, with_turns(stored, old.state_dict()))
    assert with_turns(stored, stored) is stored
    video = torch.randn(2, 3, 12, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(tower(video), old(video), rtol=1e-4, atol=1e-4)
        seen = tower.places.seen(tower.trunk(video))
        assert seen[:, tower.places.compress.in_features :].abs().min(dim=1).values.max() > 0


def test_a_path_begins_in_the_directions_in_which_frames_move() -> None:
    """Two places swing, by turns, before a still picture of great contrast."""
    pool = SpatialPool(4, 3, 2, 5, 2, turns=2)
    angle = torch.linspace(0, 6, 20)
    frames = 100 * torch.randn(6).expand(20, 6).clone()
    frames[:, 1] += angle.cos()
    frames[:, 4] += angle.sin()
    assert pool.path is not None
    init_path(pool.path, [frames, frames[:9]])
    kept = pool.path.weight.square().sum(dim=0)
    torch.testing.assert_close(kept, torch.tensor([0.0, 1.0, 0.0, 0.0, 1.0, 0.0]), rtol=0, atol=1e-3)
