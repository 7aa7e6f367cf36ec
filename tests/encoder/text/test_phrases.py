"""Texts that are read phrase by phrase: each phrase once, each text the mean of its own."""

import numpy as np

from echosearch.encoder.base import TextSpec
from echosearch.encoder.text.phrases import part_texts

APART = TextSpec(format="each_phrase_ja")
REPORTS = ("左室拡大なし。軽度のMRあり。", "軽度のMRあり", "左室拡大なし、EF 60%", "")


def test_a_phrase_that_many_reports_share_is_read_once() -> None:
    parts = part_texts(REPORTS, APART)
    assert parts.given == ("左室拡大なし。", "軽度のMRあり。", "EF 60%。", "")
    assert parts.made_of == ((0, 1), (1,), (0, 2), (3,))
    rows = np.arange(8, dtype=np.float32).reshape(4, 2)
    assert parts.vectors(rows).tolist() == [[1, 2], [2, 3], [2, 3], [6, 7]]
    assert part_texts((), APART).vectors(rows[:0]).shape == (0, 2)


def test_in_one_piece_nothing_is_taken_apart() -> None:
    parts = part_texts(REPORTS[:2], TextSpec())
    assert parts.given == ("左室拡大なし。軽度のMRあり。", "軽度のMRあり。")
    assert parts.made_of == ((0,), (1,))
