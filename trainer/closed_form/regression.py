"""Regress what is known of studies on what the pool gives of them, where inputs are far more than studies."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["Seen"]

ROUNDS = 60

Floats = NDArray[np.float64]


class Seen:
    """(N, F) inputs of studies, among the directions that these have."""

    def __init__(self, inputs: Floats) -> None:
        self._centre = inputs.mean(axis=0)
        apart = inputs - self._centre
        self._size = np.sqrt(np.square(apart).sum(axis=1).mean())
        _, strength, directions = np.linalg.svd(apart / self._size, full_matrices=False)
        self._directions = directions[strength > strength[0] * 1e-6]
        self._rows = apart / self._size @ self._directions.T

    def odds(self, has: Floats, ridge: float) -> tuple[Floats, Floats]:
        """Fit a logistic regression of (N,), 1 or 0: weights (F, 1) and offset (1,) of scores whose spread is 1.

        The offset is such that half of the studies are above 0 and half below: most have no finding, and to those
        nothing is to be added.
        """
        rows = np.c_[self._rows, np.ones(len(has))]
        held = np.diag([*[ridge] * len(self._directions), 1e-6])
        odds = np.zeros(rows.shape[1])
        for _ in range(ROUNDS):  # Newton's
            chance = 1 / (1 + np.exp(-np.clip(rows @ odds, -30, 30)))
            bent = (rows * np.maximum(chance * (1 - chance), 1e-6)[:, None]).T @ rows
            step = np.linalg.solve(bent + held, rows.T @ (chance - has) + held @ odds)
            step *= min(1.0, 5 / max(np.abs(rows @ step).max(), 1e-12))
            odds -= step
            if np.abs(step).max() < 1e-6:
                break
        found = self._rows @ odds[:-1]
        weights = self._back(odds[:-1, None] / found.std())
        return weights, -np.array([np.median(found) / found.std()]) - self._centre @ weights

    def line(self, wanted: Floats, ridge: float) -> tuple[Floats, Floats]:
        """Fit a ridge regression to (N, K): weights (F, K) and offset (K,)."""
        mean = wanted.mean(axis=0)
        held = np.diag([ridge] * len(self._directions))
        weights = self._back(np.linalg.solve(self._rows.T @ self._rows + held, self._rows.T @ (wanted - mean)))
        return weights, mean - self._centre @ weights

    def _back(self, weights: Floats) -> Floats:
        """(directions, K) -> (F, K)."""
        made: Floats = self._directions.T @ weights / self._size
        return made
