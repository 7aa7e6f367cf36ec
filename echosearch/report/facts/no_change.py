"""Whether a report refers to the study before: 前回と著変なし, 前回同様, no significant change from the previous study.

Only where this is said of the whole study, or of the rest of it (その他は著変なし): 左房径は前回と著変なし says it of
one measurement.
"""

from __future__ import annotations

import re

from echosearch.report.facts.text.sentence import sentences
from echosearch.report.facts.text.uniform import uniform

__all__ = ["refers_back"]

_WHOLE = (
    r"(?:(?:その他|他|心エコー|心臓超音波(?:検査)?|エコー|検査|全体|総合)?(?:の?所見)?(?:上|的に|として)?"
    r"(?:は|も|に|では|:)?)"
)
_DATE = r"\(?(?:(?:19|20)?\d{2}[./年-]\d{1,2}(?:[./月-]\d{1,2}日?)?)?\)?"
_BEFORE = (
    rf"(?:(?:前回|先回|以前|既往|昨年)(?:の)?(?:検査|エコー|心エコー|所見|検査時|施行時)?{_DATE}(?:の?所見)?"
    r"(?:と|に|から|より)?(?:の)?(?:比べて?|比較(?:して?|にて|上)?|比し?て?)?(?:は|も)?)"
)
_CHANGE = r"(?:著しい|大きな|大きく|明らかな|有意な|特に|ほぼ|特記すべき|目立った)?(?:著変|著明な変化|変化|変わり|増悪)"
_NONE = (
    r"(?:は|を|も)?(?:特に)?(?:なし|無し?|ない|なく|ありません|ございません|認めません?|認めず|認めない"
    r"|みられません|みられず|みられない|指摘できず|\(-\))(?:です|と考えます|と思われます)?"
)
_SAME = r"(?:同様|同等|不変|と変わらず|と変わりません|と同じ)(?:です|の所見(?:です)?|である)?"
_JAPANESE = re.compile(rf"{_WHOLE}{_BEFORE}?(?:{_CHANGE}{_NONE})|{_WHOLE}{_BEFORE}{_SAME}")
_ENGLISH = re.compile(
    r"(?:there (?:is|has been) )?(?:no (?:significant |interval |remarkable |major |apparent )*changes?"
    r"(?: (?:from|since|compared (?:with|to)|in comparison (?:with|to)) (?:the )?(?:previous|prior|last)"
    r"(?: (?:study|exam(?:ination)?|echo|report))?)?"
    r"|(?:unchanged|stable|same)(?: (?:from|since|as|compared (?:with|to)) (?:the )?(?:previous|prior|last)"
    r"(?: (?:study|exam(?:ination)?|echo|report))?))",
    re.IGNORECASE,
)
_HEADING = re.compile(r"【[^】]{1,10}】|^(?:その他|総合|結論|まとめ|所見|コメント|診断)[:]")
_CLAUSE = re.compile(r"[、,]|\s{2,}|\t|(?<=[無しずんい同様)])\s")
_TOPIC = re.compile(r"(?:は|が|も|に|で|と|を)$")
_COMPARED = re.compile(r"前回|先回|以前|昨年|previous|prior|last")
_SHORT = 200  # characters: no longer sentence says only this


def refers_back(text: str) -> bool:
    """Return True if the report says that nothing has changed since the study before."""
    made = uniform(text).text
    return any(_says(made[start:end]) for start, end in sentences(made) if end - start <= _SHORT)


def _says(sentence: str) -> bool:
    plain = _HEADING.sub("", sentence).strip(" 。.、,・-*")
    if _is_whole(plain):
        return True
    clauses = [clause.strip() for clause in _CLAUSE.split(plain)]
    for place, clause in enumerate(clauses):
        # of its own, and not the end of what is said of something: 左房径は、前回と著変なし
        if _is_whole(clause) and _COMPARED.search(clause) and not (place and _TOPIC.search(clauses[place - 1])):
            return True
    return False


def _is_whole(said: str) -> bool:
    bare = re.sub(r"[\s、,]+", "", said)
    return bool(said) and (_JAPANESE.fullmatch(bare) is not None or _ENGLISH.fullmatch(said.strip()) is not None)
