"""Set what the head of a video tower makes of what its pool gives, by regressions on studies whose truth is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from echosearch.encoder.towers.video_conv import VideoConv
from echosearch.insight.probes.territory import TERRITORIES
from trainer.closed_form.prompt_places import ORDERED, PromptPlaces, clear_of, plane_of, smooth
from trainer.closed_form.regression import Seen
from trainer.closed_form.studies import ClosedFormConfig

__all__ = ["teach_head"]

Floats = NDArray[np.float64]


def teach_head(
    tower: VideoConv,
    asked: PromptPlaces,
    having: Mapping[str, Sequence[bool]],
    ef: Sequence[float],
    gated: Sequence[Floats],
    config: ClosedFormConfig,
) -> None:
    """Set what the tower's head makes of what the pool gives, ``gated`` (N, F) of each way the clips were seen."""
    usual = tower.places.gate.out_features * tower.places.compress.out_features
    with torch.inference_mode():
        plain = tower.head(torch.from_numpy(gated[0]).float())  # turns add nothing yet
    length = float(plain.norm(dim=1).mean())
    loud, loud_wall = config.loud * length, config.loud_wall * length
    inputs = np.concatenate(gated)
    everything, turns = Seen(inputs), Seen(inputs[:, usual:])
    others = [direction for name, direction in asked.findings.items() if name != ORDERED]

    def of_all(truth: Sequence[float]) -> Floats:
        return np.tile(np.array(truth, np.float64), len(gated))

    weights, offset = turns.odds(of_all(having[ORDERED]), config.ridge)
    directions = clear_of(asked.findings[ORDERED][None], [*others, *asked.territories, asked.low_ef])
    _add(tower, slice(usual, None), loud * weights, loud * offset, directions)
    every = [*asked.findings.values()]
    for row, territory in enumerate(TERRITORIES):
        weights, offset = everything.odds(of_all(having[territory]), config.ridge)
        rest = [*every, *np.delete(asked.territories, row, axis=0), asked.low_ef]
        _add(tower, slice(None), loud_wall * weights, loud_wall * offset, clear_of(asked.territories[row][None], rest))
    directions = clear_of(plane_of(asked), [*every, *asked.territories])
    places = smooth(asked.values) @ (asked.of_values - asked.of_values.mean(axis=0)) @ directions.T  # (V, PLANE)
    wanted = np.stack([np.interp(of_all(ef), asked.values, place) for place in places.T], axis=1)
    weights, offset = everything.line(wanted, config.ridge)
    scale = loud / wanted[:, 0].std()
    _add(tower, slice(None), scale * weights, scale * (offset - wanted.mean(axis=0)), directions)


def _add(tower: VideoConv, inputs: slice, weights: Floats, offset: Floats, directions: Floats) -> None:
    """Add to the head what (F, K) weights and (K,) offset make of its ``inputs``, along (K, D) directions."""
    with torch.no_grad():
        tower.head.weight[:, inputs] += torch.from_numpy(directions.T @ weights.T).float()
        tower.head.bias.add_(torch.from_numpy(directions.T @ offset).float())
