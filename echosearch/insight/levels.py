"""How surprising a stated grade is, by the grade that videos show: what readings are usual where reports state a level.

    p_k(z)      density of the readings z where reports state level k: a Student distribution around their median,
                robust because some of those reports are wrong
    surprise    log sum of n_k p_k(z) over levels that are FAR or more from what is stated, less the same over the
                others; n_k the reports that state k: the log odds that the grade is another one

A finding that videos tell poorly has wide densities, and little surprises in it.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from echosearch.search.arms.prompts import MILD

__all__ = ["DEGREES", "Levels", "fit_levels", "student"]

Numbers = NDArray[np.float64]
DEGREES = 5.0  # of freedom: tails that a few readings far off do not surprise
FAR = 1.5  # grades
LEAST = 5  # reports of a level
POOLED = 20  # reports that the spread of all levels counts as, beside a level's own
NARROWEST = 0.05  # spread, in grades
SURE = 0.9  # from this probability on the videos show a finding
USUALLY = 0.7  # share of the studies whose videos show it in which reports speak of it
_NORMAL = 1.4826  # a median absolute deviation of a normal distribution times this is its standard deviation


def student(apart: Numbers, spread: Numbers | float) -> Numbers:
    """Log density, up to a constant, of readings ``apart`` from where they are expected."""
    return np.asarray(-np.log(spread) - (DEGREES + 1) / 2 * np.log1p((apart / spread) ** 2 / DEGREES))


@dataclass(frozen=True)
class Levels:
    """The levels of one finding that LEAST reports state. ``silence_tells``: reports speak of it where it is there."""

    grades: Numbers = field(repr=False)  # (L,) 0 to 4
    middles: Numbers = field(repr=False)  # (L,) of the readings
    spreads: Numbers = field(repr=False)  # (L,)
    counts: Numbers = field(repr=False)  # (L,) reports
    silence_tells: bool = True

    def log_weights(self, read: Numbers) -> Numbers:
        """Return (N, L) of (N,) readings: log of n_k p_k, the more the likelier."""
        return np.asarray(np.log(self.counts) + student(read[:, None] - self.middles, self.spreads))

    def probabilities(self, read: Numbers) -> Numbers:
        """Return (N, L) of (N,) readings; each row sums to 1."""
        weights = self.log_weights(read)
        power = np.exp(weights - weights.max(axis=1, keepdims=True))
        return np.asarray(power / power.sum(axis=1, keepdims=True))

    def there(self, read: Numbers) -> Numbers:
        """Return (N,) probabilities, of (N,) readings, that reports of such videos state the finding, mild or more."""
        return np.asarray(self.probabilities(read)[:, self.grades >= MILD].sum(axis=1))

    def surprise(self, read: float, stated: float) -> float:
        """Return the log odds that the grade is FAR from the stated one; -inf where no level is far."""
        weights = self.log_weights(np.array([read]))[0]
        far = np.abs(self.grades - stated) >= FAR
        if not far.any() or far.all():
            return float("-inf")
        return float(np.logaddexp.reduce(weights[far]) - np.logaddexp.reduce(weights[~far]))


def fit_levels(read: Numbers, stated: Numbers, silent: NDArray[np.bool_]) -> Levels | None:
    """Fit (N,) readings in patients left out to the grades that reports state, and to their silence."""
    nearest = np.floor(stated + 0.5)
    grades = [float(grade) for grade in range(5) if (nearest == grade).sum() >= LEAST]
    if len(grades) < 2:
        return None
    inside = [read[nearest == grade] for grade in grades]
    middles = np.array([np.median(one) for one in inside])
    apart = [np.abs(one - middle) for one, middle in zip(inside, middles, strict=True)]
    pooled = _NORMAL * float(np.median(np.concatenate(apart)))
    counts = np.array([float(len(one)) for one in inside])
    own = np.array([_NORMAL * float(np.median(one)) for one in apart])
    spreads = np.maximum(np.sqrt((counts * own**2 + POOLED * pooled**2) / (counts + POOLED)), NARROWEST)
    made = Levels(np.array(grades), middles, spreads, counts)
    shown = made.there(read) > SURE
    usually = shown.sum() >= LEAST and (~silent[shown]).mean() >= USUALLY
    return Levels(made.grades, middles, spreads, counts, bool(usually))
