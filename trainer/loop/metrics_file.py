"""Write metrics.jsonl, a line for every measurement, and TensorBoard's own files if requested."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from echosearch.errors import ConfigError

__all__ = ["METRICS", "MetricsFile"]

METRICS = "metrics.jsonl"


class MetricsFile:
    """The file of a run that has done ``done`` steps: later lines, of a run that died, are dropped."""

    def __init__(self, folder: Path, done: int, tensorboard: bool) -> None:
        self._file = folder / METRICS
        if self._file.exists():
            lines = self._file.read_text(encoding="utf-8").splitlines(keepends=True)
            kept = [line for line in lines if line.endswith("\n") and 0 <= _step(line) <= done]
            self._file.write_text("".join(kept), encoding="utf-8")
        self._board: Any = _board(folder) if tensorboard else None

    def write(self, step: int, kind: str, values: Mapping[str, float]) -> None:
        with self._file.open("a", encoding="utf-8") as handle:
            handle.write(json.dumps({"step": step, "kind": kind, **values}) + "\n")
        if self._board is not None:
            for name, value in values.items():
                self._board.add_scalar(f"{kind}/{name}", value, step)


def _step(line: str) -> int:
    """-1 where it is none of ours."""
    try:
        return int(json.loads(line)["step"])
    except (ValueError, LookupError, TypeError):
        return -1


def _board(folder: Path) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as exc:
        raise ConfigError("run.tensorboard needs TensorBoard: pip install 'echosearch[train]'") from exc
    return SummaryWriter(str(folder / "tensorboard"))
