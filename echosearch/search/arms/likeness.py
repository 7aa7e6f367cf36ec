"""How alike studies are to examples, and their order where examples and words are asked for together."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from echosearch.vector import Vectors, unit

__all__ = ["likeness", "order_with_likeness"]

Scores = NDArray[np.float64]


def likeness(vectors: Vectors, like: Vectors) -> Scores:
    """Return (N,) cosines of (N, D) raw vectors to the (D,) of the examples."""
    return (unit(vectors) @ unit(like)).astype(np.float64)


def order_with_likeness(cosines: Scores, fits: Scores, stated: NDArray[np.bool_]) -> Scores:
    """Rank (N,), higher first: comparable within what is stated, and within what is silent.

    Where a report states what is asked, likeness alone. Where none does, the videos' fit (a log probability, as
    Scale.order gives it) and the log share of likeness together: by likeness alone 35 % of the first ten of
    "like this, but without MR" had no MR, so 99 %, and they are nearly as alike (docs/experiments.md).
    """
    shares = (np.searchsorted(np.sort(cosines), cosines, side="left") + 0.5) / max(len(cosines), 1)
    return np.where(stated, cosines, fits + np.log(shares))
