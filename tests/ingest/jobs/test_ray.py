"""A job on two Ray nodes of this machine: what one process makes, also if a worker, a node or the driver is killed."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from echosearch.archive import open_archive
from ingest.options import IngestOptions
from ingest.pipeline import ingest
from ingest.reembed import ReembedOptions, reembed
from tests.ingest.jobs.conftest import Site, contents, write_strewn
from tests.ingest.jobs.test_kills import workers_of

pytest.importorskip("ray", reason="an extra: pip install 'echosearch[ray]'")
pytestmark = pytest.mark.slow
Sites = Callable[[], Site]
PROGRAM = Path(sys.executable).with_name("ray")
ENCODER = {"ECHOSEARCH_ENCODER": "phantom-tiny"}


def environment(site: Site, **more: str) -> dict[str, str]:
    token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "ab" * 32}
    return site.environment | ENCODER | token | {"RAY_USAGE_STATS_ENABLED": "0", **more}


@pytest.fixture(scope="module")
def strewn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_strewn(tmp_path_factory.mktemp("strewn") / "export", studies=16, a_study=10, odd=6)


class Cluster:
    """Two nodes, each a group of processes of its own, with the site's settings in their environment."""

    def __init__(self, site: Site, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{free.getsockname()[1]}"
        port = self.address.rpartition(":")[2]
        self.said = folder / "said"
        self.environment = environment(site, RAY_ADDRESS=self.address)
        given = [
            "--num-cpus=1",
            "--num-gpus=0",
            "--object-store-memory=80000000",
            "--block",
        ]
        head = ["--head", f"--port={port}", "--include-dashboard=false", f"--temp-dir={folder}"]
        self.nodes = [self._start(head + given)]
        self._wait_for(1)
        self.nodes.append(self._start([f"--address={self.address}", *given]))
        self._wait_for(2)

    def _start(self, arguments: list[str]) -> subprocess.Popen[bytes]:
        with self.said.open("ab") as said:
            return subprocess.Popen(
                [str(PROGRAM), "start", *arguments],
                env={name: value for name, value in self.environment.items() if name != "RAY_ADDRESS"},
                stdout=said,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _wait_for(self, nodes: int) -> None:
        code = (
            "import ray; ray.init(log_to_driver=False, logging_level='ERROR');"
            " print(sum(node['Alive'] for node in ray.nodes()))"
        )
        deadline = time.monotonic() + 180
        while time.monotonic() < deadline:
            asked = subprocess.run(
                [sys.executable, "-c", code],
                env=self.environment,
                capture_output=True,
                text=True,
                check=False,
                timeout=120,
            )
            if asked.stdout.strip() == str(nodes):
                return
            time.sleep(1.0)
        raise AssertionError(f"no Ray node: {self.said.read_text()} {asked.stderr[-2000:]}")

    def kill(self, node: subprocess.Popen[bytes]) -> None:
        os.killpg(node.pid, signal.SIGKILL)
        node.wait()

    def drive(self, *command: str) -> subprocess.Popen[str]:
        command = (*command, "--on", "ray", "--workers", "2", "--batch-size", "4", "--json")
        return subprocess.Popen(
            [sys.executable, "-m", "echosearch", *command],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def close(self) -> None:
        for node in reversed(self.nodes):
            if node.poll() is None:
                self.kill(node)


@pytest.fixture
def cluster(sites: Sites) -> Iterator[tuple[Site, Cluster]]:
    site = sites()
    with tempfile.TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True) as folder:  # sockets want a short path
        made = Cluster(site, Path(folder))
        yield site, made
        made.close()


@pytest.fixture
def expected(sites: Sites, cluster: tuple[Site, Cluster], strewn: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("ECHOSEARCH_ENCODER", ENCODER["ECHOSEARCH_ENCODER"])
    site = sites()
    with open_archive(site.settings.model_copy(update={"encoder": Path("phantom-tiny")})) as archive:
        ingest(archive, strewn, IngestOptions(batch_size=4))
    return contents(site)


def end(driver: subprocess.Popen[str]) -> dict[str, Any]:
    out, err = driver.communicate(timeout=500)
    assert driver.returncode == 3, err  # the conflicts are quarantined
    summary: dict[str, Any] = json.loads(out)
    return summary


@pytest.mark.parametrize("killed", ["nothing", "worker", "node", "driver"])
def test_two_nodes_make_what_one_process_makes(
    cluster: tuple[Site, Cluster], expected: dict[str, Any], strewn: Path, killed: str
) -> None:
    site, nodes = cluster
    driver = nodes.drive("ingest", str(strewn))
    if killed != "nothing":
        with site.open() as archive:
            workers = workers_of(archive, videos=12)
            match killed:
                case "worker":
                    os.kill(workers[0], signal.SIGKILL)
                case "node":
                    nodes.kill(nodes.nodes[1])
                case "driver":
                    driver.kill()
                    driver.communicate()
                    driver = nodes.drive("ingest", str(strewn))
    summary = end(driver)
    assert summary["indexed"] == expected["states"]["indexed", None]
    assert contents(site) == expected
    with site.open() as archive, archive.engine.connect() as connection:
        shares = connection.scalars(
            text(
                "select cast(summary ->> 'files' as int) from core.ingest_run where not drives and summary is not null"
            )
        ).all()
    # both had a part in it; a killed one has no summary, and the one in its place may come when all is done
    assert len([share for share in shares if share]) >= (2 if killed == "nothing" else 1)


@pytest.fixture(scope="module")
def retrained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another encoder, which no node has in use."""
    folder = tmp_path_factory.mktemp("retrained")
    (folder / "reports.csv").write_text(
        "study_uid,report_text\n1.2.1,重度僧帽弁逆流\n1.2.2,左室拡大なし\n", encoding="utf-8"
    )
    made = ["encoder", "init", "--reports", str(folder / "reports.csv"), "--out", str(folder / "bundle"), "--seed", "7"]
    environment = os.environ | {"ECHOSEARCH_HOME": str(folder / "home")}
    subprocess.run([sys.executable, "-m", "echosearch", *made], env=environment, check=True, capture_output=True)
    return folder / "bundle"


@pytest.mark.parametrize("killed", ["nothing", "worker"])
def test_two_nodes_embed_again_what_one_process_embeds_again(
    cluster: tuple[Site, Cluster], sites: Sites, retrained: Path, tmp_path: Path, killed: str
) -> None:
    root = write_strewn(tmp_path / "export", studies=8, a_study=6, odd=2)
    site, nodes = cluster
    alone = sites()
    for one in (site, alone):
        with open_archive(one.settings.model_copy(update={"encoder": Path("phantom-tiny")})) as archive:
            ingest(archive, root, IngestOptions(batch_size=4))
    with open_archive(alone.settings.model_copy(update={"encoder": retrained})) as archive:
        assert reembed(archive, ReembedOptions(batch_size=4)).promoted
    driver = nodes.drive("reembed", str(retrained))
    if killed == "worker":
        with site.open() as archive:
            os.kill(workers_of(archive)[0], signal.SIGKILL)
    out, err = driver.communicate(timeout=500)
    assert driver.returncode == 0, err
    summary = json.loads(out)
    assert (summary["promoted"], summary["missing"], summary["embedded"]) == (True, 0, summary["videos"])
    assert contents(site) == contents(alone)
