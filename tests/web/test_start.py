"""The rules of start: nobody beyond this machine without TLS, a name and an admin; and a real start and stop."""

from __future__ import annotations

import re
import signal
import socket
from pathlib import Path

import httpx
import pytest
from sqlalchemy import Engine

from echosearch.db.access.accounts import add_account
from echosearch.db.access.viewer import Role
from echosearch.errors import ConfigError
from echosearch.web.running import Listening, open_port, open_serving, warm_up
from echosearch.web.serving import ServeOptions, Serving
from tests.cli.conftest import run
from tests.ingest.sources.conftest import free_port
from tests.search.conftest import open_empty
from tests.web.process import ServerProcess, open_folder

PEM = Path("x.pem")


@pytest.mark.parametrize(
    ("listening", "told"),
    [
        (Listening("0.0.0.0"), "it needs TLS"),
        (Listening("192.168.1.5"), "it needs TLS"),
        (Listening("echo.example"), "it needs TLS"),
        (Listening("0.0.0.0", cert=PEM), "belong together"),
        (Listening("0.0.0.0", cert=PEM, key=PEM), "--host-name is missing"),
        (Listening("0.0.0.0", names=("echo.example",), behind_proxy=True), "no account is an admin yet"),
        (Listening("0.0.0.0", names=("echo.example",), cert=PEM, key=PEM), "no account is an admin yet"),
        (Listening("0.0.0.0", names=("e",), behind_proxy=True, demo=True), "on this machine alone"),
    ],
)
def test_it_does_not_listen_to_other_machines_unprotected(
    database: Engine, tmp_path: Path, listening: Listening, told: str
) -> None:
    archive = open_empty(database, tmp_path / "home")
    with pytest.raises(ConfigError, match=told):
        open_serving(archive, listening)


def test_with_tls_and_an_admin_it_starts_with_a_cookie_for_this_host_alone(database: Engine, tmp_path: Path) -> None:
    archive = open_empty(database, tmp_path / "home")
    with archive.engine.begin() as connection:
        add_account(connection, "root", Role.ADMIN, None, "x")
    serving = open_serving(archive, Listening("0.0.0.0", names=("Echo.Example",), behind_proxy=True))
    assert serving.options == ServeOptions(frozenset({"0.0.0.0", "echo.example"}), secure=True)
    assert serving.options.cookie == "__Host-echosearch"
    assert serving.setup is None
    warm_up(serving)  # of an empty archive
    assert serving.ready


def test_the_demo_is_entered_by_its_own_link_once(database: Engine, tmp_path: Path) -> None:
    from echosearch.cli.serve.demo_archive import add_demo_account
    from echosearch.web.app import create_app
    from tests.web.conftest import Client

    archive = open_empty(database, tmp_path / "home")
    add_demo_account(archive)
    add_demo_account(archive)
    serving: Serving = open_serving(archive, Listening(demo=True))
    assert serving.demo_link is not None
    app = create_app(serving)
    browser = Client(app)
    assert browser.get("/demo/guess").status_code == 404
    assert browser.get(f"/demo/{serving.demo_link}").status_code == 303
    me = browser.get("/api/v1/me").json()
    assert (me["name"], me["role"], me["has_reason"]) == ("demo", "clinician", True)
    assert Client(app).get("/api/v1/me").status_code == 401


def test_a_port_that_is_taken_is_said_before_anybody_is_told_to_come(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = taken.getsockname()[1]
        with pytest.raises(
            ConfigError, match=rf"--port {number} cannot be listened on: Address already in use; choose"
        ):
            open_port(Listening(port=number))
        for args in (["--port", str(number)], ["--port", str(free_port()), "--metrics", f"127.0.0.1:{number}"]):
            done = run(["serve", *args], ECHOSEARCH_HOME=str(tmp_path / "home"))
            assert done.returncode == 1
            assert done.stderr.count("\n") == 1
            assert "serving on" not in done.stderr


def test_a_certificate_that_cannot_be_used_is_said_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("no PEM")
    for cert, told in (("missing", r"--tls-cert .*missing: No such file"), ("text", r"is not a certificate in PEM")):
        with pytest.raises(ConfigError, match=told):
            open_port(Listening(port=1, cert=tmp_path / cert, key=tmp_path / "text"))


def test_a_server_starts_says_its_link_and_stops(tmp_path: Path) -> None:
    with ServerProcess(open_folder(tmp_path)) as server:
        server.wait_until_ready()
        found = re.search(rf"open ({server.url}/setup/\S+) once", server.log.read_text())
        assert found is not None
        with httpx.Client(base_url=server.url) as browser:
            made = browser.post(found[1], data={"name": "root", "password": "correct horse battery"})
            assert made.status_code == 303
            assert browser.get("/api/v1/me").json()["role"] == "admin"
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(60) in (0, 143)
        lines = server.log.read_text()
        assert "POST /setup/{secret} 303" in lines
        assert found[1].rpartition("/")[2] not in lines.replace(found[1], "")
