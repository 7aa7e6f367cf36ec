"""Tokenizers: the same ids as the libraries that the published models were trained with."""

import random
from pathlib import Path

import pytest
from transformers.models.bert_japanese.tokenization_bert_japanese import BertJapaneseTokenizer

from echosearch.encoder.bundle.manifest import TokenizerSpec
from echosearch.encoder.text.clean import open_clip_clean
from echosearch.encoder.text.tokenizer import installed_dictionary, load_tokenizer, mecab_words
from echosearch.errors import BundleError

DICTIONARY, VERSION = installed_dictionary()
JAPANESE = TokenizerSpec(kind="mecab_wordpiece", dictionary=DICTIONARY, dictionary_version=VERSION)
WORDS = """
    [PAD] [UNK] [CLS] [SEP] [MASK] 左室 拡大 なし 。 、 軽度 の 僧帽 弁 逆流 あり EF 55 . 5 % ##5 三 尖弁 僧 ##帽 ##室
    左 右 M ##R mm 3 ##3 III 度 ( ) を 認め ず ドプラ E ##F / - ~
"""
# what the random texts are made of: words, numbers, things that NFKC changes, symbols beside 「。」
PARTS = """
    左室 拡大 なし 軽度の 僧帽弁 逆流 あり 。 。 。 、 , EF 55.5% ％ (+) MR ㎜ Ⅲ度 ﾄﾞﾌﾟﾗ 認めず 「 」 ～ … | 👍 e′ ｡ 。」
    /。 。( - ！ ？ です と mmHg
"""
BLANKS = [" ", "\n", "\u3000"]
ENGLISH = "[PAD] [UNK] [CLS] [SEP] [MASK] mild mitral re ##gurg ##itation ."


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "vocab.txt").write_text("\n".join(WORDS.split()) + "\n", encoding="utf-8")
    return tmp_path


@pytest.fixture
def oracle(folder: Path) -> BertJapaneseTokenizer:
    return BertJapaneseTokenizer(
        str(folder / "vocab.txt"), word_tokenizer_type="mecab", mecab_kwargs={"mecab_dic": "unidic_lite"}
    )


def test_ids_are_those_of_bert_japanese(folder: Path, oracle: BertJapaneseTokenizer) -> None:
    dice = random.Random(5)
    texts = ["".join(dice.choices(PARTS.split() + BLANKS, k=dice.randint(1, 40))) for _ in range(400)]
    texts += ["", "あ" * 300, "左室拡大なし。" * 80]
    ours = load_tokenizer(folder, JAPANESE).encode(texts, max_tokens=32)
    assert ours == [oracle.encode(text, max_length=32, truncation=True) for text in texts]


def test_reading_by_sentences_equals_reading_at_once(folder: Path) -> None:
    """Sentences are remembered one by one: what surrounds them must not matter. Symbols beside 「。」 would."""
    dice = random.Random(6)
    tokenizer = load_tokenizer(folder, JAPANESE)
    for _ in range(500):
        text = "".join(dice.choices(PARTS.split() + BLANKS, k=20))
        at_once = [i for word in mecab_words(text) for i in tokenizer._word(word)]
        assert tokenizer.encode([text], max_tokens=512)[0][1:-1] == at_once, text


def test_a_nul_does_not_end_the_text() -> None:
    assert mecab_words("左室\0拡大") == ["左室", "拡大"]


def test_english_is_lower_cased_and_truncated(tmp_path: Path) -> None:
    words = ENGLISH.split()
    (tmp_path / "vocab.txt").write_text("\n".join(words), encoding="utf-8")
    tokenizer = load_tokenizer(tmp_path, TokenizerSpec(kind="bert_wordpiece", lower_case=True))
    assert tokenizer.vocabulary_size == len(words)
    assert tokenizer.encode(["Mild Mitral regurgitation.", "severe"], 256) == [[2, 5, 6, 7, 8, 9, 10, 3], [2, 1, 3]]
    assert tokenizer.encode(["mild " * 50], 8) == [[2, *[5] * 6, 3]]


def test_another_dictionary_is_refused(folder: Path) -> None:
    spec = TokenizerSpec(kind="mecab_wordpiece", dictionary=DICTIONARY, dictionary_version="0.0.1")
    with pytest.raises(BundleError, match=r"unidic-lite 0\.0\.1, here is unidic-lite"):
        load_tokenizer(folder, spec)


@pytest.mark.parametrize("content", [None, b"a\nb\n", b"\xff\xfe"])
def test_what_is_no_vocabulary_is_refused(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "vocab.txt").write_bytes(content)
    with pytest.raises(BundleError, match="vocab"):
        load_tokenizer(tmp_path, JAPANESE)


@pytest.mark.parametrize(
    ("text", "clean"),
    [  # as ftfy 6.3 and html.unescape have it
        ("e’ &lt; 8 &amp;amp; “高度”", 'e\' < 8 & "高度"'),
        ("\ufeff左室\x07拡大 \u3000 \n なし ", "左室拡大 なし"),
        ("ＥＦ５５％、㎜", "ＥＦ５５％、㎜"),  # NFKC comes later
    ],
)
def test_what_open_clip_does_to_a_text_first(text: str, clean: str) -> None:
    assert open_clip_clean(text) == clean
