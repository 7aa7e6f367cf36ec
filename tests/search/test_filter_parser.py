"""The filter language: against a naive reading in Python, and every mistake with its place."""

import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from echosearch.errors import WhereError
from echosearch.filters import And, Comparison, Not, Or, Where
from echosearch.search.filter_parser import MAX_LENGTH, parse_where


@dataclass(frozen=True)
class Video:
    view: str | None
    view_prob: float | None
    mode: str | None
    sex: str | None
    age: int | None
    month: int | None
    device: str | None


VIDEOS = [
    Video(view, prob, mode, sex, age, month, device)
    for view, prob, mode, sex, age, month, device in itertools.islice(
        zip(
            itertools.cycle(["4CH", "2CH", None, "Other", "LAX"]),
            itertools.cycle([0.95, 0.4, None, 0.9]),
            itertools.cycle(["bmode", "color", None]),
            itertools.cycle(["F", "M", None, "O", "F", "M", "F"]),
            itertools.cycle([64, 65, 90, None, 0, 66, 40, 89, 30, 7, 65]),
            itertools.cycle([201912, 202001, 202004, 202012, 202101, None, 199904, 202003, 202005]),
            itertools.cycle(["Vivid E95", None, "EPIQ 7C"]),
        ),
        400,
    )
]


def holds(where: Where, video: Video) -> bool:
    """The meaning that both index adapters give a tree: an unknown value meets no comparison."""
    match where:
        case And(parts):
            return all(holds(part, video) for part in parts)
        case Or(parts):
            return any(holds(part, video) for part in parts)
        case Not(part):
            return not holds(part, video)
        case Comparison(field, op, value):
            have = getattr(video, field)
            if have is None:
                return False
            tests: dict[str, Callable[[], object]] = {
                "=": lambda: have == value,
                "<": lambda: have < value,
                "<=": lambda: have <= value,
                ">": lambda: have > value,
                ">=": lambda: have >= value,
                "in": lambda: isinstance(value, tuple) and have in value,
            }
            return bool(tests[op]())


# what a user types, and the same said in Python by somebody who has not seen the parser
Meant = Callable[[Video], bool]
Reading = tuple[str, Meant]
READINGS: list[tuple[str, Meant]] = [
    ("view = 4CH", lambda v: v.view == "4CH"),
    ("view != 4CH", lambda v: v.view != "4CH"),
    ("VIEW = a4c", lambda v: v.view == "4CH"),
    ("ｖｉｅｗ＝四腔像", lambda v: v.view == "4CH"),
    ("view in (4CH, 2CH)", lambda v: v.view in ("4CH", "2CH")),
    ("view not in (４ＣＨ、２ＣＨ)", lambda v: v.view not in ("4CH", "2CH")),
    ("age >= 65", lambda v: v.age is not None and v.age >= 65),
    ("age≧６５", lambda v: v.age is not None and v.age >= 65),
    ("age>=65", lambda v: v.age is not None and v.age >= 65),
    ("age in (64,66)", lambda v: v.age in (64, 66)),
    ("not age < 65", lambda v: not (v.age is not None and v.age < 65)),
    ("sex = f", lambda v: v.sex == "F"),
    ("sex≠F", lambda v: v.sex != "F"),
    ("mode == color", lambda v: v.mode == "color"),
    ("view_prob >= 0.9", lambda v: v.view_prob is not None and v.view_prob >= 0.9),
    ('device = "Vivid E95"', lambda v: v.device == "Vivid E95"),
    ("device = 「EPIQ 7C」", lambda v: v.device == "EPIQ 7C"),
    ("device in ('EPIQ 7C', \"Vivid E95\")", lambda v: v.device is not None),
    ("date = 2020", lambda v: v.month is not None and v.month // 100 == 2020),
    ("date != 2020", lambda v: v.month is None or v.month // 100 != 2020),
    ("date > 2020", lambda v: v.month is not None and v.month // 100 > 2020),
    ("date >= 2020", lambda v: v.month is not None and v.month // 100 >= 2020),
    ("date < 2020", lambda v: v.month is not None and v.month // 100 < 2020),
    ("date <= 2020", lambda v: v.month is not None and v.month // 100 <= 2020),
    ("date = 2020-04", lambda v: v.month == 202004),
    ("date > 2020-4", lambda v: v.month is not None and v.month > 202004),
    ("date <= 2020/04", lambda v: v.month is not None and v.month <= 202004),
    ("date ≦ ２０２０ー０４", lambda v: v.month is not None and v.month <= 202004),
    ("date in (1999, 2020-01)", lambda v: v.month is not None and (v.month // 100 == 1999 or v.month == 202001)),
    (
        "view = 4CH and age >= 65 and sex = F and date >= 2020-01",
        lambda v: v.view == "4CH" and (v.age or 0) >= 65 and v.sex == "F" and (v.month or 0) >= 202001,
    ),
    # "and" binds tighter than "or", "not" tighter than both
    ("sex = F or sex = M and age < 30", lambda v: v.sex == "F" or (v.sex == "M" and v.age is not None and v.age < 30)),
    ("(sex = F or sex = M) and age < 30", lambda v: v.sex in ("F", "M") and v.age is not None and v.age < 30),
    ("not sex = F and age < 30", lambda v: v.sex != "F" and v.age is not None and v.age < 30),
    ("NOT (sex = F AND age < 30)", lambda v: not (v.sex == "F" and v.age is not None and v.age < 30)),
    ("not not sex = F", lambda v: v.sex == "F"),
    ("（sex＝F　or　sex＝O）", lambda v: v.sex in ("F", "O")),
]


@pytest.mark.parametrize(("typed", "meant"), READINGS, ids=[typed for typed, _ in READINGS])
def test_an_expression_means_what_it_says(typed: str, meant: Meant) -> None:
    where = parse_where(typed)
    assert [holds(where, video) for video in VIDEOS] == [meant(video) for video in VIDEOS]


def test_combinations_mean_the_combination() -> None:
    """Random expressions of the readings above, against the same combination of their Python readings."""
    draw = random.Random(7)

    def made(depth: int) -> tuple[str, Meant]:
        if depth == 0:
            typed, meant = draw.choice([reading for reading in READINGS if len(reading[0]) < 30])
            return f"({typed})", meant
        (left, first), (right, second) = made(depth - 1), made(depth - 1)
        return draw.choice(
            [
                (f"({left} and {right})", lambda v: first(v) and second(v)),
                (f"({left} or {right})", lambda v: first(v) or second(v)),
                (f"(not {left})", lambda v: not first(v)),
            ]
        )

    for _ in range(60):
        typed, meant = made(draw.choice([1, 2, 3]))
        if len(typed) > MAX_LENGTH:
            continue
        where = parse_where(typed)
        assert [holds(where, video) for video in VIDEOS] == [bool(meant(video)) for video in VIDEOS], typed


@pytest.mark.parametrize(
    ("typed", "place", "told"),
    [
        ("view = 5CH", 8, "view has no value '5CH': it is one of LAX, SAX, 2CH, 3CH, 4CH, Other"),
        ("sex = X", 7, "it is one of M, F, O"),
        ("mode = spin", 8, "it is one of bmode, color"),
        ("colour = red", 1, "no such field: it is one of view, view_prob, mode, sex, age, date, device"),
        ("study = 3f2a9c01", 1, "no such field"),
        ("sex = F and patient = 0001234", 13, "no such field"),
        ("month = 202001", 1, "no such field"),
        ("date = 2020-04-01", 8, "the index keeps months, not days"),
        ("date >= 2020-13", 9, "date is a year (2020) or a month (2020-04)"),
        ("date = 令和2年", 8, "date is a year"),
        ("age = old", 7, "age is a whole number of years from 0 to 90"),
        ("age >= 95", 8, "90 means 90 and over"),
        ("age > 90", 7, "90 means 90 and over"),
        ("view < 4CH", 8, "view has no order"),
        ("view_prob = 0.9", 13, "view_prob takes <, <=, > and >="),
        ("view_prob >= 1.5", 14, "view_prob is a number from 0 to 1"),
        ("view =", 7, "expected a value"),
        ("view 4CH", 6, "expected one of = != < <= > >= in"),
        ("age >= 65 sex = F", 11, "expected and, or"),
        ("age >= 65 and", 14, "expected a field"),
        ("(age >= 65", 11, "expected a closing bracket"),
        ("age >= 65)", 10, "expected the end"),
        ("view in ()", 10, "expected a value"),
        ("view in (4CH 2CH)", 14, "expected"),
        ('device = "Vivid', 10, "a quote that is not closed"),
        ('device = ""', 10, "device is a name, not nothing"),
        ("age => 65", 6, "expected a value"),
        ("age = 1 ; drop table", 9, "expected and, or"),
    ],
)
def test_a_mistake_is_one_line_with_its_place(typed: str, place: int, told: str) -> None:
    with pytest.raises(WhereError) as caught:
        parse_where(typed)
    message = str(caught.value)
    assert f"character {place}:" in message
    assert told in message
    assert "\n" not in message
    assert "0001234" not in message


def test_length_and_emptiness() -> None:
    with pytest.raises(WhereError, match="empty"):
        parse_where(" 　")
    longest = " or ".join(["age = 65"] * 42)
    assert len(longest) <= MAX_LENGTH
    assert isinstance(parse_where(longest), Or)
    with pytest.raises(WhereError, match="at most 512"):
        parse_where(longest + " or age = 65" * 2)


def test_nesting_costs_no_recursion() -> None:
    assert parse_where("(" * 250 + "age=3" + ")" * 250) == Comparison("age", "=", 3)
    assert parse_where("not " * 126 + "age=3") == Comparison("age", "=", 3)


def test_whatever_is_typed_is_read_or_refused() -> None:
    """Expressions with a character struck out, doubled or put in: a tree or one line, never another error."""
    draw = random.Random(11)
    read, refused = 0, []
    for _ in range(3000):
        typed = list(draw.choice(READINGS)[0])
        for _ in range(draw.randint(1, 3)):
            place = draw.randrange(len(typed))
            put = draw.choice(["", typed[place] * 2, *"()=<>!,\"'「≧＝　\n\0é💓-0"])
            typed[place : place + draw.choice([0, 1])] = put or " "
        try:
            parse_where("".join(typed))
            read += 1
        except WhereError as exc:
            refused.append(str(exc))
    assert read > 100
    assert len(refused) > 100
    assert not [message for message in refused if "\n" in message]
