"""On a GPU bf16 agrees with the CPU's fp32. Skipped without one, or failed where ECHOSEARCH_REQUIRE names gpu."""

from pathlib import Path

import numpy as np
import pytest

from echosearch.clip import Clip
from echosearch.encoder.create import ARCHITECTURES, init_bundle
from echosearch.encoder.torch_encoder import load_encoder

pytestmark = pytest.mark.gpu
TEXTS = ["左室拡大なし", "重度僧帽弁逆流。" * 20, "EF 55.5%、軽度のMR"]


def cosines(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    found: np.ndarray = (a * b).sum(axis=1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
    return found


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_bf16_on_the_gpu_agrees_with_fp32_on_the_cpu(tmp_path: Path, architecture: str) -> None:
    init_bundle("tiny", TEXTS, tmp_path / "b", architecture=architecture)  # type: ignore[arg-type]
    cpu, gpu = load_encoder(tmp_path / "b", "cpu"), load_encoder(tmp_path / "b", "cuda")
    pixels = np.random.default_rng(1).integers(0, 256, (40, 16, 112, 112, 3), dtype=np.uint8)
    clips = [Clip(str(i), one, 16) for i, one in enumerate(pixels)]
    assert gpu.precision == "bfloat16"
    assert cosines(gpu.encode_clips(clips), cpu.encode_clips(clips)).min() >= 0.999
    assert cosines(gpu.encode_texts(TEXTS), cpu.encode_texts(TEXTS)).min() >= 0.999
    assert cosines(gpu.encode_clips(clips[:1]), gpu.encode_clips(clips)[:1]).min() >= 0.999
