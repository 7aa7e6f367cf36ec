"""Share vectors among processes, with the gradients of one process that held the whole batch."""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

__all__ = ["gather_rows", "process_rank", "world"]


def world() -> int:
    """Return the number of processes that train together."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def process_rank() -> int:
    return dist.get_rank() if dist.is_available() and dist.is_initialized() else 0


class _Gather(torch.autograd.Function):
    """Forward: rows of all processes in the order of their ranks. Backward: each process's gradients of these rows
    are summed and every process gets its own rows' sum back. DDP then takes the mean over processes, and so does the
    loss (a mean over each process's own rows): together the gradient of the mean over all rows."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor) -> Tensor:
        parts = [torch.empty_like(rows) for _ in range(world())]
        dist.all_gather(parts, rows.contiguous())
        ctx.own = slice(process_rank() * len(rows), (process_rank() + 1) * len(rows))
        return torch.cat(parts)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        total = gradient.contiguous().clone()
        dist.all_reduce(total)
        return total[ctx.own]


def gather_rows(rows: Tensor) -> Tensor:
    """Join (b, ...) of each process into (world * b, ...). Every process must hold as many rows."""
    if world() == 1:
        return rows
    if rows.requires_grad:
        out: Tensor = _Gather.apply(rows)
        return out
    parts = [torch.empty_like(rows) for _ in range(world())]
    dist.all_gather(parts, rows.contiguous())
    return torch.cat(parts)
