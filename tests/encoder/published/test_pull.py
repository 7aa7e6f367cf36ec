"""encoder pull: what comes over a network is checked, unpacked within limits, and refused in one line."""

from __future__ import annotations

import hashlib
import io
import threading
import zipfile
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from click.testing import CliRunner

from echosearch.cli.main import cli
from echosearch.encoder.published import PUBLISHED_MODELS, licence_of
from echosearch.encoder.published.pull import ORIGINS, Origin, fetch
from echosearch.errors import BundleError, StoreUnreachable

Serve = Callable[[bytes], str]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """A server on the loopback address that answers every request with the same bytes."""
    content = [b""]

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(content[0])))
            self.end_headers()
            self.wfile.write(content[0])

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()

    def answer_with(given: bytes) -> str:
        content[0] = given
        return f"http://127.0.0.1:{server.server_port}/model_data.zip"

    yield answer_with
    server.shutdown()
    server.server_close()
    thread.join()


def zipped(**files: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name.replace("__", "/"), content)
    return buffer.getvalue()


def test_a_zip_is_unpacked(serve: Serve, tmp_path: Path) -> None:
    data = zipped(model_data__a=b"weights", other=b"left")
    origin = Origin(zip_url=serve(data), folder="model_data", sha256=hashlib.sha256(data).hexdigest())
    folder = fetch(origin, tmp_path / "into")
    assert (folder / "a").read_bytes() == b"weights"
    assert [path.name for path in (tmp_path / "into").iterdir()] == ["model_data"]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (zipped(model_data__a=b"x"), "SHA-256"),
        (b"<html>sign in</html>", "SHA-256"),
    ],
)
def test_another_file_than_the_one_meant_is_refused(serve: Serve, tmp_path: Path, data: bytes, message: str) -> None:
    with pytest.raises(BundleError, match=message):
        fetch(Origin(zip_url=serve(data), folder="model_data", sha256="0" * 64), tmp_path / "into")
    assert list((tmp_path / "into").iterdir()) == []


def test_a_zip_cannot_write_outside_its_folder(serve: Serve, tmp_path: Path) -> None:
    data = zipped(**{"..__..__..__escaped": b"x"})
    with pytest.raises(BundleError, match="outside"):
        fetch(Origin(zip_url=serve(data), folder="model_data"), tmp_path / "into")
    assert not list(tmp_path.rglob("escaped"))


def test_what_is_no_zip_or_lacks_the_folder_is_refused(serve: Serve, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="no zip"):
        fetch(Origin(zip_url=serve(b"<html>"), folder="model_data"), tmp_path)
    with pytest.raises(BundleError, match="no folder"):
        fetch(Origin(zip_url=serve(zipped(a=b"x")), folder="model_data"), tmp_path)


def test_a_place_that_does_not_answer(tmp_path: Path) -> None:
    with pytest.raises(StoreUnreachable, match="encoder import"):
        fetch(Origin(zip_url="http://127.0.0.1:1/a.zip", folder="model_data"), tmp_path)


def test_every_kind_has_a_licence_and_a_known_place_or_none() -> None:
    assert all(licence_of(kind) for kind in PUBLISHED_MODELS)
    assert set(ORIGINS) <= set(PUBLISHED_MODELS)


def test_the_licence_is_shown_and_asked_for(tmp_path: Path) -> None:
    out = str(tmp_path / "out")
    refused = CliRunner().invoke(cli, ["encoder", "pull", "echoprime", "--out", out], input="n\n")
    assert refused.exit_code != 0
    assert licence_of("echoprime") in refused.output
    unknown = CliRunner().invoke(cli, ["encoder", "pull", "videoechoclip-videomae2", "--out", out])
    assert unknown.exit_code == 1
    assert "--repo" in unknown.output


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (["--sha256", "zz"], "64 hexadecimal digits"),
        (["--tokenizer", "nowhere"], "--tokenizer nowhere: no such file"),
        (["--out", "there"], "there exists already"),
        (["--out", "file/below"], "choose another --out"),
        ([], "the terms were not agreed to"),  # nobody is there to answer
    ],
)
def test_what_would_fail_in_the_end_fails_before_the_download(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: list[str], told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("there").mkdir()
    Path("file").touch()
    out = [] if "--out" in given else ["--out", "out"]
    result = CliRunner().invoke(cli, ["encoder", "pull", "echoprime", *out, *given], input="")
    assert told in result.output
    assert result.exit_code == 1
    assert not Path("out").exists()
