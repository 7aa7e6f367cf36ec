"""Place walls: which walls of the left ventricle each statement on their motion in a sentence is about.

A wall belongs to the statement that it stands before, back to where another statement ends; what is listed before a
comma belongs to it, too, where it is nothing but walls. Walls behind a statement are its own where none stand before
it (akinesis of the inferior wall), or in brackets. A statement without a wall goes with the one that it is joined to.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from echosearch.report.facts.lexicon.lexicon import Lexicon
from echosearch.report.facts.reader.mention import Mention
from echosearch.report.facts.reader.motion.joined import joined_walls
from echosearch.report.facts.text.named_walls import PLACE, PlacedWall, placed_walls
from echosearch.report.facts.text.tokens import Token
from echosearch.report.facts.walls import MOTION, WALLS, single_walls, walls_apart

__all__ = ["name_walls"]

_LEFT = "lv_wall_motion"  # 左室壁運動 of no wall
_LEVEL = r"心?基部側?|中央?部|心尖側|心尖寄り|起始部|遠位側?|近位側?|\b(?:mid|basal|base|distal|proximal|apical)\b"
_LEVELS = re.compile(rf"\((?:{_LEVEL}|心尖部?|apex|[\s、,・~/-])*+\)", re.IGNORECASE)  # 前壁(基部、中部)
_MID_LEVEL = re.compile(_LEVEL, re.IGNORECASE)
# what may stand in a list of walls, beside them
_LISTED = re.compile(
    rf"(?:{_LEVEL}|[\s・/&~+:.()*-]|[のとやに]|または|又は|もしくは|あるいは|および|及び|ならびに|並びに|かつ|から|より|にかけて|まで|など"
    r"|いずれか|すべて|全て|領域|灌流|支配|部位?|壁|左室|左心室|限局した?|#?\d+|[か]"
    r"|\b(?:and|or|to|of|the|in|at|walls?|segments?|territor(?:y|ies)|lv|left|ventricular|regions?|both|either)\b)*+は?",
    re.IGNORECASE,
)
_COMMA = re.compile(r"[、,]")
_STOP = re.compile(r"[。;\n]")
_CLOSED = re.compile(r"\s*[、,;]")  # behind a cue: what was stated ends there
_THICK = re.compile("(?:壁厚|厚さ|輝度|径|サイズ)[はが]?\\Z")  # 後壁は壁厚が保たれているが低収縮
_GOES_ON = re.compile("[状化]?(?:で|して?)(?:おり、)?(?!は|も)")  # 心尖部は瘤状で無収縮
_BRACKET = re.compile(r"\s*(?:あり|有り|を?認め(?:る|た|ます)?|\(?[+±]\)?)?\s*\(([^()]*)\)")
_OF = re.compile(
    r"\s+(?:segments?\s+)?(?:(?:is|are|was|were) (?:seen|noted|present|found|observed)\s+)?"
    r"(?:of|in|at|involving|within)\b",
    re.IGNORECASE,
)
_AND = re.compile(r"\b(?:and|with|while|but)\b", re.IGNORECASE)
_ALL_BUT = re.compile(rf"{PLACE}(?:以外|を除)")
_WELL = re.compile(r"\b(?:with|and|but) (?:an? |the )?(?:preserved|normal)\b", re.IGNORECASE)
_BESIDE = re.compile(rf"{PLACE}(?:以外|を除|のみならず|を含まない)")
# LAD(#6)閉塞による前壁の無収縮: what is closed is not what moves badly
_LESION = re.compile(
    r"[\s(]*(?:#\d+)?[\s)]*の?(?:[近遠]位部|起始部|分岐部)?(?:の?\d+%)?(?:完全|急性)?の?(?:心筋)?(?:閉塞|狭窄|病変|梗塞|に?PCI|ステント)"
    r"| ?(?:wall )?(?:MI|infarct\w*|occlusion|stenosis|stent\w*)\b"
)
_EXCEPT = re.compile(r"\b(?:except(?: for)?|other than|excluding|sparing(?: of)?)(?: the)? *\Z", re.IGNORECASE)
_JOINER = re.compile(
    r"[\s~/・-]*(?:→|または|又は|もしくは|あるいは|ないし|および|及び|から|とか?|や|か|\b(?:or|and|to)\b)?[\s~/・-]*"
    r"(?:(?:軽度|中等度|高度)の?|(?:mild|moderate|severe) )?",
    re.IGNORECASE,
)
_SAME = re.compile("同(?:部位?|領域)")
_TODAY = re.compile(r"今回|今は|現在|同(?:部位?|領域)|一部|\b(?:now|today|currently)\b", re.IGNORECASE)
_OTHERS = re.compile(r"他の?|全体|びまん|\b(?:others?|global|diffuse|remaining)\b", re.IGNORECASE)
_LOW = re.compile("低下|低収縮|hypo|reduc|decreas|impair", re.IGNORECASE)
_OPENS = re.compile(r"\s*[:(]\s*")
_SIGN = re.compile(
    r"(?:の?領域|域| wall| territory)?\s*[:(]?\s*([-+±]|あり|なし|[有無])\)?(?=[\s、,/・)]|$)"
)  # 壁運動異常(前壁-、下壁+)
_MINUS = ("-", "なし", "無")
_SIGNS = 2  # so many make a list


def name_walls(mentions: list[Mention], text: str, found: Sequence[Token], lexicon: Lexicon) -> None:
    """Note the walls that each abnormality of wall motion of a sentence is of.

    One of the left ventricle that has a wall after all is one of that wall: LAD(#7)領域の壁運動低下.
    """
    stated = [mention for mention in mentions if mention.finding.concept in (*MOTION, _LEFT)]
    if not stated or not (named := placed_walls(text)):
        return
    stated.sort(key=lambda mention: (mention.end, mention.start))
    line = _Line(text, named, _ends(mentions, found, text), stated)
    before: Mention | None = None
    for place, mention in enumerate(stated):
        own = line.before(mention)
        walls = line.bracketed(mention, own) if own else line.behind(mention, place)
        if mention.finding.concept == _LEFT:
            if not walls or not line.adjoins(mention, walls):
                continue
            low = mention.polarity != "absent" and _LOW.search(text, mention.start, mention.end)
            mention.finding = lexicon.findings["hypokinesis" if low else "rwma"]
        _note(mention, walls, text)
        if not walls and (left := line.left_out(mention)):
            _note_all_but(mention, left)
        elif not walls and before is not None and line.carries(before, mention):
            mention.walls, mention.wall_clauses = before.walls, before.wall_clauses
        line.ends += [one.end for one in walls if one.end > mention.end]  # they are taken
        before = mention if mention.walls else before
        mentions += line.signed(mention)
    _share_backwards(stated, text)


def _note(mention: Mention, walls: list[PlacedWall], text: str) -> None:
    mention.walls = tuple(dict.fromkeys(wall for one in walls for wall in one.named.walls))
    mention.wall_clauses = joined_walls(walls, text)


def _note_all_but(mention: Mention, left: tuple[str, ...]) -> None:
    """Note the walls that a statement does not leave out."""
    others = single_walls(WALLS) - single_walls(left)
    mention.walls, mention.other_walls = tuple(wall for wall in WALLS if wall in others), left
    absent = mention.polarity == "absent"  # 下壁以外に壁運動異常なし: none of the others has one
    mention.wall_clauses = tuple((wall,) for wall in mention.walls) if absent else (walls_apart(left),)


def _share_backwards(stated: list[Mention], text: str) -> None:
    """Give a statement without a wall those of the one that it is joined to: akinesis or dyskinesis of the apex."""
    for first, second in zip(stated[-2::-1], stated[:0:-1], strict=True):
        joined = first.end <= second.start and _JOINER.fullmatch(text, first.end, second.start)
        if joined and not first.walls and first.finding.concept in MOTION:
            first.walls, first.wall_clauses = second.walls, second.wall_clauses


def _ends(mentions: list[Mention], found: Sequence[Token], text: str) -> list[int]:
    """Return where statements end: findings, normal words, and cues and numbers before a comma."""
    ends = [
        one.end
        for one in mentions
        if one.finding.group == "motion" or not (_GOES_ON.match(text, one.end) or text.startswith("壁厚", one.start))
    ]
    for token in found:
        if token.kind == "normal" and not _THICK.search(text, 0, token.start):
            comma = _COMMA.search(text, token.end)
            until = comma.start() if comma else len(text)
            ahead = text[token.start].isascii() and not any(token.end < mention.end <= until for mention in mentions)
            ends.append(until if ahead else token.end)  # normal anterior wall, inferior akinesis
        elif token.kind in ("positive", "negative", "suspected", "number") and _CLOSED.match(text, token.end):
            ends.append(token.end)
    return ends


class _Line:
    """A sentence with its walls, and where its statements end."""

    def __init__(self, text: str, named: list[PlacedWall], ends: list[int], stated: list[Mention]) -> None:
        self.text, self.named, self.ends, self.stated = text, named, ends, stated

    def before(self, mention: Mention) -> list[PlacedWall]:
        """Return the walls that stand before a statement."""
        core = max((one.end for one in self.named if mention.start <= one.start < mention.end), default=mention.start)
        low = self._begin(core)
        inside = any(max(low, mention.start) <= one.start < mention.end for one in self.named)
        if _SAME.search(self.text, low, core) and not inside:  # 梗塞(前壁中隔、心尖部):同部位
            ahead = [one for one in self.named if one.start < core]
            return [one for one in ahead if one.start >= low] or ahead[-1:]
        walls: list[PlacedWall] = []
        for begin, end in reversed(self._pieces(low, core)):
            piece = [one for one in self.named if begin <= one.start < end]
            first = end == core or (not walls and (begin >= mention.start or not self.text[end + 1 : core].strip()))
            if not (first or (piece and self._listed(piece[0].start, end))):
                break
            walls = piece + walls
            if not first and not self._listed(begin, end):
                break  # words lead in a list: 左室壁運動:前壁、側壁
        return [one for one in walls if not _LESION.match(self.text, one.end)] or walls

    def _begin(self, core: int) -> int:
        """Return where the words before a statement begin: behind another statement, 下壁以外 or a full stop."""
        low = max((end for end in self.ends if end <= core), default=0)
        for one in self.named:
            if low <= one.end <= core and _BESIDE.match(self.text, one.end):
                low = one.end
        for stop in _STOP.finditer(self.text, low, core):
            low = stop.end()
        return low

    def bracketed(self, mention: Mention, walls: list[PlacedWall]) -> list[PlacedWall]:
        """Return the walls of a statement with those that follow it in brackets: LAD領域の無収縮(前壁、心尖部)."""
        bracket = _BRACKET.match(self.text, mention.end)
        if bracket is None or not all(self._listed(*span) for span in self._pieces(bracket.start(1), bracket.end(1))):
            return walls
        return walls + [one for one in self.named if bracket.start(1) <= one.start < bracket.end(1)]

    def behind(self, mention: Mention, place: int) -> list[PlacedWall]:
        """Return the walls that follow a statement, up to the next one and what is before that."""
        if own := self.bracketed(mention, []):
            return own  # 無収縮(下壁) 低収縮(側壁)
        later = [other for other in self.stated[place + 1 :] if other.end > mention.end]
        walls: list[PlacedWall] = []
        for begin, end in self._pieces(mention.end, self._until(mention)):
            piece = [one for one in self.named if begin <= one.start < end]
            following = next((other for other in later if begin <= other.end <= end), None)
            if following is not None:
                if self._leads_in(mention, following, piece):
                    return []
                last = max((m.start() for m in _AND.finditer(self.text, begin, following.end)), default=begin)
                return walls + [one for one in piece if one.end <= last]
            if begin > mention.end and not (self._listed(begin, end) and (piece or not walls)):
                break
            walls += piece
        return [one for one in walls if not _EXCEPT.search(self.text, 0, one.start)]

    def _until(self, mention: Mention) -> int:
        """Return how far the words behind a statement are its own."""
        stop = _STOP.search(self.text, mention.end) or _WELL.search(self.text, mention.end)
        until = stop.start() if stop else len(self.text)
        return min([until, *(end for end in self.ends if mention.end < end < until and not self._stated_at(end))])

    def _leads_in(self, mention: Mention, following: Mention, piece: list[PlacedWall]) -> bool:
        """Return whether the walls behind are of the next statement: RWMA: inferior, lateral hypokinesis."""
        linked = _OF.match(self.text, mention.end) or _BRACKET.match(self.text, mention.end)
        return linked is None and any(one.start < following.end for one in piece)

    def left_out(self, mention: Mention) -> tuple[str, ...]:
        """Return the walls that a statement leaves out: 下壁以外は低収縮, none except of the inferior wall."""
        low = max((end for end in self.ends if end <= mention.start), default=0)
        ahead = [one for one in self.named if low <= one.start < mention.end]
        while ahead and not _ALL_BUT.match(self.text, ahead[-1].end):
            ahead.pop()
        later = [one for one in self._after(mention) if _EXCEPT.search(self.text, mention.end, one.start)]
        return tuple(wall for one in ahead or later for wall in one.named.walls)

    def signed(self, mention: Mention) -> list[Mention]:
        """Leave a statement the walls that have a plus in the list behind it, and return one of those with a minus."""
        listed = self._after(mention)
        signs = [_SIGN.match(self.text, one.end) for one in listed]
        if len(signs) < _SIGNS or not _OPENS.fullmatch(self.text, mention.end, listed[0].start) or not all(signs):
            return []
        there, absent = (
            tuple(
                wall
                for one, sign in zip(listed, signs, strict=True)
                if sign and (sign[1] in _MINUS) == minus
                for wall in one.named.walls
            )
            for minus in (False, True)
        )
        mention.cues[:] = ["positive" if there else "negative"]
        mention.walls = there or absent
        mention.wall_clauses = tuple((wall,) for wall in mention.walls)
        alone = tuple((wall,) for wall in absent)
        return [replace(mention, cues=["negative"], walls=absent, wall_clauses=alone)] if there and absent else []

    def adjoins(self, mention: Mention, walls: list[PlacedWall]) -> bool:
        """Return whether nothing stands between a statement and its walls."""
        first, last = min(one.start for one in walls), max(one.end for one in walls)
        if first >= mention.end:
            return _OF.match(self.text, mention.end) is not None or self.text[mention.end : first].strip() == "("
        return last > mention.start or _LISTED.fullmatch(self.text, last, mention.start) is not None

    def carries(self, before: Mention, mention: Mention) -> bool:
        """Return whether a statement without a wall is of those of the one before it: severe hypo~akinesis."""
        begin, end = min(before.end, mention.start), mention.end
        between = self.text[begin:end]
        well = before.finding.concept == MOTION[0] and before.polarity == "absent"  # 側壁は正常
        if well or mention.finding.concept == MOTION[0] or _STOP.search(between) or _OTHERS.search(between):
            return False
        if any(begin <= one.start < end for one in self.named if one.start >= before.end):
            return False
        return not _COMMA.search(between) or bool(_MID_LEVEL.search(between) or _TODAY.search(between))

    def _after(self, mention: Mention) -> list[PlacedWall]:
        """Return the walls behind a statement, in its own sentence."""
        stop = _STOP.search(self.text, mention.end)
        until = stop.start() if stop else len(self.text)
        return [one for one in self.named if mention.end <= one.start < until]

    def _stated_at(self, end: int) -> bool:
        return any(mention.end == end for mention in self.stated)

    def _pieces(self, begin: int, end: int) -> list[tuple[int, int]]:
        levels = [match.span() for match in _LEVELS.finditer(self.text, begin, end)]
        commas = [
            comma.start()
            for comma in _COMMA.finditer(self.text, begin, end)
            if not any(first < comma.start() < last for first, last in levels)
        ]
        return list(zip([begin, *(comma + 1 for comma in commas)], [*commas, end], strict=True))

    def _listed(self, begin: int, end: int) -> bool:
        """Return whether words are nothing but walls."""
        rest, at = "", begin
        for one in self.named:
            if begin <= one.start < end:
                rest, at = rest + self.text[at : one.start] + " ", one.end
        return _LISTED.fullmatch(rest + self.text[at : max(at, end)]) is not None
