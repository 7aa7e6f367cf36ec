"""How texts are read: nothing of a long one is lost, or it is said; a phrase that many share is read once."""

from pathlib import Path

import numpy as np
import pytest

from echosearch.encoder.base import TextSpec
from echosearch.encoder.bundle.manifest import TokenizerSpec
from echosearch.encoder.text.phrases import read_texts
from echosearch.encoder.text.tokenizer import Tokenizer, installed_dictionary, load_tokenizer

APART = TextSpec(format="each_phrase_ja")
REPORTS = ("左室拡大なし。軽度のMRあり。", "軽度のMRあり", "左室拡大なし、EF 60%", "")
WORDS = """
    [PAD] [UNK] [CLS] [SEP] [MASK] 。 左室 拡大 なし 軽度 の MR あり 重度 EF 計測 は mm % ##0 ##1 ##2 ##3 ##4 ##5 ##6
    ##7 ##8 ##9 0 1 2 3 4 5 6 7 8 9
"""


@pytest.fixture
def tokenizer(tmp_path: Path) -> Tokenizer:
    (tmp_path / "vocab.txt").write_text("\n".join(WORDS.split()), encoding="utf-8")
    name, version = installed_dictionary()
    return load_tokenizer(tmp_path, TokenizerSpec(kind="mecab_wordpiece", dictionary=name, dictionary_version=version))


def test_a_phrase_that_many_reports_share_is_read_once(tokenizer: Tokenizer) -> None:
    parts = read_texts(REPORTS, APART, tokenizer, published=False)
    read = ["左室拡大なし。", "軽度のMRあり。", "EF 60%。", ""]
    assert [[*ids] for ids in parts.given] == tokenizer.encode(read, 256)
    assert [[part for part, _ in own] for own in parts.made_of] == [[0, 1], [1], [0, 2], [3]]
    rows = np.arange(8, dtype=np.float32).reshape(4, 2)
    assert parts.vectors(rows).tolist() == [[1, 2], [2, 3], [2, 3], [6, 7]]
    assert read_texts((), APART, tokenizer, published=False).vectors(rows[:0]).shape == (0, 2)


def test_in_one_piece_nothing_is_taken_apart(tokenizer: Tokenizer) -> None:
    parts = read_texts(REPORTS[:2], TextSpec(), tokenizer, published=False)
    assert [[*ids] for ids in parts.given] == tokenizer.encode(["左室拡大なし。軽度のMRあり。", "軽度のMRあり。"], 256)
    assert parts.made_of == (((0, 2.0),), ((1, 1.0),))
    assert all(note.as_before and not note.left_out for note in parts.notes)


@pytest.mark.parametrize("spec", [APART, TextSpec()])
@pytest.mark.parametrize("phrases", [36, 40, 60, 200, 700])
def test_the_last_of_many_phrases_is_read(tokenizer: Tokenizer, spec: TextSpec, phrases: int) -> None:
    measured = [f"計測は{i}mm" for i in range(phrases - 1)]
    texts = ["。".join([*measured, last]) for last in ("重度のMRあり", "MRなし")]
    grave, none = read_texts(texts, spec, tokenizer, published=False).made_of
    assert grave[:-1] == none[:-1]
    assert grave[-1] != none[-1]
    assert sum(weight for _, weight in grave) == pytest.approx(phrases)  # every phrase weighs the same
    parts = read_texts(texts, spec, tokenizer, published=False)
    assert all(len(ids) <= spec.max_tokens for ids in parts.given)
    assert [note.left_out for note in parts.notes] == [0, 0]
    assert not parts.notes[0].as_before


@pytest.mark.parametrize("spec", [APART, TextSpec(), TextSpec(max_tokens=64)])
def test_a_phrase_longer_than_the_tower_is_read_to_its_end(tokenizer: Tokenizer, spec: TextSpec) -> None:
    phrase = "計測は5mm" * 100
    parts = read_texts([phrase + "重度のMRあり"], spec, tokenizer, published=False)
    grave = tokenizer.encode(["重度のMRあり"], 99)[0][1:-1]
    assert grave == [*parts.given[-1][1:-1]][-len(grave) - 1 : -1]  # before the 「。」
    assert all(len(ids) <= spec.max_tokens for ids in parts.given)
    whole = tokenizer.encode([f"{phrase}重度のMRあり。"], 99_999)[0][1:-1]
    assert sum(len(parts.given[part]) - 2 for part, _ in parts.made_of[0]) > len(whole)  # the stretches overlap
    assert sum(weight for _, weight in parts.made_of[0]) == pytest.approx(1)
    assert {*whole} == {token for ids in parts.given for token in ids[1:-1]}


@pytest.mark.parametrize("text", ["計測は5mm。" * 200 + "重度のMRあり", "重度のMRあり。" + "計測は5mm" * 200])
def test_of_what_a_published_tower_cannot_read_findings_are_kept(tokenizer: Tokenizer, text: str) -> None:
    parts = read_texts([text, "左室拡大なし。軽度のMRあり"], TextSpec(), tokenizer, published=True)
    cut, short = parts.notes
    assert cut.left_out > 0
    assert not cut.as_before
    assert (short.left_out, short.as_before) == (0, True)
    ((part, _),) = parts.made_of[0]
    grave = tokenizer.encode(["重度のMRあり。"], 99)[0][1:-1]
    kept = [*parts.given[part]]
    assert len(kept) <= 256
    assert any(kept[i : i + len(grave)] == grave for i in range(len(kept)))


@pytest.mark.parametrize("letter", ["-", "あ", "x", " ", "。", "計測 "])
@pytest.mark.parametrize("published", [True, False])
def test_a_text_without_end_is_bounded_and_that_is_said(tokenizer: Tokenizer, letter: str, published: bool) -> None:
    """MeCab would end the process."""
    text = letter * (1_000_000 // len(letter)) + "。重度のMRあり"
    parts = read_texts([text, "重度のMRあり"], APART, tokenizer, published)
    grave = tokenizer.encode(["重度のMRあり。"], 99)[0][1:-1]
    read = [token for part, _ in parts.made_of[0] for token in parts.given[part]]
    assert any(read[i : i + len(grave)] == grave for i in range(len(read)))
    assert sum(map(len, parts.given)) < 50_000
    assert (parts.notes[0].left_out > 0) == (letter not in " 。")
