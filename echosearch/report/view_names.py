"""Names that laboratories give to the five views: one table, used for CSV labels and for what a user types."""

from __future__ import annotations

import re

from echosearch.unicode import unified
from echosearch.video import View, ViewLabel

__all__ = ["is_unknown", "label_view", "view_named"]

# Compared in one form (unicode.py), lower case, without blanks, hyphens, brackets, and the words in _NOISE; a short
# axis also without its level.
_SYNONYMS: dict[View, tuple[str, ...]] = {
    View.LAX: (
        *("lax", "plax", "pslax", "psla", "parasternallong", "parasternallongaxis", "longaxis", "lvlax"),
        *("parasternallax", "paralax", "傍胸骨左縁長軸", "傍胸骨左縁左室長軸"),
        *("長軸", "左室長軸", "傍胸骨長軸", "傍胸骨左室長軸", "胸骨左縁長軸", "胸骨左縁左室長軸"),
    ),
    View.SAX: (
        *("sax", "psax", "pssax", "pssa", "parasternalshort", "parasternalshortaxis", "shortaxis", "lvsax"),
        *("parasternalsax", "parasax", "傍胸骨左縁短軸", "傍胸骨左縁左室短軸"),
        *("短軸", "左室短軸", "傍胸骨短軸", "傍胸骨左室短軸", "胸骨左縁短軸", "胸骨左縁左室短軸"),
    ),
    View.CH2: (
        *("2ch", "2c", "2cv", "a2c", "a2ch", "apex2c", "apex2ch", "心尖2c", "心尖2ch", "心尖部2c", "心尖部2ch"),
        *("ap2", "ap2c", "ap2ch", "2chamber", "twochamber", "apical2", "apical2ch", "apical2c"),
        *("apical2chamber", "apicaltwochamber", "二腔", "2腔", "心尖二腔", "心尖2腔", "心尖部二腔", "心尖部2腔"),
    ),
    View.CH3: (
        *("3ch", "3c", "3cv", "a3c", "a3ch", "apex3c", "apex3ch", "心尖3c", "心尖3ch", "心尖部3c", "心尖部3ch"),
        *("ap3", "ap3c", "ap3ch", "3chamber", "threechamber", "apical3", "apical3ch", "apical3c"),
        *("apical3chamber", "apicalthreechamber", "aplax", "alax", "apicallongaxis", "apicallong", "apicallax"),
        *("三腔", "3腔", "心尖三腔", "心尖3腔", "心尖部三腔", "心尖部3腔", "心尖長軸", "心尖部長軸"),
    ),
    View.CH4: (
        *("4ch", "4c", "4cv", "a4c", "a4ch", "apex4c", "apex4ch", "心尖4c", "心尖4ch", "心尖部4c", "心尖部4ch"),
        *("ap4", "ap4c", "ap4ch", "4chamber", "fourchamber", "apical4", "apical4ch", "apical4c"),
        *("apical4chamber", "apicalfourchamber", "四腔", "4腔", "心尖四腔", "心尖4腔", "心尖部四腔", "心尖部4腔"),
    ),
    View.OTHER: ("other", "others", "その他"),
}
_VIEWS = {name: view for view, names in _SYNONYMS.items() for name in names}
_NOISE = re.compile(r"[\s_\-‐−./:()\[\]]+|view|断層|断面|像|図")
_LEVEL = re.compile(
    r"(?:at)?(?:av|mv|pm|ap|apex|apical|base|basal|mid|midventricular|papillary(?:muscles?)?|aortic(?:valve)?"
    r"|mitral(?:valve)?|大動脈弁|僧帽弁|乳頭筋|心尖部?|心基部|基部|中部|中央部)(?:level|レベル)?$"
)


def view_named(label: str) -> View | None:
    """Return the view that ``label`` names, whatever its case and width; None where no laboratory calls one so.

    view_named("A4C"), view_named("4ch"), view_named("心尖部四腔像") are all View.CH4.
    """
    name = _NOISE.sub("", unified(label).lower())
    if name in _VIEWS:
        return _VIEWS[name]
    return View.SAX if _VIEWS.get(_LEVEL.sub("", name)) is View.SAX else None


def is_unknown(label: ViewLabel) -> bool:
    """Return True if a label from a file is Other only because no view is called so."""
    return label.view is View.OTHER and view_named(label.raw) is None


def label_view(label: str, prob: float, source: str) -> ViewLabel:
    """Return a label from a file: an unknown one is Other, and its own wording is kept."""
    return ViewLabel(view_named(label) or View.OTHER, prob, source, raw=label)
