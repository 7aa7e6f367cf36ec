"""The cardiac cycle as curves of phase: 0 is the R wave (end-diastole), about 0.36 end-systole, 1 the next R wave."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["Floats", "aortic_opening", "contraction", "early_notch", "ecg", "mitral_opening"]

Floats = NDArray[np.float64]


def _eased(phase: Floats, knots: list[tuple[float, float]]) -> Floats:
    """Periodic curve through (phase, value) knots, with half a cosine between two of them: no corners in the motion."""
    at = np.array([knot[0] for knot in knots])
    value = np.array([knot[1] for knot in knots])
    phase = np.mod(phase, 1.0)
    right = np.clip(np.searchsorted(at, phase, side="right"), 1, len(at) - 1)
    share = (phase - at[right - 1]) / (at[right] - at[right - 1])
    eased: Floats = value[right - 1] + (value[right] - value[right - 1]) * (1 - np.cos(np.pi * share)) / 2
    return eased


_CONTRACTION = [(0.0, 0.0), (0.04, 0.0), (0.36, 1.0), (0.42, 0.98), (0.60, 0.26), (0.82, 0.20), (0.97, 0.0), (1.0, 0.0)]
_MITRAL = [(0.0, 0.0), (0.42, 0.0), (0.49, 1.0), (0.66, 0.35), (0.80, 0.35), (0.88, 0.8), (0.985, 0.0), (1.0, 0.0)]
_AORTIC = [(0.0, 0.0), (0.05, 0.0), (0.10, 1.0), (0.30, 0.95), (0.375, 0.0), (1.0, 0.0)]
_NOTCH = [(0.0, 0.0), (0.09, 1.0), (0.2, 0.0), (0.30, -0.5), (0.42, 0.0), (1.0, 0.0)]


def contraction(phase: Floats) -> Floats:
    """Return 0 at end-diastole, 1 at end-systole: with rapid filling, diastasis and atrial kick."""
    return _eased(phase, _CONTRACTION)


def mitral_opening(phase: Floats) -> Floats:
    """Return 0 closed, 1 open: an E and an A wave (tricuspid valve the same)."""
    return _eased(phase, _MITRAL)


def aortic_opening(phase: Floats) -> Floats:
    """Return 0 closed, 1 open, during ejection."""
    return _eased(phase, _AORTIC)


def early_notch(phase: Floats) -> Floats:
    """Return the septal flash of a left bundle branch block: inward before ejection, then outward in contraction."""
    return _eased(phase, _NOTCH)


def ecg(phase: Floats, p_wave: float = 1.0) -> Floats:
    """Return a trace of about -0.2 to 1: P, QRS and T; ``p_wave`` of 0 as in atrial fibrillation."""
    phase = np.mod(phase + 0.5, 1.0) - 0.5
    waves = [
        (0.16 * p_wave, -0.17, 0.022),
        (-0.12, -0.022, 0.008),
        (1.0, 0.0, 0.010),
        (-0.22, 0.025, 0.010),
        (0.28, 0.30, 0.045),
    ]
    trace: Floats = np.sum([a * np.exp(-(((phase - at) / width) ** 2) / 2) for a, at, width in waves], axis=0)
    return trace
