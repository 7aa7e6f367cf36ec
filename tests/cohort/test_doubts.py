"""A cohort says of its sentence what a search would: what may be meant otherwise, what of it is no condition."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from echosearch.cohort.definition import define, window_of
from echosearch.cohort.doubts import doubts_of
from echosearch.cohort.run import reading, run_definition
from echosearch.cohort.toml import from_toml, to_toml
from echosearch.errors import InputError
from echosearch.report.facts import load_lexicon
from tests.cohort.conftest import Ward


@pytest.mark.parametrize(
    ("sentence", "doubts"),
    [
        ("PEあり", ["PE is read as"]),
        ("下壁の壁運動異常が前回より悪化", ["not told wall by wall"]),
        ("左心耳血栓", ["facts do not tell its place"]),
        ("重度MR、TAVI後を除く", ["others are excluded too"]),
        ("重度MR", []),
        ("下壁の無収縮", []),  # reports tell the wall itself
    ],
)
def test_a_definition_has_the_doubts_of_its_sentence(ward: Ward, sentence: str, doubts: list[str]) -> None:
    ward.add("one", "one", date(2020, 1, 1), "重度の僧帽弁逆流あり。")
    ward.read()
    made = define("doubtful", sentence, load_lexicon())
    said = doubts_of(made, load_lexicon())
    assert [doubt in one for one, doubt in zip(said, doubts, strict=True)] == [True] * len(doubts)
    with reading(ward.archive) as connection:
        notes = run_definition(ward.archive, connection, from_toml(to_toml(made), "doubtful")).notes
    assert set(said) <= set(notes)


def test_a_window_has_the_doubts_of_its_sentence() -> None:
    lexicon = load_lexicon()
    windows = [window_of(f"90 days: {said}", lexicon, "after", absent=False) for said in ("PEあり", "胸水あり")]
    made = from_toml(to_toml(define("later", "重度MR", lexicon, windows=windows)), "later")
    (doubt,) = doubts_of(made, lexicon)
    assert "PE is read as" in doubt
    edited = replace(windows[0], conditions=windows[1].conditions)
    assert doubts_of(replace(made, criteria=(*made.criteria[:1], edited)), lexicon) == ()


def test_walls_are_doubtful_where_videos_are_asked() -> None:
    by_videos = define("walls", "下壁の無収縮", load_lexicon(), video_at_least=0.8)
    (doubt,) = doubts_of(by_videos, load_lexicon())
    assert "territory of its artery" in doubt


def test_edited_criteria_have_no_doubts_of_the_sentence() -> None:
    lexicon = load_lexicon()
    made = define("edited", "PEあり", lexicon)
    other = define("edited", "胸水あり", lexicon)
    assert doubts_of(replace(made, criteria=other.criteria), lexicon) == ()
    assert doubts_of(replace(made, text=""), lexicon) == ()


def test_a_view_in_the_sentence_is_refused_with_the_condition_that_asks_for_it() -> None:
    with pytest.raises(InputError, match=r"not understood: 4CH; .*--where 'view = 4CH'"):
        define("view", "4CHで重度TR", load_lexicon())


def test_a_wall_that_nothing_is_asked_of_is_refused() -> None:
    with pytest.raises(InputError, match="not understood: 前壁"):
        define("walls", "前壁は正常で下壁は無収縮", load_lexicon())
