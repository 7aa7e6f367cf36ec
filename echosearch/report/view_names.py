"""Names that laboratories give to the five views: one table, used for CSV labels and for what a user types."""

from __future__ import annotations

import re

from echosearch.unicode import unified
from echosearch.video import View, ViewLabel

__all__ = ["label_view", "view_named"]

# Compared in one form (unicode.py), lower case, and without blanks, hyphens, and the words in _NOISE.
_SYNONYMS: dict[View, tuple[str, ...]] = {
    View.LAX: (
        *("lax", "plax", "pslax", "psla", "parasternallong", "parasternallongaxis", "longaxis", "lvlax"),
        *("長軸", "左室長軸", "傍胸骨長軸", "傍胸骨左室長軸", "胸骨左縁長軸", "胸骨左縁左室長軸"),
    ),
    View.SAX: (
        *("sax", "psax", "pssax", "pssa", "parasternalshort", "parasternalshortaxis", "shortaxis", "lvsax"),
        *("psaxav", "psaxmv", "psaxpm", "psaxap", "psaxapex", "psaxbase", "psaxmid"),
        *("短軸", "左室短軸", "傍胸骨短軸", "傍胸骨左室短軸", "胸骨左縁短軸", "胸骨左縁左室短軸"),
    ),
    View.CH2: (
        *("2ch", "2c", "a2c", "ap2", "ap2c", "ap2ch", "2chamber", "twochamber", "apical2", "apical2ch", "apical2c"),
        *("apical2chamber", "apicaltwochamber", "二腔", "2腔", "心尖二腔", "心尖2腔", "心尖部二腔", "心尖部2腔"),
    ),
    View.CH3: (
        *("3ch", "3c", "a3c", "ap3", "ap3c", "ap3ch", "3chamber", "threechamber", "apical3", "apical3ch", "apical3c"),
        *("apical3chamber", "apicalthreechamber", "aplax", "alax", "apicallongaxis", "apicallong", "apicallax"),
        *("三腔", "3腔", "心尖三腔", "心尖3腔", "心尖部三腔", "心尖部3腔", "心尖長軸", "心尖部長軸"),
    ),
    View.CH4: (
        *("4ch", "4c", "a4c", "ap4", "ap4c", "ap4ch", "4chamber", "fourchamber", "apical4", "apical4ch", "apical4c"),
        *("apical4chamber", "apicalfourchamber", "四腔", "4腔", "心尖四腔", "心尖4腔", "心尖部四腔", "心尖部4腔"),
    ),
    View.OTHER: ("other", "others", "その他"),
}
_VIEWS = {name: view for view, names in _SYNONYMS.items() for name in names}
_NOISE = re.compile(r"[\s_\-‐−./:]+|view|断層|断面|像|図")


def view_named(label: str) -> View | None:
    """Return the view that ``label`` names, whatever its case and width; None where no laboratory calls one so.

    view_named("A4C"), view_named("4ch"), view_named("心尖部四腔像") are all View.CH4.
    """
    return _VIEWS.get(_NOISE.sub("", unified(label).lower()))


def label_view(label: str, prob: float, source: str) -> ViewLabel:
    """Return a label from a file: an unknown one is Other, and its own wording is kept."""
    return ViewLabel(view_named(label) or View.OTHER, prob, source, raw=label)
