"""Write a model in memory as a bundle: after training, `encoder init` and every import."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from echosearch.clip import Clip
from echosearch.encoder.bundle.folder import GOLDEN, TOKENIZER, TOKENIZER_FILES, WEIGHTS, write_bundle
from echosearch.encoder.bundle.golden import Golden, golden_clip, golden_texts, pad_ids, write_golden
from echosearch.encoder.bundle.manifest import Manifest
from echosearch.encoder.forward import embed_clips, embed_ids, in_batches
from echosearch.encoder.raw_pixels import make_raw
from echosearch.encoder.text.phrases import read_texts
from echosearch.encoder.text.tokenizer import load_tokenizer
from echosearch.encoder.towers.build import TwoTowers, save_weights, stored_weights
from echosearch.vector import Vectors

__all__ = ["save_encoder"]


def save_encoder(
    out: Path,
    manifest: Manifest,
    model: TwoTowers,
    vocabulary: Path,
    half: bool = False,
    documents: Mapping[str, str] | None = None,
) -> Manifest:
    """Write the bundle ``out``, with golden vectors that the model gives here in fp32; gives the manifest as written.

    ``vocabulary`` is the tokenizer's file, a vocab.txt for BERT. The model is moved to the CPU and put in eval mode.
    ``half`` stores 16-bit floats, half the size, and rounds the model to them. ``documents`` are texts by file name, to
    are beside the rest. Raises BundleError when ``out`` exists, or the vocabulary does not fit.
    """
    model = model.cpu().float().eval()
    if half:
        model = model.half().float()  # golden vectors are of what is stored

    def fill(folder: Path) -> None:
        (folder / TOKENIZER).mkdir()
        shutil.copyfile(vocabulary, folder / TOKENIZER / TOKENIZER_FILES[manifest.tokenizer.kind])
        weights = stored_weights(model)
        save_weights(folder / WEIGHTS, {name: w.half() for name, w in weights.items()} if half else weights)
        write_golden(folder / GOLDEN, _golden(model, manifest, folder / TOKENIZER))
        for name, text in (documents or {}).items():
            (folder / name).write_text(text, encoding="utf-8")

    return write_bundle(out, manifest, fill)


def _golden(model: TwoTowers, manifest: Manifest, tokenizer: Path) -> Golden:
    clip = golden_clip(manifest.video.clip)
    texts = golden_texts(manifest.text.spec.language)
    if manifest.tokenizer.kind == "absent":  # then the ids are made up: the tower itself can still be checked
        ids = [list(range(1, 25)), list(range(1, 10))]
        parts = None
    else:
        spec, loaded = manifest.text.spec, load_tokenizer(tokenizer, manifest.tokenizer)
        parts = read_texts(texts, spec, loaded, manifest.tokenizer.published)
        ids = [[*own] for own in parts.given]

    def embed(clips: Sequence[Clip]) -> Vectors:
        return in_batches(lambda batch: embed_clips(model.video, batch, manifest.video.clip), clips, 1)[0]

    text, _ = in_batches(lambda batch: embed_ids(model.text, batch), ids, len(ids))
    return Golden(
        pixels=clip.pixels[None],
        n_valid=clip.n_valid,
        video_vectors=embed([clip]),
        texts=texts,
        ids=pad_ids(ids),
        text_vectors=parts.vectors(text) if parts else text,
        made_by="creation",
        raw=make_raw(manifest.video.clip, embed),
    )
