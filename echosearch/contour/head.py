"""A contour head, loaded: probabilities of cavity for every pixel of grey frames."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from echosearch.clip import Uint8
from echosearch.contour.manifest import ContourManifest, load_contour_manifest, write_head
from echosearch.contour.network import ContourNet
from echosearch.contour.values import SIDE
from echosearch.encoder.bundle.folder import WEIGHTS
from echosearch.encoder.towers.build import check_weights, load_weights, save_weights, use_weights, weight_shapes

__all__ = ["ContourHead", "load_head", "save_head"]

BATCH = 16  # frames


class ContourHead:
    """Make it with load_head. ``info`` names it in what it draws."""

    def __init__(self, manifest: ContourManifest, network: ContourNet) -> None:
        self.manifest = manifest
        self.info = manifest.info
        self._network = network.eval().requires_grad_(False)

    def probabilities(self, frames: Uint8) -> NDArray[np.float32]:
        """Return (T, SIDE, SIDE) in 0..1 for grey frames of that shape; each frame for itself."""
        made = np.empty(frames.shape, np.float32)
        with torch.inference_mode():
            for begin in range(0, len(frames), BATCH):
                part = torch.from_numpy(np.ascontiguousarray(frames[begin : begin + BATCH]))[:, None].float() / 255
                made[begin : begin + BATCH] = self._network(part).sigmoid().numpy()
        return made


def load_head(folder: Path) -> ContourHead:
    """Load a head on the CPU. Raises BundleError if a part is missing, or not what contour.toml says."""
    manifest = load_contour_manifest(folder)
    with torch.device("meta"):  # before memory is taken for the widths that contour.toml states
        check_weights(_stored(ContourNet(manifest.widths)), weight_shapes(folder / WEIGHTS))
    network = ContourNet(manifest.widths)
    own = network.state_dict()
    stored = load_weights(folder / WEIGHTS)
    use_weights(network, own | {name: weight.to(own[name].dtype) for name, weight in stored.items()})
    return ContourHead(manifest, network)


def save_head(out: Path, manifest: ContourManifest, network: ContourNet) -> ContourManifest:
    """Write a head's folder, its weights as 16-bit floats. Raises BundleError if ``out`` exists."""
    weights = {name: weight.half() for name, weight in _stored(network).items()}
    return write_head(out, manifest, lambda file: save_weights(file, weights))


def _stored(network: ContourNet) -> dict[str, torch.Tensor]:
    """All but the counters of steps, which are of no use once it is trained."""
    return {name: weight for name, weight in network.state_dict().items() if not name.endswith("num_batches_tracked")}


assert SIDE % 16 == 0  # ContourNet of up to five levels
