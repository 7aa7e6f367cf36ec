"""One tiny untrained bundle, shared by the tests that only read it."""

from pathlib import Path

import pytest

from echosearch.encoder.init import init_bundle

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
