"""Embed studies and reports for an evaluation, with towers in memory or with a bundle's encoder."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch

from echosearch.batch import batched
from echosearch.clip import Clip
from echosearch.encoder.base import Encoder
from echosearch.encoder.forward import embed_clips, embed_ids, in_batches
from echosearch.encoder.text.phrases import read_texts
from echosearch.vector import Vectors, mean_vector
from echosearch.video import View
from trainer.config import TrainConfig
from trainer.data.cache import ClipCache
from trainer.data.pairs import Study, Video
from trainer.model.start import Start

__all__ = ["PairVectors", "embed_studies", "embed_texts", "embed_videos", "embed_with", "grouped"]

CLIPS = 64  # held in memory at a time


@dataclass(frozen=True)
class PairVectors:
    """Row i of ``videos`` and of ``texts`` belongs to study i. ``each`` are the raw vectors of its videos."""

    studies: tuple[Study, ...]
    videos: Vectors  # (N, D) means of the raw outputs
    texts: Vectors  # (N, D)
    each: dict[str, Vectors]  # video key -> (D,)
    left_out: int  # studies without a video of the views


def embed_studies(
    start: Start, studies: Sequence[Study], cache: ClipCache, views: Sequence[View], config: TrainConfig
) -> PairVectors:
    """Embed studies with the towers in memory, fp32."""
    was = start.towers.training
    start.towers.eval()
    try:
        given = (studies, cache, views, config.data.min_view_prob)
        return _embedded(lambda items: _clips(start, items), lambda items: embed_texts(start, items), *given)
    finally:
        start.towers.train(was)


def embed_videos(start: Start, keys: Iterable[str], cache: ClipCache) -> dict[str, Vectors]:
    """Embed each video: key to (D,) raw, by the video tower in memory, in eval mode, fp32."""
    start.towers.eval()
    return _each(lambda items: _clips(start, items), keys, cache)


def _clips(start: Start, items: Sequence[Clip]) -> Vectors:
    return in_batches(lambda batch: embed_clips(start.towers.video, batch, start.manifest.video.clip), items, 16)[0]


def _each(clips: Callable[[Sequence[Clip]], Vectors], keys: Iterable[str], cache: ClipCache) -> dict[str, Vectors]:
    each: dict[str, Vectors] = {}
    with torch.inference_mode():
        for block in batched(keys, CLIPS):
            each |= dict(zip(block, clips([cache.clip(key) for key in block]), strict=True))
    return each


def embed_texts(start: Start, texts: Sequence[str]) -> Vectors:
    """Embed texts in the form that the manifest's TextSpec asks for: (N, D)."""
    manifest = start.manifest
    parts = read_texts(texts, manifest.text.spec, start.tokenizer, manifest.tokenizer.published)
    return parts.vectors(in_batches(lambda batch: embed_ids(start.towers.text, batch), parts.given, 32)[0])


def embed_with(
    encoder: Encoder, studies: Sequence[Study], cache: ClipCache, views: Sequence[View], min_view_prob: float
) -> PairVectors:
    """Embed studies with a bundle's encoder, as ingest and query use it."""
    return _embedded(encoder.encode_clips, encoder.encode_texts, studies, cache, views, min_view_prob)


def _embedded(
    clips: Callable[[Sequence[Clip]], Vectors],
    texts: Callable[[Sequence[str]], Vectors],
    studies: Sequence[Study],
    cache: ClipCache,
    views: Sequence[View],
    min_view_prob: float,
) -> PairVectors:
    chosen: list[tuple[Study, tuple[Video, ...]]] = []
    for study in studies:
        videos = tuple(v for v in study.of_views(views, min_view_prob) if cache.n_valid(v.key) > 0)
        if videos:
            chosen.append((study, videos))
    each = _each(clips, (video.key for _, videos in chosen for video in videos), cache)
    with torch.inference_mode():
        written = texts([study.report for study, _ in chosen]) if chosen else torch.empty((0, 0)).numpy()
    means = [mean_vector([each[video.key] for video in videos]) for _, videos in chosen]
    kept = tuple(study for study, _ in chosen)
    rows = torch.tensor([]).numpy() if not means else _stack(means)
    return PairVectors(kept, rows, written, each, len(studies) - len(kept))


def _stack(rows: Sequence[Vectors]) -> Vectors:
    return torch.stack([torch.from_numpy(row) for row in rows]).numpy()


def grouped(embedded: PairVectors, views: Sequence[View], min_view_prob: float) -> Iterator[tuple[int, Vectors]]:
    """Yield (row of the study, mean of its videos of these views) for studies that have one: by-view scores."""
    for row, study in enumerate(embedded.studies):
        vectors = [embedded.each[v.key] for v in study.of_views(views, min_view_prob) if v.key in embedded.each]
        if vectors:
            yield row, mean_vector(vectors)
