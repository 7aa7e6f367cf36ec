"""What of a query nothing covers, without punctuation and glue."""

from __future__ import annotations

import re

__all__ = ["rest_of"]

_BREAK = re.compile(
    r"(?:[\s、。,;:!?!?・()\[\]{}「」『』\"'`/|&+~…\-=<>*#@^_\\]|\.(?!\d)|(?<!\d)\.)+"
)  # and no point of a number
_GLUE = (
    r"(?:っ?てい?[るた]|両方とも|両方|両者|どちらも|どちら(?=も|$)|にな(?:った|っている)|なった|のみ|た$|み$|から|まで|かつ|また|および|及び|そして|さらに"
    r"|ただし|けれども?|けど|なのに|していて|している|してる|してた|入ってる|入っていて|入っている|して|した|し$|する|され|である|では|でも|があり|あり|ある|のある|ので|それぞれ|ともに"
    r"|を?受けた|施行(?:した|された|後)?|症例|患者(?:さん|様)?|人(?=[のをがはにで、\sい]|$)|例(?=[のをがはに、\s]|$)|方(?=[のをがはに、\s]|$)|もの|群|ケース"
    r"|対象|所見|検査|心エコー(?:図|検査)?|エコー(?:検査)?|前後|程度|くらい|ぐらい|レポート|報告(?:書)?|スタディ|全て|すべて|全員|全部|一覧|リスト(?!アップ)"
    r"|を?(?:探(?:して|す|し)|検索(?:して|する|し)?|見(?:せて|たい|つけて)|表示(?:して|する)?|抽出(?:して|する)?|教えて|出して"
    r"|調べ(?:て|たい|る)|知りたい|集めて|ピックアップ(?:して)?|リストアップ(?:して)?)|ください|下さい|ほしい|欲しい"
    r"|お願い(?:します|いたします)?|たい|です(?:か)?|います(?:か)?|ます(?:か)?|いる|おり|て|か(?!ら)|伴う|合併(?:した|する)?"
    r"|呈する|有する|持つ|認める|認めた|ない|なし|だけ|場合|とき|時|それ|その|この|中で|うち|ところ"
    r"|の間|[のにではがをともやへなだ])"
)
_ALL_GLUE = re.compile(rf"{_GLUE}++")  # possessive: a long run of glue is read once
_ASKED = (
    r"症例|患者(?:さん|様)?|人|例|(?:を|で)?(?:探して|探す|検索(?:して|する)?|見せて|見たい|表示(?:して)?"
    r"|抽出(?:して)?|教えて|出して|調べて)"
    r"|(?:を?お願い)?(?:ください|下さい|します)"
)
_FRONT = re.compile(rf"の?間(?![一-龠])|[のにではがをともやへた]|のみ|かつ|{_ASKED}")
_BACK = re.compile(rf"(?:[のにではがをともや]|から|{_ASKED})++$")
_ENGLISH = frozenset(
    {
        *(
            "a",
            "an",
            "the",
            "of",
            "in",
            "on",
            "at",
            "to",
            "with",
            "without",
            "and",
            "or",
            "for",
        ),
        *(
            "who",
            "whom",
            "that",
            "which",
            "is",
            "are",
            "was",
            "were",
            "be",
            "have",
            "has",
            "had",
        ),
        *(
            "having",
            "do",
            "does",
            "show",
            "me",
            "find",
            "search",
            "list",
            "all",
            "any",
            "patient",
            "patients",
        ),
        *(
            "case",
            "cases",
            "study",
            "studies",
            "exam",
            "exams",
            "echo",
            "report",
            "reports",
        ),
        *("please", "give", "get", "where", "but", "only", "either", "both"),
    }
)


def rest_of(text: str, covered: list[tuple[int, int]]) -> str:
    """Return the uncovered pieces of a text in order, glue taken off their ends, joined by spaces."""
    pieces: list[str] = []
    at = 0
    for start, end in [*sorted(covered), (len(text), len(text))]:
        if start > at:
            pieces += _pieces(text[at:start], behind=at > 0)
        at = max(at, end)
    return " ".join(pieces)


def _pieces(text: str, behind: bool) -> list[str]:
    """The pieces of one uncovered stretch; ``behind`` what is covered, it may begin with a particle."""
    pieces = _BREAK.split(text)
    kept = [_bare(piece, behind and place == 0) for place, piece in enumerate(pieces)]
    return [piece for piece in kept if piece]


def _bare(piece: str, behind: bool) -> str:
    if piece.isascii():
        return "" if piece.lower() in _ENGLISH else piece
    return _stripped(piece, behind)


def _stripped(piece: str, behind: bool) -> str:
    """Particles and the words of asking off both ends. A piece that is all glue leaves nothing."""
    if _ALL_GLUE.fullmatch(piece):
        return ""
    while (match := _FRONT.match(piece)) and (behind or match.end() > 1):
        piece, behind = piece[match.end() :], True
    tail = piece[-60:]
    match = _BACK.search(tail)
    return piece[: len(piece) - len(tail) + match.start()] if match else piece
