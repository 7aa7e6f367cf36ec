"""When a heart beats: R waves in seconds, and the cardiac phase between two of them."""

from __future__ import annotations

from typing import Literal

import numpy as np

from echosearch.phantom.heart.cycle import Floats

__all__ = ["Rhythm", "phase_between", "r_waves"]

Rhythm = Literal["sinus", "af", "extrasystole"]

_BEATS = 48  # drawn, however many a cine shows: what is drawn after them does not depend on its length
_SYSTOLE = 0.42  # phase at which the mitral valve opens


def r_waves(rhythm: Rhythm, rate: float, rng: np.random.Generator) -> Floats:
    """Return the times of R waves in seconds, (48,), the first one up to a beat before 0; ``rate`` per minute.

    Atrial fibrillation: every interval is another. An extrasystole comes early, and a pause follows it.
    """
    mean = 60.0 / rate
    match rhythm:
        case "sinus":
            beats = rng.normal(1.0, 0.015, _BEATS)
        case "af":
            beats = rng.normal(1.0, 0.24, _BEATS).clip(0.55, 1.7)
        case "extrasystole":
            beats = rng.normal(1.0, 0.015, _BEATS)
            early = int(rng.integers(3)) + 4 * np.arange(_BEATS // 4 - 1)  # one beat of four
            beats[early] *= 0.6
            beats[early + 1] *= 1.4
    times: Floats = np.concatenate(([0.0], np.cumsum(mean * beats)[:-1])) - rng.uniform(0.0, mean * beats[0])
    return times


def phase_between(times: Floats, waves: Floats, rhythm: Rhythm) -> Floats:
    """Return the phase at each time, (T,), in cycles since the first R wave.

    Systole lasts about as long in short beats as in long ones; in sinus rhythm the phase is linear in time.
    """
    beat = np.searchsorted(waves, times, side="right") - 1
    length = waves[beat + 1] - waves[beat]
    since = times - waves[beat]
    if rhythm == "sinus":
        share = since / length
    else:
        systole = np.minimum(0.24 + 0.12 * length, 0.62 * length)
        share = np.where(
            since < systole,
            _SYSTOLE * since / systole,
            _SYSTOLE + (1.0 - _SYSTOLE) * (since - systole) / (length - systole),
        )
    phase: Floats = beat + share
    return phase
