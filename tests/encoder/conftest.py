"""One tiny untrained bundle, shared by the tests that only read it."""

import os
from pathlib import Path

import pytest
import torch

from echosearch.encoder.create import init_bundle

REPORTS = (
    "左室拡大なし。左室壁運動正常。軽度の僧帽弁閉鎖不全あり。",
    "中等度左房拡大あり、ごく軽度の大動脈弁閉鎖不全あり",
    "左室壁運動異常なし。重度僧帽弁逆流を認める。EF 55.5%",
)


@pytest.fixture(scope="session")
def tiny_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundles") / "tiny"
    init_bundle("tiny", REPORTS, folder, name="tiny")
    return folder


@pytest.fixture(autouse=True)
def _needs_a_gpu(request: pytest.FixtureRequest) -> None:
    """A test marked gpu is skipped without one, or fails where ECHOSEARCH_REQUIRE names gpu."""
    if request.node.get_closest_marker("gpu") is None or torch.cuda.is_available():
        return
    if "gpu" in os.environ.get("ECHOSEARCH_REQUIRE", "").split(","):
        pytest.fail("ECHOSEARCH_REQUIRE names gpu, and torch finds none")
    pytest.skip("no GPU")
