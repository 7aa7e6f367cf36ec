"""`echosearch encoder import`: a checkpoint and a vocabulary in, a bundle out."""

from __future__ import annotations

import importlib.util
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, get_args

import torch
from torch import Tensor

from echosearch.encoder.bundle.folder import file_sha256, info_of
from echosearch.encoder.bundle.manifest import Manifest, OriginFile, TokenizerSpec
from echosearch.encoder.export import save_encoder
from echosearch.encoder.published import echoclip, echoprime, videoechoclip
from echosearch.encoder.published.checkpoint import read_checkpoint
from echosearch.encoder.published.keys import convert
from echosearch.encoder.text.clip_tokenizer import (
    MERGES,
    TEMPLATE,
    ClipBpe,
    EchoTemplate,
    clip_merges,
    template_phrases,
)
from echosearch.encoder.text.tokenizer import VOCABULARY, Tokenizer, check_vocabulary_size, read_vocabulary
from echosearch.encoder.towers.build import build_towers, build_view_tower, stored_weights, use_weights
from echosearch.encoder.view_classifier import save_views
from echosearch.encoder_info import EncoderInfo
from echosearch.errors import BundleError

__all__ = ["PUBLISHED_MODELS", "PublishedModel", "check_import", "import_published", "licence_of", "views_folder"]

PublishedModel = Literal[
    "videoechoclip-videomae2",
    "videoechoclip-vivit-kinetics400",
    "videoechoclip-vivit-scratch",
    "echoprime",
    "echoclip",
    "echoclip-r",
]
PUBLISHED_MODELS: tuple[PublishedModel, ...] = get_args(PublishedModel)
CLIP_BPE = "bpe_simple_vocab_16e6.txt.gz"  # its name in the open_clip package
# what --tokenizer must give, and the names under which it is looked for
TOKENIZERS: dict[PublishedModel, tuple[str, tuple[str, ...]]] = {
    "videoechoclip-videomae2": ("the vocab.txt of tohoku-nlp/bert-base-japanese-v3", (VOCABULARY,)),
    "videoechoclip-vivit-kinetics400": ("the vocab.txt of tohoku-nlp/bert-base-japanese-v3", (VOCABULARY,)),
    "videoechoclip-vivit-scratch": ("the vocab.txt of tohoku-nlp/bert-base-japanese-v3", (VOCABULARY,)),
    "echoprime": ("the vocab.txt of microsoft/BiomedNLP-BiomedBERT-base-uncased-abstract", (VOCABULARY,)),
    "echoclip": (f"CLIP's {MERGES} or {CLIP_BPE} (the package open_clip_torch has it)", (CLIP_BPE, MERGES)),
    "echoclip-r": (f"the {TEMPLATE} of echonet/echo_CLIP", (TEMPLATE,)),
}


def licence_of(kind: PublishedModel) -> str:
    """Return the authors' licence terms in words."""
    match kind:
        case "echoprime":
            return echoprime.LICENCE
        case "echoclip" | "echoclip-r":
            return echoclip.LICENCE
        case _:
            return videoechoclip.LICENCE


def import_published(kind: PublishedModel, source: Path, tokenizer: Path | None, out: Path) -> EncoderInfo:
    """Write the bundle ``out`` from what the authors publish: ``source`` is their checkpoint, or the folder with it.

    ``tokenizer`` is the vocabulary's file, or a folder that has it; None looks beside the weights. "echoprime" can do
    without: then it embeds videos and refuses texts. It writes its view classifier too, to ``out`` with "-views" added.
    Golden vectors are made here, by this machine, and say so.
    Raises BundleError: unreadable or malicious checkpoint, missing or unexpected keys, another model's vocabulary,
    ``out`` exists.
    """
    check_import(kind, out)
    vocabulary = _vocabulary(kind, source, tokenizer)
    if kind == "echoprime":  # its videos are worth having without its (English) text
        return _echoprime(source, vocabulary, out)
    if vocabulary is None:
        raise BundleError(f"{kind} needs {TOKENIZERS[kind][0]}: give it, or a folder that has it, with --tokenizer")
    match kind:
        case "echoclip" | "echoclip-r":
            return _echoclip(source, vocabulary, out, with_template=kind == "echoclip-r")
        case _:
            variant = next(variant for variant in videoechoclip.VARIANTS if kind == f"videoechoclip-{variant}")
            return _videoechoclip(variant, source, vocabulary, out)


def check_import(kind: PublishedModel, out: Path) -> None:
    """Raise BundleError if an import of this kind could not write ``out``: before an hour's download is lost."""
    for folder in (out, views_folder(out)) if kind == "echoprime" else (out,):
        if folder.exists():
            raise BundleError(f"{folder} exists already: choose another --out, or remove it first")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise BundleError(f"{out.parent}: {exc.strerror}: choose another --out") from exc
    if not os.access(out.parent, os.W_OK | os.X_OK):
        raise BundleError(f"{out.parent} cannot be written to: choose another --out")


def views_folder(out: Path) -> Path:
    """Return the folder of EchoPrime's view classifier, beside its encoder."""
    return out.with_name(f"{out.name}-views")


def _videoechoclip(variant: videoechoclip.Variant, source: Path, vocabulary: Path, out: Path) -> EncoderInfo:
    manifest = videoechoclip.manifest(variant, (_source(source),))
    _check_vocabulary(vocabulary, manifest)
    weights = convert(source.name, read_checkpoint(source), videoechoclip.rules(variant), _shapes(manifest))
    return _save(out, manifest, weights, vocabulary)


def _echoprime(source: Path, vocabulary: Path | None, out: Path) -> EncoderInfo:
    files = {part: _find(source, (name, f"weights/{name}")) for part, name in echoprime.FILES.items()}
    manifest = echoprime.manifest((_source(files["video"]), _source(files["text"])))
    if vocabulary is None:
        manifest = manifest.model_copy(update={"tokenizer": TokenizerSpec(kind="absent")})
    else:
        _check_vocabulary(vocabulary, manifest)
    shapes = _shapes(manifest)
    state = read_checkpoint(files["video"])
    weights = convert(files["video"].name, state, echoprime.video_rules(state), shapes)
    weights |= convert(
        files["text"].name, read_checkpoint(files["text"]), echoprime.text_rules(), shapes, echoprime.UNUSED_TEXT
    )
    view_manifest = echoprime.view_manifest((_source(files["view"]),))
    with torch.device("meta"):  # only its shapes: save_views builds the tower itself
        view_shapes = {name: tensor.shape for name, tensor in build_view_tower(view_manifest).state_dict().items()}
    view_weights = convert(files["view"].name, read_checkpoint(files["view"]), echoprime.view_rules(), view_shapes)
    with tempfile.TemporaryDirectory() as folder:
        absent = Path(folder) / "absent"
        absent.write_text("imported without a vocabulary: this encoder reads no text\n", encoding="utf-8")
        encoder = _save(out, manifest, weights, vocabulary or absent)
    try:
        save_views(views_folder(out), view_manifest, view_weights)
    except BaseException:  # both or none: what is there would be in the way of the next try
        shutil.rmtree(out)
        raise
    return encoder


def _echoclip(source: Path, vocabulary: Path, out: Path, with_template: bool) -> EncoderInfo:
    file = _find(source, echoclip.WEIGHTS) if source.is_dir() else source
    sources = (_source(file),)
    config = echoclip.read_config(file.parent)
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / "tokens.txt"
        tokenizer: Tokenizer
        if with_template:
            phrases = template_phrases(vocabulary)
            tokenizer = EchoTemplate(phrases)
            plain.write_text("\n".join(phrases) + "\n", encoding="utf-8")
        else:
            merges = clip_merges(vocabulary)
            tokenizer = ClipBpe(merges)
            pairs = (" ".join(pair) for pair in merges)
            plain.write_text("\n".join(["#version: 0.2", *pairs]) + "\n", encoding="utf-8")
        state = read_checkpoint(file)
        manifest = echoclip.manifest(state, config, with_template, sources)
        check_vocabulary_size(vocabulary, tokenizer, manifest)
        weights = convert(file.name, state, echoclip.rules(state), _shapes(manifest))
        return _save(out, manifest, weights, plain)


def _shapes(manifest: Manifest) -> dict[str, torch.Size]:
    """By stored name, from a model without memory: a checkpoint may state any measures, until its weights fit them."""
    with torch.device("meta"):
        return {name: tensor.shape for name, tensor in stored_weights(build_towers(manifest)).items()}


def _save(out: Path, manifest: Manifest, weights: Mapping[str, Tensor], vocabulary: Path) -> EncoderInfo:
    shapes = _shapes(manifest)
    if missing := [name for name in shapes if name not in weights and name != "logit_scale"]:
        raise BundleError(f"the checkpoint does not fill {missing[0]} and {len(missing) - 1} more weights of the model")
    model = build_towers(manifest)
    for part, tower in (("video", model.video), ("text", model.text)):
        use_weights(tower, {n.removeprefix(f"{part}."): w for n, w in weights.items() if n.startswith(f"{part}.")})
    if "logit_scale" in weights:
        model.logit_scale.data.copy_(weights["logit_scale"])
    return info_of(save_encoder(out, manifest, model, vocabulary))


def _find(folder: Path, names: tuple[str, ...]) -> Path:
    for name in names:
        if (folder / name).is_file():
            return folder / name
    raise BundleError(f"{folder} has no {' nor '.join(names)}: give the folder as its authors publish it")


def _source(file: Path) -> OriginFile:
    if not file.is_file():
        raise BundleError(f"{file} is not there, or not a file: give the checkpoint as its authors publish it")
    return OriginFile(name=file.name, sha256=file_sha256(file))


def _vocabulary(kind: PublishedModel, source: Path, tokenizer: Path | None) -> Path | None:
    """The file given, one beside the weights, for CLIP's the one open_clip ships, or None.

    Raises BundleError when what was given has none.
    """
    what, names = TOKENIZERS[kind]
    beside = source if source.is_dir() else source.parent
    for place in [tokenizer] if tokenizer else [beside, beside / "tokenizer"]:
        for file in [place / name for name in names] if place.is_dir() else [place]:
            if file.is_file():
                return file
    installed = importlib.util.find_spec("open_clip") if kind == "echoclip" and not tokenizer else None
    if installed and installed.origin and (file := Path(installed.origin).with_name(CLIP_BPE)).is_file():
        return file
    if tokenizer is not None:
        raise BundleError(f"{tokenizer} is not, and does not have, {what}, which {kind} needs: correct --tokenizer")
    return None


def _check_vocabulary(file: Path, manifest: Manifest) -> None:
    found, wanted = len(read_vocabulary(file)), manifest.text.tower.vocabulary
    if found != wanted:
        raise BundleError(
            f"{file} has {found} tokens, {manifest.name} has {wanted}: this is another model's vocabulary"
        )
