"""What is known at one point of a sentence: structures that wait for their finding, the open list, the time."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from echosearch.report.facts.lexicon.lexicon import Finding, Lexicon
from echosearch.report.facts.reader.mention import Mention, Value
from echosearch.report.facts.text.number import Number
from echosearch.report.facts.text.tokens import Token

__all__ = ["FORMING", "SITES", "VALVES", "Context", "State"]

VALVES = {"mv": ("mr", "ms"), "av": ("ar", "as"), "tv": ("tr", "ts"), "pv": ("pr", "pulm_stenosis")}
FORMING = {"finding", "attribute", "structure", "quality", "region", "diffuse", "abnormal"}
SITES = {"mv": "mv", "mva": "mv", "av": "av", "tv": "tv", "pv": "pv", "lvot": "lvot"}
_SITE_OF = (
    ("僧帽|僧房|mitral|MVR|MVP|Mitra|MAP|TEER|PASCAL", "mv"),
    ("大動脈|aortic|AVR|TAV|CoreValve|SAPIEN|Evolut|Bentall|ベントール", "av"),
    ("三尖|TVR|TAP|TriClip", "tv"),
)


@dataclass(frozen=True)
class Context:
    """What one sentence leaves to the next: heading, the valve named last, the measurement named last."""

    topic: tuple[str, ...] = ()
    site: str | None = None
    measure: str | None = None
    prosthesis: str = ""  # the site of the one that was named, "prosth" where it is not told
    firm: bool = False  # the heading stands with a colon or on a line of its own, not with は
    fluid: bool = False  # an effusion was named: its depth may follow
    clot: bool = False  # DVT or an embolism was named: PE is one
    bracketed: bool = False  # the report says that what stands in brackets behind a value is an earlier one


@dataclass
class State:
    """The reader's state within one sentence. ``mentions`` and ``values`` are what it found."""

    text: str
    lexicon: Lexicon
    context: Context
    query: bool = False
    mentions: list[Mention] = field(default_factory=list)
    values: list[Value] = field(default_factory=list)
    # structures and neutral names that wait for their finding
    heads: list[Token] = field(default_factory=list)
    last_heads: tuple[str, ...] = ()
    regions: list[Token] = field(default_factory=list)
    diffuse: Token | None = None
    qualities: list[tuple[tuple[Token, ...], Token]] = field(default_factory=list)
    spread: str | None = None  # what is told of each structure that follows: 逆流: 大動脈弁 軽度、僧帽弁 中等度
    orphan: tuple[Token, Mention] | None = None  # an attribute whose structure comes after it
    resolved: tuple[Token, Mention] | None = None  # the last one whose structure came after it
    headed: tuple[tuple[Token, ...], Token] | None = None  # a neutral name that heads numbers: 右室機能: TAPSE 14mm
    value_word: Token | None = None  # normal, reduced: before its quality
    # the open list
    group: list[Mention] = field(default_factory=list)
    cued: bool = False
    cue_end: int = 0
    strong: bool = False
    either: bool = False
    front: Token | None = None
    front_earlier: bool = False
    recalled: bool = False
    unclear: bool = False  # 評価困難な: before it
    # structures that wait with a grade of their own
    graded_heads: list[tuple[tuple[Token, ...], Token]] = field(default_factory=list)
    spared: Token | None = None  # a grade that a query excludes of what follows
    list_front: tuple[tuple[int, int], str, bool] | None = None  # a grade, of which group, of one structure alone
    significant: bool = False
    new: bool = False
    noun: bool = False  # one that is no concept was named since the last finding
    denied: bool = False  # no, without: before what they deny
    asked: bool = False  # rule out, evaluate for: before it
    excluding: bool = False  # excluding, except: before it
    suspected: bool = False  # possible, s/o: before it
    supposed: bool = False  # likely due to: what follows is a cause that may not be one
    traced: str = ""  # an electrocardiogram is told of: up to the end of the "clause" or the "sentence"
    traced_at: int = 0
    # time and place
    earlier: bool = False
    earlier_after: bool = False
    earlier_depth: int = 0
    earlier_until: int = 0  # the end of the event that it tells of: 半年前に心筋梗塞を発症し、
    dated: bool = False  # a date was named before any value
    before_now: list[Mention] = field(default_factory=list)  # graded ones between a date and 今回
    dates: list[tuple[int, tuple[int, int]]] = field(default_factory=list)  # where a year and its month stand
    arrow: bool = False
    arrow_at: int = 0  # where the last one stands
    outdated: dict[str, int] = field(default_factory=dict)  # how many values were held against an arrow, by measure
    now: bool = False
    poor: bool = False
    others: bool = False
    depth: int = 0
    comma: bool = False  # since the last token that forms
    topic: tuple[str, ...] = ()
    site: str | None = None
    site_before: str | None = None  # SAM was named
    prosthesis: str = ""  # as in the context
    firm: bool = False
    # numbers
    names: list[Token] = field(default_factory=list)
    numbered: bool = False
    unsited: list[tuple[Token, Number, str | None, int, bool, bool]] = field(
        default_factory=list
    )  # gradients of no valve yet
    measure: str | None = None
    gradient: bool = False  # one was named: 圧較差は最大64mmHg、平均40mmHg
    waiting: Token | None = None  # a number whose measurement comes after it
    done: int = -1  # tokens up to here are read already

    def __post_init__(self) -> None:
        self.topic, self.site, self.measure = self.context.topic, self.context.site, self.context.measure
        self.prosthesis, self.firm = self.context.prosthesis, self.context.firm

    @property
    def last(self) -> Mention | None:
        return self.mentions[-1] if self.mentions else None

    @property
    def last_open(self) -> Mention | None:
        """The last finding of the open list: a predicate behind it speaks of that first."""
        return self.group[-1] if self.group else None

    @property
    def in_rv(self) -> bool:
        """Whether the right ventricle is what this part of the report is about."""
        return self.topic == ("rv",) and (self.firm or self.topic != self.context.topic)

    def close(self) -> None:
        """Close the open list: what follows begins a new one."""
        self.group, self.cued, self.list_front = [], False, None
        self.significant = self.new = self.denied = self.suspected = self.excluding = False

    def place(self, finding: Finding, start: int, end: int) -> None:
        """Note the valve that a gradient or a velocity behind this finding belongs to."""
        if finding.head in SITES:
            self.site = SITES[finding.head]
        elif finding.implant:
            words = self.text[start:end]
            found = next((site for pattern, site in _SITE_OF if re.search(pattern, words, re.IGNORECASE)), None)
            own = self.prosthesis if finding.concept == "prosthetic_valve" and self.prosthesis in SITES else None
            if not (finding.concept == "repair_clip" and self._beside_a_valve(found)):  # MVR+TAP
                self.site = found or own or self.site  # AVR+MAP後。人工弁: mean PG 11mmHg
            if finding.concept == "prosthetic_valve":
                self.last_heads = ("prosth",)
                self.prosthesis = found or self.prosthesis or "prosth"
            elif found is not None:
                self.last_heads = (found,)
        elif finding.concept == "sam":
            self.site_before, self.site = self.site, "lvot"

    def _beside_a_valve(self, site: str | None) -> bool:
        """Whether a repair is joined to the operation whose gradient is measured: a replacement, or a mitral repair."""
        if len(self.mentions) < 2 or self.mentions[-1].link != "strong":
            return False
        before = self.mentions[-2].finding
        return before.concept == "prosthetic_valve" or (before.concept == "repair_clip" and site == "tv")

    def settle(self) -> None:
        """Forget what waited: a finding was formed from it."""
        self.heads, self.regions, self.diffuse, self.qualities = [], [], None, []
        self.graded_heads = []

    def name_structure(self, token: Token) -> None:
        site = SITES.get(token.value[0])
        if site is not None:
            self.site = site

    def left(self) -> Context:
        clot = "DVT" in self.text or "塞栓" in self.text
        bracketed = self.context.bracketed
        fluid = any(m.finding.concept == "pericardial_effusion" and m.polarity == "present" for m in self.mentions)
        return Context(self.topic, self.site, self.measure, self.prosthesis, self.firm, fluid, clot, bracketed)
