"""The filter language over generated trees and texts: printed and parsed again, and equal by De Morgan."""

from __future__ import annotations

from hypothesis import assume, example, given
from hypothesis import strategies as st

from echosearch.errors import InputError
from echosearch.filters import And, Comparison, Not, Or, Where
from echosearch.search.filter_parser import MAX_LENGTH, USER_FIELDS, parse_where
from echosearch.unicode import as_typed
from echosearch.video import Mode, View
from tests.search.test_filter_parser import READINGS, VIDEOS, Reading, holds

# what each field can hold as the parser gives it; "month" is what a user calls date
VALUES: dict[str, st.SearchStrategy[str | int | float]] = {
    "view": st.sampled_from([view.value for view in View]),
    "mode": st.sampled_from([mode.value for mode in Mode]),
    "sex": st.sampled_from("MFO"),
    "age": st.integers(0, 90),
    "view_prob": st.integers(0, 10**6).map(lambda millionths: millionths / 10**6),
    "month": st.builds(lambda year, month: 100 * year + month, st.integers(1900, 2099), st.integers(1, 12)),
    "device": st.text(st.characters(exclude_categories=["Cs"], exclude_characters='\0"'), min_size=1, max_size=8)
    .map(lambda name: as_typed(name).strip())
    .filter(lambda name: name and '"' not in name),
}
OPERATORS = {
    "age": ("=", "<", "<=", ">", ">="),
    "month": ("=", "<", "<=", ">", ">="),
    "view_prob": ("<", "<=", ">", ">="),
}


@st.composite
def comparisons(draw: st.DrawFn) -> Comparison:
    field = draw(st.sampled_from(sorted(VALUES)))
    if field != "view_prob" and draw(st.booleans()):
        several = draw(st.lists(VALUES[field], min_size=1, max_size=3, unique=True))
        return Comparison(field, "in", tuple(several))  # type: ignore[arg-type]  # a key of VALUES is a Field
    made = Comparison(field, draw(st.sampled_from(OPERATORS.get(field, ("=",)))), draw(VALUES[field]))  # type: ignore[arg-type]
    assume((made.field, made.op, made.value) != ("age", ">", 90))
    return made


def negated(where: Where) -> Where:
    return where.part if isinstance(where, Not) else Not(where)


def joined(parts: st.SearchStrategy[Where]) -> st.SearchStrategy[Where]:
    several = st.lists(parts, min_size=2, max_size=3).map(tuple)
    return st.one_of(several.map(And), several.map(Or), parts.map(negated))


trees = st.recursive(comparisons(), joined, max_leaves=8)


def printed(where: Where) -> str:
    """The tree as a user types it, every part in brackets."""
    match where:
        case And(parts):
            return " and ".join(f"({printed(part)})" for part in parts)
        case Or(parts):
            return " or ".join(f"({printed(part)})" for part in parts)
        case Not(part):
            return f"not ({printed(part)})"
        case Comparison(field, op, value):
            name = "date" if field == "month" else field
            if isinstance(value, tuple):
                return f"{name} in ({', '.join(said(field, one) for one in value)})"
            return f"{name} {op} {said(field, value)}"


def said(field: str, value: str | float) -> str:
    match field:
        case "month":
            return f"{int(value) // 100}-{int(value) % 100:02d}"
        case "view_prob":
            return f"{value:.6f}"
        case "device":
            return f'"{value}"'
        case _:
            return str(value)


def meaning(where: Where) -> list[bool]:
    return [holds(where, video) for video in VIDEOS]


@given(trees)
def test_a_printed_tree_is_parsed_to_itself(tree: Where) -> None:
    typed = printed(tree)
    assume(len(typed) <= MAX_LENGTH)
    assert parse_where(typed) == tree


@given(trees, st.data())
def test_case_blanks_and_width_change_nothing(tree: Where, data: st.DataObject) -> None:
    typed = printed(tree)
    assume('"' not in typed)  # a device's name is kept as it is written
    wide = "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" and data.draw(st.booleans()) else c for c in typed)
    blanks = data.draw(st.sampled_from([" ", "\t", "\u3000", "\n  "]))
    for other in (wide, typed.replace(" ", blanks), typed.upper(), typed.lower()):
        assume(len(other) <= MAX_LENGTH)
        assert parse_where(other) == tree


@given(trees, trees, trees)
def test_equivalent_expressions_hold_for_the_same_videos(a: Where, b: Where, c: Where) -> None:
    one, two, three = (f"({printed(part)})" for part in (a, b, c))
    pairs = (
        (f"not ({one} and {two})", f"not {one} or not {two}"),
        (f"not ({one} or {two})", f"not {one} and not {two}"),
        (f"not not {one}", one),
        (f"{one} and {two}", f"{two} and {one}"),
        (f"{one} or {two} and {three}", f"{one} or ({two} and {three})"),
        (f"{one} and ({two} or {three})", f"({one} and {two}) or ({one} and {three})"),
    )
    for left, right in pairs:
        if max(len(left), len(right)) <= MAX_LENGTH:
            assert meaning(parse_where(left)) == meaning(parse_where(right)), (left, right)


WORDS = st.sampled_from(
    [
        *USER_FIELDS,
        "and",
        "or",
        "not",
        "in",
        "month",
        *"=<>!(),\"'ー≧「",
        "<=",
        "!=",
        "4CH",
        "90",
        "91",
        "0.9",
        "2020-04",
        "　",
    ]
)


@given(st.one_of(st.text(max_size=80), st.lists(st.one_of(WORDS, st.text(max_size=3))).map(" ".join)))
@example("age = ²")
@example("age = ٣")
@example("view_prob < ٠.٩")
@example("date = ２０２０ー０４")
def test_any_text_is_a_tree_or_one_line(typed: str) -> None:
    try:
        meaning(parse_where(typed))
    except InputError as exc:
        assert "\n" not in str(exc)  # noqa: PT017 - refused, or read


@given(
    st.sampled_from(READINGS), st.sampled_from(READINGS), st.sampled_from(["and", "or"]), st.booleans(), st.booleans()
)
def test_two_readings_joined_mean_both(
    left: Reading, right: Reading, word: str, deny_left: bool, deny_right: bool
) -> None:
    """Without brackets: "not" binds tighter than "and" and "or"."""

    def one(reading: Reading, deny: bool) -> tuple[str, list[bool]]:
        typed, meant = reading
        return f"{'not ' if deny else ''}({typed})", [bool(meant(video)) != deny for video in VIDEOS]

    (first, means), (second, means_too) = one(left, deny_left), one(right, deny_right)
    join = all if word == "and" else any
    assert meaning(parse_where(f"{first} {word} {second}")) == [
        join(pair) for pair in zip(means, means_too, strict=True)
    ]
