"""How much a video of each view tells of a finding, by encoder: view_weights.toml, fitted by fit_views.py.

The table is beside the prompts and not in the encoder's bundle: it weighs our prompts, and a bundle names every file
that it has with its SHA-256.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files

from echosearch.video import Mode

__all__ = ["Weights", "view_name", "view_weights"]

Weights = Mapping[str, Mapping[str, float]]  # concept -> view_name -> 0 to 1; a view that is not there tells nothing
_COLOUR = (Mode.COLOR.value, Mode.DUAL.value)


def view_name(view: str | None, mode: str | None) -> str:
    """Return the name of a video's view in the table: 4CH, or 4CH color."""
    return f"{view or 'Other'}{' color' if mode in _COLOUR else ''}"


def view_weights(fingerprint: str) -> Weights:
    """Return the weights for this encoder; empty if none were fitted."""
    return _table().get(fingerprint, {})


@lru_cache(maxsize=1)
def _table() -> Mapping[str, Weights]:
    return tomllib.loads(files(__package__).joinpath("view_weights.toml").read_text(encoding="utf-8"))
