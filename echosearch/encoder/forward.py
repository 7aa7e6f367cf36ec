"""Forward passes, batch by batch, from items in memory to rows of vectors.

On a GPU kernels run behind the host's back; nothing here waits for them before it must.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from echosearch.clip import Clip, ClipSpec
from echosearch.encoder.bundle.golden import pad_ids
from echosearch.encoder.towers.build import normalise
from echosearch.vector import Vectors

__all__ = ["embed_clips", "embed_ids", "in_batches", "on_device"]

T = TypeVar("T")


def on_device(clips: Sequence[Clip], device: torch.device) -> tuple[Tensor, Tensor]:
    """Move pixels (B, T, S, S, 3) uint8 and n_valid (B,) to ``device``, through page-locked memory for a GPU.

    Nothing here waits for the GPU: its current work continues.
    """
    pixels = torch.empty((len(clips), *clips[0].pixels.shape), dtype=torch.uint8, pin_memory=device.type == "cuda")
    np.stack([clip.pixels for clip in clips], out=pixels.numpy())
    n_valid = torch.tensor([clip.n_valid for clip in clips])
    return pixels.to(device, non_blocking=True), n_valid.to(device, non_blocking=True)


def embed_clips(tower: nn.Module, clips: Sequence[Clip], spec: ClipSpec) -> Tensor:
    """Run one forward pass: (N, D), on the tower's device. The pixels travel as uint8."""
    pixels, n_valid = on_device(clips, next(tower.parameters()).device)
    video = normalise(pixels, n_valid, spec)
    out: Tensor = tower(video, n_valid) if getattr(tower, "takes_n_valid", False) else tower(video)
    return out


def embed_ids(tower: nn.Module, ids: Sequence[Sequence[int]]) -> Tensor:
    """Run one forward pass over token ids, padded to the longest: (N, D)."""
    device = next(tower.parameters()).device
    out: Tensor = tower(torch.from_numpy(pad_ids(ids)).to(device, non_blocking=True))
    return out


def in_batches(run: Callable[[Sequence[T]], Tensor], items: Sequence[T], size: int) -> tuple[Vectors, int]:
    """Run ``run`` over the items, ``size`` at a time; halve ``size`` if a batch exceeds the GPU's memory.

    Returns (N, D) float32 in the order of the items, and the size that fitted. At size 1 the error is raised. While a
    GPU works on one batch the next one, and no more, is prepared here.
    """
    done: list[Tensor] = []
    before: torch.cuda.Event | None = None
    start = 0
    with torch.inference_mode():
        while start < len(items):
            batch = items[start : start + size]
            try:
                out = run(batch).float()
            except torch.OutOfMemoryError:
                if size == 1:
                    raise
                size = max(size // 2, 1)
                torch.cuda.empty_cache()
                continue
            assert len(out) == len(batch)
            done.append(out)
            start += len(batch)
            if out.is_cuda:
                if before is not None:
                    before.synchronize()
                before = torch.cuda.current_stream(out.device).record_event()
        return torch.cat(done).cpu().numpy(), size
