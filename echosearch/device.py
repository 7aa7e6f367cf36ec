"""Which machine a video is from, as may be shown: only what is known to be a maker's or a model's name.

Manufacturer and model are typed by people, who have typed names of patients and of themselves there. What stands in
devices.toml is shown as it came; all else by a number of its own, behind its maker where that is known:

    GE Vivid E95         GE Vivid E95
    GE YAMADA^TARO       GE device 3f2a91c0
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Iterable
from difflib import get_close_matches
from functools import cache
from importlib.resources import files

__all__ = ["MAX_DEVICE", "hidden_label", "is_shown", "maker_of", "matching", "nearest_devices", "patient_words", "tidy"]

MAX_DEVICE = 200  # characters that are kept; DICOM allows 64 in each of the two
_WORD = re.compile(r"[^\W_]+")
_MARKS = str.maketrans("", "", "™®©")
# E95, 7C, i900, SC2000: at most two letters before at most four digits, and three behind; or one letter
_MODEL_NUMBER = re.compile(r"[a-zα]{0,2}[0-9]{1,4}[a-z]{0,3}|[a-z]")
_NUMBERED = re.compile(r"([^\W\d_]{4,}?)x?[0-9]{1,4}[a-z]{0,2}")
_LONGEST = 4  # words of a maker or a product line


def tidy(text: str | None) -> str | None:
    """Return a file's text as one line of bounded length; None if it is empty."""
    return (" ".join((text or "").split())[:MAX_DEVICE]).strip() or None


def is_shown(text: str, names: Iterable[str] = ()) -> bool:
    """Return True if every word of ``text`` is a maker's or a model's, and none is of ``names``, the patient's."""
    words = _words(text)
    if not words or set(words) & {word for name in names for word in _words(name)}:
        return False
    known = _known()
    rest, made = _after(words, known["makers"])
    seen_line = made
    while rest:
        rest, found = _after(rest, known["lines"])
        if found:
            seen_line = True
            continue
        word, rest = rest[0], rest[1:]
        if _NUMBERED.fullmatch(word) and _NUMBERED.sub(r"\1", word) in known["lines"]:
            seen_line = True  # MyLabX8, written together
            continue
        of_company = made and word in known["company"]
        of_model = seen_line and (word in known["models"] or _MODEL_NUMBER.fullmatch(word) is not None)
        if not (of_company or of_model):
            return False
    return seen_line


def patient_words(text: str, name: str, identifier: str) -> tuple[str, ...]:
    """Return the words of a file's patient that a device text may reveal: the name, and the id if it is complete there.

    A part of an id alone, such as HITACHI or PHANTOM, is a maker's name first.
    """
    words = set(_words(identifier))
    return (name, identifier) if words and words <= set(_words(text)) else (name,)


def maker_of(text: str, names: Iterable[str] = ()) -> str | None:
    """Return the maker that ``text`` begins with, as devices.toml writes it."""
    words = _words(text)
    taken = len(words) - len(_after(words, _known()["makers"])[0])
    maker = _known_makers().get("".join(words[:taken]))
    named = {word for name in names for word in _words(name)}
    return None if maker is None or set(_words(maker)) & named else maker


def hidden_label(text: str, number: str, names: Iterable[str] = ()) -> str:
    """Return the label of a text that is not shown: its maker, and ``number`` (hex digits that reveal nothing of
    it).
    """
    return " ".join(filter(None, (maker_of(text, names), f"device {number[:8]}")))


def matching(asked: str, devices: dict[str, str]) -> list[str]:
    """Return the labels of ``devices`` (label -> texts of the files) that match ``asked``, whatever its case and width.

    Whole words first (a maker, a model, "Vivid E95" of "GE Vivid E95"), then any part.
    """
    wanted = "".join(_words(asked))
    if not wanted:
        return []
    # as they stand and in full: a condition comes in NFKC, where ™ is TM
    forms = {label: {label, said, unicodedata.normalize("NFKC", said)} for label, said in devices.items()}
    whole = [label for label, texts in forms.items() if any(wanted in _runs(_words(text)) for text in texts)]
    return sorted(whole or [label for label, texts in forms.items() if any(wanted in _key(text) for text in texts)])


def nearest_devices(asked: str, labels: Iterable[str], count: int = 3) -> list[str]:
    """Return the labels whose spelling is closest to ``asked``, else the first few."""
    every = sorted(labels)
    keys = {_key(label): label for label in every}
    near = [keys[key] for key in get_close_matches(_key(asked), keys, count, 0.4)]
    return near or every[:count]


def _words(text: str) -> list[str]:
    return _WORD.findall(unicodedata.normalize("NFKC", text.translate(_MARKS)).casefold())


def _key(text: str) -> str:
    return "".join(_words(text))


def _runs(words: list[str]) -> set[str]:
    """Every run of neighbouring words, written together."""
    return {"".join(words[a:b]) for a in range(len(words)) for b in range(a + 1, len(words) + 1)}


def _after(words: list[str], known: frozenset[str]) -> tuple[list[str], bool]:
    """What follows the longest known name at the beginning, and whether there is one."""
    for length in range(min(_LONGEST, len(words)), 0, -1):
        if "".join(words[:length]) in known:
            return words[length:], True
    return words, False


@cache
def _lists() -> dict[str, list[str]]:
    return tomllib.loads((files("echosearch") / "devices.toml").read_text(encoding="utf-8"))


@cache
def _known() -> dict[str, frozenset[str]]:
    return {name: frozenset(map(_key, words)) for name, words in _lists().items()}


@cache
def _known_makers() -> dict[str, str]:
    return {_key(maker): maker for maker in _lists()["makers"]}
