"""Tokenizers: the same ids as the libraries that the published models were trained with."""

import random
from pathlib import Path

import pytest
from transformers.models.bert_japanese.tokenization_bert_japanese import BertJapaneseTokenizer

from echosearch.encoder.base import WordCount
from echosearch.encoder.bundle.manifest import TokenizerSpec
from echosearch.encoder.text.clean import as_cp932, open_clip_clean, own_form
from echosearch.encoder.text.tokenizer import MecabWordPiece, installed_dictionary, load_tokenizer, mecab_words
from echosearch.errors import BundleError

DICTIONARY, VERSION = installed_dictionary()
JAPANESE = TokenizerSpec(kind="mecab_wordpiece", dictionary=DICTIONARY, dictionary_version=VERSION)
PUBLISHED = TokenizerSpec(kind="mecab_wordpiece", clean="open_clip", dictionary=DICTIONARY, dictionary_version=VERSION)
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
    formed = [own_form(text).replace("〜", "~") for text in texts]
    assert ours == [oracle.encode(text, max_length=32, truncation=True) for text in formed]
    published = load_tokenizer(folder, PUBLISHED).encode(texts, max_tokens=32)
    cleaned = [open_clip_clean(as_cp932(text)) for text in texts]
    assert published == [oracle.encode(text, max_length=32, truncation=True) for text in cleaned]


def test_reading_by_sentences_equals_reading_at_once(folder: Path) -> None:
    """Sentences are remembered one by one: what surrounds them must not matter. Symbols beside 「。」 would."""
    dice = random.Random(6)
    tokenizer = load_tokenizer(folder, JAPANESE)
    assert isinstance(tokenizer, MecabWordPiece)
    for _ in range(500):
        text = "".join(dice.choices(PARTS.split() + BLANKS, k=20))
        at_once = [i for word in mecab_words(own_form(text).replace("〜", "~")) for i in tokenizer._word(word)]
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


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("左室拡大(-)", "左室拡大（\u2212）"),  # JIS X 0208 1-61 by every table but Microsoft's
        ("左室拡大(-)", "左室拡大（\uff0d）"),
        ("左室拡大(-)", "左室拡大（ー）"),
        ("左室拡大(-)", "左室拡大(ｰ)"),
        ("左室拡大(-)", "左室拡大(\u2015)"),
        ("左室 - 5", "左室 ー 5"),
        ("軽度〜III度", "軽度～Ⅲ度"),
        ("軽度〜III度", "軽度~III度"),
        ("E/e' 5", "Ｅ／ｅ′ ５"),
        ("E/e' 5", "E/e’ 5"),
        ("軽度MR、EF 55%", "軽度ｍｒ、ef 55%"),
        ("僧帽弁", "僧帽弁\U000e0100"),  # a Mac's variation selector
        ("ドプラ", "ト\u3099フ\u309aラ"),
    ],
)
def test_who_typed_or_converted_a_character_does_not_matter(folder: Path, one: str, other: str) -> None:
    tokenizer = load_tokenizer(folder, JAPANESE)
    first, second = tokenizer.encode([one, other], 99)
    assert first == second
    assert len(first) > 2


def test_a_sound_mark_inside_a_word_stays(folder: Path) -> None:
    assert own_form("ペースメーカーリード、カラー(ー)、あー、ー5、カテーテル（フォーリー）") == (
        "ペースメーカーリード、カラー(-)、あー、-5、カテーテル(フォーリー)"
    )
    assert own_form("As well as mild as, As, as重度") == "As well as mild as, AS, AS重度"
    assert own_form(own_form("½～′″ー−Ｅｆ")) == own_form("½～′″ー−Ｅｆ") == "1/2〜'\"--EF"


def test_a_published_tokenizer_gets_the_code_points_of_windows(folder: Path) -> None:
    tokenizer = load_tokenizer(folder, PUBLISHED)
    first, second = tokenizer.encode(["拡大（\uff0d）軽度～重度", "拡大（\u2212）軽度〜重度"], 99)
    assert first == second
    assert tokenizer.encode(["mr"], 99) != tokenizer.encode(["MR"], 99)  # its authors wrote what they wrote


@pytest.mark.parametrize("letter", ["-", "あ", "弁", "x", "あ-", "。", " ", "\ufdfa"])
def test_no_length_of_a_text_ends_the_process(folder: Path, letter: str) -> None:
    tokenizer = load_tokenizer(folder, JAPANESE)
    assert len(tokenizer.encode([letter * 250_000], 32)[0]) <= 32
    assert mecab_words(("左室拡大" + letter * 250_000)[:300_000])[0] == "左室"


def test_unknown_words_are_counted(folder: Path, tmp_path: Path) -> None:
    tokenizer = load_tokenizer(folder, JAPANESE)
    assert tokenizer.known_words("軽度の左室拡大あり、TAPSE 55%") == WordCount(known=3, unknown=1)
    assert tokenizer.known_words("犬の散歩") == WordCount(0, 2)
    assert tokenizer.known_words("の、を 55%") == WordCount(0, 0)
    (tmp_path / "vocab.txt").write_text("\n".join(ENGLISH.split()), encoding="utf-8")
    english = load_tokenizer(tmp_path, TokenizerSpec(kind="bert_wordpiece", lower_case=True))
    assert english.known_words("There is mild mitral regurgitation of dogs") == WordCount(3, 1)
