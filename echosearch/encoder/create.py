"""An untrained encoder: every part real, the weights random, and labelled so. For tests, and to start training from."""

from __future__ import annotations

import string
import tempfile
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import tokenizers
import torch
from pydantic import TypeAdapter, ValidationError
from tokenizers import models, pre_tokenizers, trainers

from echosearch.clip import ClipSpec
from echosearch.encoder.base import TextSpec
from echosearch.encoder.bundle.folder import info_of
from echosearch.encoder.bundle.manifest import (
    BertSpec,
    BundleName,
    ConvNextSpec,
    Manifest,
    TextPart,
    TokenizerSpec,
    VideoPart,
    VideoTowerSpec,
    VideoTransformerSpec,
)
from echosearch.encoder.export import save_encoder
from echosearch.encoder.text.clean import own_form
from echosearch.encoder.text.tokenizer import SPECIAL, VOCABULARY, installed_dictionary, mecab_words
from echosearch.encoder.towers.build import build_towers
from echosearch.encoder_info import EncoderInfo
from echosearch.errors import InputError
from echosearch.report.text import model_text

__all__ = ["ARCHITECTURES", "SIZES", "Architecture", "Size", "init_bundle", "train_vocabulary"]

Architecture = Literal["vivit", "videomae", "convnext"]
ARCHITECTURES: tuple[Architecture, ...] = ("vivit", "videomae", "convnext")
Size = Literal["tiny", "small", "base"]
SIZES: tuple[Size, ...] = ("tiny", "small", "base")
# close to echo's own statistics, which are the same for the three channels of a grey picture
MEAN, STD = (0.09, 0.09, 0.09), (0.15, 0.15, 0.15)
# what every vocabulary knows, seen or not: so that no kana, digit or letter of a query is [UNK]
ALPHABET = string.ascii_letters + string.digits + string.punctuation + "".join(map(chr, range(0x3041, 0x30FF))) + "。、"


@dataclass(frozen=True)
class _Shape:
    """Measures of one size; base is ViT-B, ConvNeXt-B and BERT-base."""

    pixels: int
    width: int
    depth: int
    heads: int
    text_depth: int
    vocabulary: int
    convnext_depths: tuple[int, int, int, int]
    convnext_widths: tuple[int, int, int, int]


_SHAPES: dict[Size, _Shape] = {
    "tiny": _Shape(112, 128, 4, 4, 2, 4096, (1, 1, 2, 1), (24, 48, 96, 192)),
    "small": _Shape(224, 384, 12, 6, 6, 16384, (2, 2, 8, 2), (80, 160, 320, 640)),
    "base": _Shape(224, 768, 12, 12, 12, 32768, (3, 3, 27, 3), (128, 256, 512, 1024)),
}


def init_bundle(
    size: Size,
    reports: Iterable[str],
    out: Path,
    name: str | None = None,
    seed: int = 0,
    architecture: Architecture = "vivit",
) -> EncoderInfo:
    """Write an untrained bundle to ``out``; its WordPiece vocabulary is trained on the reports.

    The same arguments give the same fingerprint. Raises InputError when the reports hold no text or ``name`` names no
    bundle, BundleError when ``out`` exists.
    """
    name = _checked(name or f"untrained-{architecture}-{size}")
    shape = _SHAPES[size]
    text_spec = TextSpec()
    vocabulary = train_vocabulary((model_text(report, text_spec) for report in reports), shape.vocabulary)
    dictionary, version = installed_dictionary()
    manifest = Manifest(
        name=name,
        version="0",
        licence="Apache-2.0",
        provenance=f"random weights, seed {seed}, made by `echosearch encoder init`; never trained",
        trained=False,
        video=VideoPart(
            tower=_video_tower(shape, architecture),
            clip=ClipSpec(frames=16, stride=2, size=shape.pixels, mean=MEAN, std=STD),
        ),
        text=TextPart(
            tower=BertSpec(
                vocabulary=len(vocabulary),
                width=shape.width,
                depth=shape.text_depth,
                heads=shape.heads,
                mlp_width=4 * shape.width,
                positions=text_spec.max_tokens,
            ),
            spec=text_spec,
        ),
        tokenizer=TokenizerSpec(kind="mecab_wordpiece", dictionary=dictionary, dictionary_version=version),
    )
    with tempfile.TemporaryDirectory() as temporary, torch.random.fork_rng(devices=[]):
        file = Path(temporary) / VOCABULARY
        file.write_text("\n".join(vocabulary) + "\n", encoding="utf-8")
        torch.manual_seed(seed)
        return info_of(save_encoder(out, manifest, build_towers(manifest), file))


def _checked(name: str) -> str:
    try:
        return TypeAdapter(BundleName).validate_python(name)
    except ValidationError:
        raise InputError(
            f"--name {name!r}: a name has 1 to 64 letters (a to z), digits, dots, underscores and hyphens, "
            "and begins with a letter or digit"
        ) from None


def train_vocabulary(texts: Iterable[str], size: int) -> list[str]:
    """Train a WordPiece vocabulary of at most ``size`` tokens over MeCab's words, [PAD] first. Raises InputError."""
    counts = Counter(word for text in texts for word in mecab_words(own_form(text)))
    if not counts:
        raise InputError(
            "the reports hold no text: a vocabulary cannot be made; give --reports a file with report_text"
        )
    letters = _letters(counts, size // 2)
    # a word with a letter that is too rare to be known is [UNK] anyway
    known = [word for word in counts if all(letter in letters for letter in _pieces(word))]
    tokenizer = tokenizers.Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    # The trainer numbers letters in the order of a hash table, and breaks ties by number. Handed over as special
    # tokens they keep their order, so the same reports give the same vocabulary.
    trainer = trainers.WordPieceTrainer(
        vocab_size=size, special_tokens=[*SPECIAL, *letters], min_frequency=2, show_progress=False
    )
    tokenizer.train_from_iterator((word for word in sorted(known) for _ in range(counts[word])), trainer)
    return sorted(tokenizer.get_vocab(), key=tokenizer.get_vocab().__getitem__)


def _letters(words: Counter[str], size: int) -> dict[str, None]:
    """The alphabet, in a fixed order: what is always known, then the commonest of these words, ``size`` in all."""
    always = dict.fromkeys(prefix + letter for letter in ALPHABET for prefix in ("", "##"))
    seen: Counter[str] = Counter()
    for word, count in words.items():
        for piece in _pieces(word):
            seen[piece] += count
    common = sorted(seen.keys() - always.keys(), key=lambda piece: (-seen[piece], piece))
    return dict.fromkeys([*always, *common[: max(size - len(always), 0)]])


def _pieces(word: str) -> list[str]:
    return [f"##{letter}" if i else letter for i, letter in enumerate(word)]


def _video_tower(shape: _Shape, architecture: Architecture) -> VideoTowerSpec:
    match architecture:
        case "vivit":
            return VideoTransformerSpec(
                width=shape.width,
                depth=shape.depth,
                heads=shape.heads,
                pooling="class",
                positions="learned",
                gelu="tanh",
            )
        case "videomae":
            return VideoTransformerSpec(
                width=shape.width, depth=shape.depth, heads=shape.heads, pooling="mean", positions="sine", gelu="exact"
            )
        case "convnext":
            return ConvNextSpec(depths=shape.convnext_depths, widths=shape.convnext_widths)
