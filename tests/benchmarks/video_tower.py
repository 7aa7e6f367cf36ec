"""What makes the video tower fast here: attention kernels, torch.compile, CUDA graphs. Run by ``make gpu``.

    python tests/benchmarks/video_tower.py [--device cuda] [--frames 32] [--batch 32] [--tiny]

ViViT-B (random weights; --tiny: a small one, to try the script) on clips that are on the device already. For each way:
clips a second, the share of what plain matrix products reach in the same run, the least cosine to fp32 here.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from contextlib import nullcontext

import torch
from rich.console import Console
from rich.table import Table
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import cosine_similarity
from torch.utils.flop_counter import FlopCounterMode

from echosearch.encoder.published.videoechoclip import VIVIT
from echosearch.encoder.towers.video_transformer import VideoTransformer

KERNELS = {"default": None, "flash": SDPBackend.FLASH_ATTENTION, "cudnn": SDPBackend.CUDNN_ATTENTION}
MODES = {"eager": None, "compile": "default", "CUDA graphs": "reduce-overhead", "autotune": "max-autotune"}
SECONDS = 3.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--frames", type=int, default=32)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--tiny", action="store_true")
    given = parser.parse_args()
    device = torch.device(given.device)
    torch.manual_seed(0)
    size = 64 if given.tiny else 224
    spec = VIVIT.model_copy(update={"width": 96, "depth": 2, "heads": 3}) if given.tiny else VIVIT
    tower = VideoTransformer(spec, given.frames, size, 512).to(device).eval().requires_grad_(False)
    video = torch.randn(given.batch, 3, given.frames, size, size, device=device)
    with torch.inference_mode():
        exact = torch.cat([tower(one) for one in torch.split(video, 4)])
        with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
            tower(video[:1])
        tflop = counter.get_total_flops() / 1e12
        matrix = matrix_tflops(device)
        table = Table("attention", "mode", "first call s", "clips/s", "of matrix rate", "least cosine")
        for kernel, backend in KERNELS.items():
            for mode, name in MODES.items():
                if device.type == "cpu" and (backend is not None or mode not in ("eager", "compile")):
                    continue
                table.add_row(kernel, mode, *one_way(tower, video, exact, backend, name, tflop, matrix))
    Console(width=120).print(table)
    print(f"{device}, torch {torch.__version__}: {matrix:.3g} TFLOP/s in bf16 products, {tflop:.3g} TFLOP a clip")


def one_way(
    tower: nn.Module,
    video: Tensor,
    exact: Tensor,
    backend: SDPBackend | None,
    mode: str | None,
    tflop: float,
    matrix: float,
) -> list[str]:
    """The cells of one row; what does not run here says why."""
    torch.compiler.reset()
    run = tower if mode is None else torch.compile(tower, mode=mode, dynamic=False)
    with (
        sdpa_kernel(backend) if backend is not None else nullcontext(),
        torch.autocast(video.device.type, torch.bfloat16),
    ):
        began = time.perf_counter()
        try:
            out = run(video).float().clone()
        except RuntimeError as exc:  # no such kernel for this shape or device
            return ["-", "-", "-", str(exc).splitlines()[0][:60]]
        wait(video.device)
        first = time.perf_counter() - began
        rate = len(video) * per_second(lambda: run(video), video.device)
    return [
        f"{first:.1f}",
        f"{rate:.3g}",
        f"{rate * tflop / matrix:.1%}",
        f"{cosine_similarity(out, exact).min().item():.5f}",
    ]


def matrix_tflops(device: torch.device) -> float:
    n = 8192 if device.type == "cuda" else 1024
    a, b = (torch.randn(n, n, device=device, dtype=torch.bfloat16) for _ in range(2))
    return 2 * n**3 * per_second(lambda: torch.mm(a, b), device) / 1e12


def per_second(run: Callable[[], object], device: torch.device) -> float:
    """Calls a second, after three to warm up; the device is waited for at both ends."""
    for _ in range(3):
        run()
    wait(device)
    began, calls = time.perf_counter(), 0
    while time.perf_counter() - began < SECONDS:
        for _ in range(4 if device.type == "cuda" else 1):
            run()
        wait(device)
        calls += 4 if device.type == "cuda" else 1
    return calls / (time.perf_counter() - began)


def wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


if __name__ == "__main__":
    main()
