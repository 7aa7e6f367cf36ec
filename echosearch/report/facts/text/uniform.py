"""Text made uniform, with the way back: full and half width, dashes, primes, spaces, and where each character was.

NFKC does most of it; a Japanese input method also types dashes, range signs and primes that NFKC leaves alone.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, field

from echosearch.report.facts.text.kana import KANA, spelled
from echosearch.unicode import whole_characters

__all__ = ["Uniform", "uniform"]

_DASHES = dict.fromkeys("−–—―‐‑‒➖⁻₋﹣－", "-")
_RANGES = dict.fromkeys("〜～∼〰˜", "~")
_PRIMES = dict.fromkeys("’′ʹ‘`´ʼ＇", "'")
_OTHERS = {
    "囊": "嚢",
    "≧": ">=",
    "≦": "<=",
    "≥": ">=",
    "≤": "<=",
    "≠": "!=",
    "≒": "約",
    "…": ":",
    "‥": ":",
    "⇒": "→",
    "➡": "→",
    "➔": "→",
    "㊀": "-",
    "／": "/",
    "⁄": "/",
    "∕": "/",
    "•": "・",
    "‧": "・",
    "･": "・",
    "·": "・",
    "【": "\n",
    "】": ":",
    "《": "\n",
    "》": ":",
    "〈": "\n",
    "〉": ":",
    "〔": "\n",
    "〕": ":",
    "Δ": "Δ",
    "△": "Δ",
    "∆": "Δ",
    "，": "、",
    "；": ";",
    "\t": " ",
    "|": " ",
    "│": " ",
    "\r": "\n",
    "\x0b": "\n",
    "\x0c": "\n",
    "\u2028": "\n",
    "“": '"',
    "”": '"',
    "゜": "°",
    "᠆": "-",
    "\ufeff": "",
    "\u200b": "",
    "\u200c": "",
    "\u200d": "",
    "º": "°",
    "˚": "°",
    "’": "'",
    "㎡": "m2",
}
_OWN = _DASHES | _RANGES | _PRIMES | _OTHERS
_CIRCLED = {chr(code): "\n" for code in (*range(0x2460, 0x2474), *range(0x2776, 0x2794))}  # ① numbers a list
# a base character with the half-width voicing or combining marks that NFKC joins to it
_CLUSTER = re.compile("[^\uff9e\uff9f\u3099\u309a\u0300-\u036f][\uff9e\uff9f\u3099\u309a\u0300-\u036f]{1,3}|.", re.S)
_MARKS = re.compile("[\uff9e\uff9f\u3099\u309a\u0300-\u036f]")
_ROMAN = re.compile("[Ⅰ-Ⅳ]")
_PLAIN = re.compile("[ -~ぁ-んァ-ヶ一-龠ー。、・\n]*")
_HEADING = re.compile(
    r"<([^<>=\d\n]{1,12})>|\[(?![無有]|なし|あり|正常|異常|軽|中等|高度|重|微|ごく|少量|良好|不良|低下|拡大|前回)([^\[\]\n+±\x00-\x7f][^\[\]\n+\-±]{0,11})\]"
)
# single characters set apart by a scanner or for emphasis: 左 室 拡 大, M R
_SPACED = re.compile(
    r"(?<![一-龠ァ-ヶ])[一-龠ァ-ヶ](?: [一-龠ァ-ヶ]){2,}(?![一-龠ァ-ヶ])"
    r"|(?<![A-Za-z])(?<![A-Za-z\d] )(?:[AMTP] [RS]|E F|L V E F|L V D [ds]|L A D|I V C|T A P S E)"
    r"(?![A-Za-z]| [A-Z](?![A-Za-z]))"
)
_GLUED = re.compile(r"(?<![A-Za-z])[AMTP][RS](?=(?:I{1,3}|IV)(?:度|°|/I|[-~]I{1,3}V?(?:度|/I)))")
_WRAPPED = re.compile(
    r"(?<=[のをにと、やはがも])\n[ ]*(?=[^\s・\-*(\d])|(?<=[のをにと、や])\n[ ]*(?=\d)"
    r"|\n[ ]*(?=\((?:軽|中等|高度|重|ごく|微|mild|mod|sev|triv|trace|I{1,3}V?度|前回|昨年)[^()\n]{0,12}\))"
    r"|(?<=認め)\n(?=な[いく]|ず|ら|る|ま)|(?<=でき)\n(?=な|ず)|(?<=除外|否定)\n[ ]*(?=でき|出来|困難|不能)"
    r"|(?<=みら|見ら|めら)\n(?=れ)"
    r"|(?<=[A-Za-z圧径率厚積])\n(?=\d+(?:\.\d+)? ?(?:%|mm|cm|m/s|m[lL]))"
)


@dataclass(frozen=True)
class Uniform:
    """A text made uniform; ``origin[i]`` is where its i-th character came from, one more entry ends it."""

    text: str = field(repr=False)
    origin: tuple[int, ...] | range = field(repr=False)

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Return the half-open span of the original that ``[start, end)`` came from."""
        if end <= start:
            return self.origin[start], self.origin[start]
        last = self.origin[end - 1]
        after = end
        while self.origin[after] == last:  # one original character may have become several
            after += 1
        return self.origin[start], self.origin[after]


class _Shape(dict[str, str]):
    """What one cluster becomes, remembered; the number of different ones is bounded by Unicode's repertoire."""

    def __missing__(self, cluster: str) -> str:
        own = _OWN.get(cluster) if cluster in _OWN else _CIRCLED.get(cluster)
        made = own if own is not None else "".join(_OWN.get(c, c) for c in unicodedata.normalize("NFKC", cluster))
        if len(self) < 1 << 16:
            self[cluster] = made
        return made


_SHAPES = _Shape()


def uniform(text: str) -> Uniform:
    """Make a text uniform. Linear in its length, whatever it holds."""
    made = _uniform(whole_characters(text))
    if KANA.search(made.text):
        made = Uniform(*spelled(made.text, made.origin))
    if " " in made.text and _SPACED.search(made.text):
        made = _closed(made)
    return _parted(made) if "I" in made.text and _GLUED.search(made.text) else made


def _parted(made: Uniform) -> Uniform:
    """The same text with a space before a grade that was typed right behind an abbreviation: MRIII度."""
    text, origin, last = "", [], 0
    for match in _GLUED.finditer(made.text):
        text += made.text[last : match.end()] + " "
        origin += [*made.origin[last : match.end()], made.origin[match.end() - 1]]
        last = match.end()
    return Uniform(text + made.text[last:], (*origin, *made.origin[last:]))


def _closed(made: Uniform) -> Uniform:
    """The same text without the spaces between characters that were set apart."""
    inside = {at for m in _SPACED.finditer(made.text) for at in range(m.start() + 1, m.end(), 2)}
    kept = [at for at in range(len(made.text)) if at not in inside]
    origin = tuple(made.origin[at] for at in kept)
    return Uniform("".join(made.text[at] for at in kept), (*origin, made.origin[len(made.text)]))


def _uniform(text: str) -> Uniform:
    if _PLAIN.fullmatch(text) and "囊" not in text and "  " not in text and "\r" not in text and "|" not in text:
        return Uniform(_headings(text, text), range(len(text) + 1))
    if not _MARKS.search(text) and "  " not in text and not _ROMAN.search(text):
        each = [_SHAPES[char] for char in text]
        if each and min(map(len, each)) == max(map(len, each)) == 1 and "  " not in (joined := "".join(each)):
            return Uniform(_headings(joined, text), range(len(text) + 1))
    parts: list[str] = []
    origin: list[int] = []
    space = False
    for match in _CLUSTER.finditer(text):
        shape = _SHAPES[match[0]]
        if shape == " ":
            if space:
                continue
            space = True
        else:
            space = False
        if parts and parts[-1][-1:].isalpha() and parts[-1].isascii() and _ROMAN.match(match[0]):
            shape = " " + shape  # MRⅢ度: no MRI
        parts.append(shape)
        origin.extend([match.start()] * len(shape))
    origin.append(len(text))
    return Uniform(_headings("".join(parts), text), tuple(origin))


# ; typed for : between a name and what is said of it
_MISTYPED = re.compile(
    r"(?:^|(?<=[、。,\n;・\s])(?<![a-z]{3} ))(?!軽|中等|高度|重|ごく|微|mild|mod|sev|triv)"
    r"([^、。,\n;:・\s()]{0,9}[A-Za-z'弁房室径能膜率液動系脈圧]\s?);"
    r"(?=\s?(?:軽|中等|高度|重|ごく|微|わずか|少量|mild|moderate|severe|trivial|trace|tr\b|none|n\.?p|WNL|なし|無|あり|正常"
    r"|良好|保た|低下|拡大|\(|約?\d|[IV]+[/度]|[±+-]))",
    re.IGNORECASE,
)


_TICKED, _UNTICKED = "■☑☒●◉", "□☐○"
_CHOICE = re.compile(r"[□☐○][^\s■□☑☐☒●○◉、。,()\n]{1,16}")


def _ticked(line: str) -> str:
    """Blank what a form offers and nobody ticked: ■なし □軽度 □中等度."""
    if not any(box in line for box in _UNTICKED) or not any(box in line for box in _TICKED):
        return line
    line = _CHOICE.sub(lambda m: " " * len(m[0]), line)
    return line.translate(_BLANK)


_BLANK = {ord(box): " " for box in _TICKED}
_BRACKETED_SIGN = re.compile(r"\n([-+±]|ー|なし|無|\+\+):")  # 血栓【-】
_BRACKETED_UNIT = re.compile(r"\n(mm|cm|%|m[lL]|mmHg|m/s|cm2):")
_NON = re.compile(  # non-dilated, nondilated
    r"(?<![A-Za-z])(no)(?:n[- ]|n)(?=(?:dilated|enlarged|hypertroph(?:ied|ic)|thickened|calcified|stenotic|stenosed"
    r"|sclerotic|regurgitant|aneurysmal)(?![A-Za-z]))",
    re.IGNORECASE,
)
_DOTS = re.compile(r"\.{2,}")  # LVDd...52mm
_LONE_BAR = re.compile(r"(?<=[ :(])ー(?=[\s、。,;)]|$)")
# two measurements named in brackets: PG(max/mean)
_PAIR = re.compile(r"\(((?:max|peak|mean|最大|平均|p|m|d|ED|Dd)/(?:max|peak|mean|最大|平均|p|m|s|ES|Ds))\)")


def _headings(text: str, given: str) -> str:
    """<僧帽弁> and [僧帽弁] as 「\\n僧帽弁:」, and lines that a printer wrapped joined; lengths stay."""
    if ";" in text:
        text = _MISTYPED.sub(r"\1:", text)
    if "<" in text or "[" in text:
        text = _HEADING.sub(lambda m: "\n" + (m[1] or m[2]) + ":", text)
    if any(box in text for box in _UNTICKED) and any(box in text for box in _TICKED):
        text = "\n".join(map(_ticked, text.split("\n")))
    if "【" in given or "〔" in given:
        text = _BRACKETED_SIGN.sub(r"(\1)", text)
        text = _BRACKETED_UNIT.sub(r" \1 ", text)
    if "on" in text and _NON.search(text):
        text = _NON.sub(lambda m: m[1] + ("t " if len(m[0]) == 4 else " "), text)  # not dilated, no dilated
    if ".." in text:
        text = _DOTS.sub(lambda m: ":" + " " * (len(m[0]) - 1), text)
    if "ー" in text:
        text = _LONE_BAR.sub("-", text)
    if "/" in text and "(" in text:
        text = _PAIR.sub(r" \1 ", text)
    if "\n" in text:
        text = _WRAPPED.sub(lambda m: " " * len(m[0]), text)
    return text
