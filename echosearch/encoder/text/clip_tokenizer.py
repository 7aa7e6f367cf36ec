"""The tokenizers of EchoCLIP: CLIP's byte-pair encoding, and EchoCLIP-R's, whose tokens are whole report phrases."""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Sequence
from pathlib import Path

import tokenizers
from tokenizers import AddedToken, Regex, models, normalizers, pre_tokenizers

from echosearch.encoder.base import WordCount
from echosearch.encoder.bundle.folder import LARGEST_VOCABULARY
from echosearch.encoder.text.clean import as_ascii, english_words, open_clip_clean
from echosearch.errors import BundleError

__all__ = [
    "MERGES",
    "TEMPLATE",
    "ClipBpe",
    "EchoTemplate",
    "clip_merges",
    "template_phrases",
    "template_text",
    "vocabulary_lines",
]

MERGES = "merges.txt"
TEMPLATE = "template_vocab.txt"
MOST_PHRASES = 100_000
N_MERGES = 49152 - 256 - 2  # what CLIP uses of the list
_WORDS = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"


def clip_merges(file: Path) -> list[tuple[str, str]]:
    """Read CLIP's byte pairs from open_clip's bpe_simple_vocab_16e6.txt.gz or a CLIP model's merges.txt.

    Raises BundleError if it is another list.
    """
    try:
        with gzip.open(file) if file.suffix == ".gz" else file.open("rb") as handle:
            lines = handle.read(LARGEST_VOCABULARY).decode("utf-8").split("\n")
    except (OSError, EOFError, UnicodeDecodeError, zlib.error) as exc:
        raise BundleError(f"{file} cannot be read as CLIP's list of byte pairs: {exc}") from exc
    pairs = [tuple(line.split()) for line in lines[1 : 1 + N_MERGES]]  # the first line is a title
    merges = [(pair[0], pair[1]) for pair in pairs if len(pair) == 2]
    if len(merges) != N_MERGES or merges[:2] != [("i", "n"), ("t", "h")]:
        raise BundleError(f"{file} is not CLIP's list of {N_MERGES} byte pairs: this is another model's vocabulary")
    known = {*_byte_letters(), *(f"{letter}</w>" for letter in _byte_letters())}
    for line, pair in enumerate(merges, 2):
        if not known.issuperset(pair):
            raise BundleError(f"{file}, line {line}: it joins what no line before has made: the list is damaged")
        known.add("".join(pair))
    return merges


def template_phrases(file: Path) -> list[str]:
    """Read EchoCLIP-R's template_vocab.txt: one phrase a line, most ending in a blank. Raises BundleError."""
    phrases = vocabulary_lines(file, "EchoCLIP-R's template_vocab.txt")
    if len(phrases) > MOST_PHRASES:
        raise BundleError(f"{file} has {len(phrases)} lines, a template has {MOST_PHRASES} phrases at most")
    if not any("<#>" in phrase for phrase in phrases):
        raise BundleError(f"{file} is not EchoCLIP-R's template_vocab.txt: no phrase has a gap <#> for a number")
    return phrases


def vocabulary_lines(file: Path, what: str) -> list[str]:
    """Read a vocabulary's lines. Raises BundleError if it is not UTF-8, or too large, which is checked before
    reading.
    """
    try:
        with file.open("rb") as handle:
            content = handle.read(LARGEST_VOCABULARY + 1)
        if len(content) > LARGEST_VOCABULARY:
            raise BundleError(f"{file} has more than {LARGEST_VOCABULARY >> 20} MB: that is more than {what} has")
        return content.decode("utf-8").removesuffix("\n").split("\n")
    except (OSError, UnicodeDecodeError) as exc:
        raise BundleError(f"{file} cannot be read as {what}: {exc}") from exc


class ClipBpe:
    """Lower-cased byte-pair encoding between <start_of_text> and <end_of_text>."""

    def __init__(self, merges: Sequence[tuple[str, str]]) -> None:
        letters = _byte_letters()
        tokens = [*letters, *(f"{letter}</w>" for letter in letters), *("".join(pair) for pair in merges)]
        ids = {token: i for i, token in enumerate(tokens)}
        self._start, self._end = len(tokens), len(tokens) + 1
        bpe = models.BPE(vocab=ids, merges=list(merges), end_of_word_suffix="</w>")
        self._tokenizer = tokenizers.Tokenizer(bpe)
        self._tokenizer.normalizer = normalizers.Lowercase()
        self._tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
            [
                pre_tokenizers.Split(Regex(_WORDS), behavior="removed", invert=True),
                pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
            ]
        )

    @property
    def vocabulary_size(self) -> int:
        return self._end + 1

    def encode(self, texts: Sequence[str], max_tokens: int) -> list[list[int]]:
        found = self._tokenizer.encode_batch([open_clip_clean(as_ascii(text)) for text in texts])
        return [[self._start, *encoding.ids[: max_tokens - 2], self._end] for encoding in found]

    def known_words(self, text: str) -> WordCount:
        """Count known words: every byte has a token, so an unknown word is one split into single letters."""
        words = english_words(text)
        known = sum(len(self._tokenizer.encode(word).ids) < max(len(word.encode()), 2) for word in words)
        return WordCount(known, len(words) - known)

    def respells(self, text: str) -> bool:
        return as_ascii(text) != text


def _byte_letters() -> list[str]:
    """A printable letter for every byte, the printable bytes first: the order of CLIP's ids."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    return [*map(chr, printable), *(chr(256 + i) for i in range(len(others)))]


class EchoTemplate:
    """EchoCLIP-R: the sentences of a report template are the tokens; their numbers and grades follow as tokens.

    What is in no template is dropped, so a free sentence may come out as start and end alone.
    """

    def __init__(self, phrases: Sequence[str]) -> None:
        self._phrases = _phrase_tokenizer(phrases)
        grades = ["‡", "MILD", "MODERATE", "SEVERE", "MILD/MODERATE", "MODERATE/SEVERE"]
        digits = [f"{start}{digit}" for start in (".", "0") for digit in range(10)]
        self._values = _phrase_tokenizer([*map(str, range(101)), *grades, *digits])
        self._n_phrases = self._phrases.get_vocab_size()
        self._start = self._n_phrases + self._values.get_vocab_size()
        self._end = self._start + 1
        self._gaps = {i: phrase.count("<#>") for phrase, i in self._phrases.get_vocab().items()}

    @property
    def vocabulary_size(self) -> int:
        return self._end + 1

    def encode(self, texts: Sequence[str], max_tokens: int) -> list[list[int]]:
        return [[self._start, *self._ids(text)[: max_tokens - 2], self._end] for text in texts]

    def known_words(self, text: str) -> WordCount:
        """Count the words of sentences in the template as known."""
        known = unknown = 0
        for sentence in re.split(r"(?<=[.\n])\s+", text):
            words = len(english_words(sentence))
            known, unknown = (known + words, unknown) if self._ids(sentence) else (known, unknown + words)
        return WordCount(known, unknown)

    def respells(self, text: str) -> bool:
        return as_ascii(text) != text

    def _ids(self, text: str) -> list[int]:
        values: list[str] = []

        def gap(match: re.Match[str]) -> str:
            values.append(match.group())
            return "<#>"

        template = _VALUE.sub(gap, template_text(as_ascii(text)))
        for wording, other in _REWORDED:
            template = template.replace(wording, other)
        ids: list[int] = []
        taken = 0  # of the values: an unknown stretch takes its own along when it is dropped
        encoding = self._phrases.encode(template)
        for i, (start, end) in zip(encoding.ids, encoding.offsets, strict=True):
            gaps = self._gaps[i] if i else template[start:end].count("<#>")
            own = values[taken : taken + gaps]
            taken += gaps
            if i:
                ids += [i, *(self._n_phrases + value for value in self._values.encode("‡".join(own)).ids)]
        return ids


def _phrase_tokenizer(phrases: Sequence[str]) -> tokenizers.Tokenizer:
    special = ["[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]"]
    blank = models.WordPiece(
        vocab={token: i for i, token in enumerate(special)}, unk_token="[UNK]", max_input_chars_per_word=500
    )
    tokenizer = tokenizers.Tokenizer(blank)
    tokenizer.add_special_tokens([AddedToken(token, normalized=False, special=True) for token in special])
    tokenizer.add_tokens(list(phrases))
    return tokenizer


_VALUE = re.compile(r"\d+\.?\d*|(?<![A-Za-z])(?:MODERATE/SEVERE|MILD/MODERATE|MILD|MODERATE|SEVERE|VERY SEVERE)")
_NUMBER = r"(?:\d+\.?\d*)"
# sentences that sites write without a full stop; # means a number
_UNENDED = """
THE PEAK TRANSAORTIC GRADIENT IS #MMHG|THE MEAN TRANSAORTIC GRADIENT IS #MMHG|LV EJECTION FRACTION IS #%|
ESTIMATED PA PRESSURE IS #MMHG|RESTING SEGMENTAL WALL MOTION ANALYSIS|THE IVC DIAMETER IS #MM|
EST RV/RA PRESSURE GRADIENT IS #MMHG|ESTIMATED PEAK RVSP IS #MMHG|HEART FAILURE, UNSPECIFIED|CHEST PAIN, UNSPECIFIED|
SINUS OF VALSALVA: #CM|THE PEAK TRANSMITRAL GRADIENT IS #MMHG|THE MEAN TRANSMITRAL GRADIENT IS #MMHG|
ASCENDING AORTA #CM|ESTIMATED PA SYSTOLIC PRESSURE IS #MMHG|ICD_CODE SHORTNESS BREATH|
ICD_CODE ABNORMAL ELECTROCARDIOGRAM ECG EKG|
SHORTNESS BREATH|ABNORMAL ELECTROCARDIOGRAM ECG EKG|
THE LEFT ATRIAL APPENDAGE IS NORMAL IN APPEARANCE WITH NO EVIDENCE OF THROMBUS
""".replace("\n", "")
_ENDED = "|".join(rf"(?:{re.escape(one).replace(re.escape('#'), _NUMBER)})(?!\.)" for one in _UNENDED.split("|"))
# in this order, on upper-case text: pattern -> replacement
_CLEANING: list[tuple[re.Pattern[str], str]] = [
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"`", "'"),
        (r"\^|CRLF|‡", ""),
        (r"(?<=\D)\.|\.(?=\D)", ". "),  # a full stop, not a decimal point
        (r"[\[\]]", ""),
        (r"\bWAS\b", "IS"),
        (r"\bWERE\b", "ARE"),
        (r"\bAND/OR\b", "AND"),
        (r"(NORMAL|MILD|MODERATE|SEVERE)LY", r"\1"),
        (r"PULMONARY ARTERY", "PA"),
        (r"\d{2}/\d{2}/\d{4}", ""),  # dates
        (r"\d{2}\.\d{2}\.\d{4}", ""),
        (r"[A-Z](\d+\.\d*\b)", ""),  # diagnosis codes
        (r"\s+(MMHG|MM|CM|%)", r"\1"),
        (r"\s\.", "."),
        (r"\s+", " "),
        (r"\s\+\s", "+"),
        (r"\+CVPMMHG", "MMHG"),
    )
]
_REWORDED = (
    (
        "THE INFERIOR VENA CAVA IS NORMAL IN SIZE AND SHOWS A NORMAL RESPIRATORY COLLAPSE, CONSISTENT WITH NORMAL "
        "RIGHT ATRIAL PRESSURE (<#>MMHG).",
        "THE INFERIOR VENA CAVA SHOWS A NORMAL RESPIRATORY COLLAPSE CONSISTENT WITH NORMAL RIGHT ATRIAL PRESSURE "
        "(<#>MMHG).",
    ),
    ("RESTING SEGMENTAL WALL MOTION ANALYSIS.:", "RESTING SEGMENTAL WALL MOTION ANALYSIS."),
)


def template_text(text: str) -> str:
    """Return a report in the template's spelling: upper case, IS for WAS, no dates or codes, sentences ended."""
    if len(text) <= 1:
        return text
    text = " ".join(text.upper().split())  # now, for patterns that begin with blanks try every one of a long run
    for pattern, replacement in _CLEANING:
        text = pattern.sub(replacement, text)
    text = re.sub(f"({_ENDED})", r"\1.", text.strip() + " ")
    return re.sub(r"\.+", ".", text)
