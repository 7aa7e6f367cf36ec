"""What of a query nothing covers, without punctuation and glue."""

from __future__ import annotations

import re

__all__ = ["rest_of"]

_BREAK = re.compile(r"[\s、。,.;:!?!?・()\[\]{}「」『』\"'`/|&+~…\-=<>*#@^_\\]+")
_LEAD = re.compile(
    r"(?:両方とも|両方|両者|の|に|で|は|が|を|と|も|や|へ|から|まで|な|だ|かつ|また|および|及び|そして|さらに|ただし|かつ、|している|して|した|する|され|である|では|でも|があり|あり|ある|のある|ので|それぞれ|ともに|"
    r"症例|患者(?:さん|様)?|人(?=[のをがはに、\s]|$)|例(?=[のをがはに、\s]|$)|方(?=[のをがはに、\s]|$)|者|もの|群|ケース|対象|所見|検査|心エコー(?:図|検査)?|エコー(?:検査)?|レポート|報告(?:書)?|スタディ|"
    r"全て|すべて|全員|全部|一覧|リスト|を?(?:探(?:して|す|し)|検索(?:して|する|し)?|見(?:せて|たい|つけて)|表示(?:して|する)?|抽出(?:して|する)?|教えて|出して|調べ(?:て|たい|る)|知りたい|集めて|ピックアップ(?:して)?|リストアップ(?:して)?)|"
    r"ください|下さい|ほしい|欲しい|お願い(?:します|いたします)?|たい|です(?:か)?|ます(?:か)?|いる|おり|て|か|伴う|合併(?:した|する)?|呈する|有する|持つ|認める|認めた|ない|なし|のみ|だけ|場合|とき|時|それ|その|この|中で|うち|ところ)"
)
_ENGLISH = frozenset(
    [
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
        "having",
        "show",
        "me",
        "find",
        "search",
        "list",
        "all",
        "any",
        "patient",
        "patients",
        "case",
        "cases",
        "study",
        "studies",
        "exam",
        "exams",
        "echo",
        "report",
        "reports",
        "please",
        "give",
        "get",
        "where",
        "but",
        "only",
    ]
)


def rest_of(text: str, covered: list[tuple[int, int]]) -> str:
    """The uncovered pieces of a text in order, glue taken off their ends, joined by spaces."""
    pieces: list[str] = []
    at = 0
    for start, end in [*sorted(covered), (len(text), len(text))]:
        if start > at:
            pieces += _pieces(text[at:start])
        at = max(at, end)
    return " ".join(pieces)


def _pieces(text: str) -> list[str]:
    return [kept for piece in _BREAK.split(text) if piece and (kept := _bare(piece))]


def _bare(piece: str) -> str:
    if piece.isascii():
        return "" if piece.lower() in _ENGLISH else piece
    return _stripped(piece)


def _stripped(piece: str) -> str:
    """Glue off both ends. A piece that is all glue leaves nothing."""
    while match := _LEAD.match(piece):
        piece = piece[match.end() :]
    return _trailing(piece)


_TRAIL = re.compile(rf"(?:{_LEAD.pattern})+$")


def _trailing(piece: str) -> str:
    match = _TRAIL.search(piece[-60:])
    return piece[: len(piece) - len(piece[-60:]) + match.start()] if match else piece
