"""kill -9 of a server and of an ingest beside it, at random moments: the archive is whole, and so is the audit."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
from pathlib import Path
from threading import Event, Thread

import httpx
import pytest

from tests.cli.conftest import run
from tests.web.process import ServerProcess, open_folder, start

KILLS = 20


def ask(folder: Path, *args: str) -> str:
    done = run(args, ECHOSEARCH_HOME=str(folder / "home"))
    assert done.returncode == 0, done.stderr
    return done.stdout


def search_on(url: str, token: str, stop: Event, answered: list[int]) -> None:
    """Search again and again, as often as one account may; what a dead server does not answer is no matter."""
    headers = {"authorization": f"Bearer {token}"}
    with httpx.Client(base_url=url, headers=headers, timeout=30) as client:
        while not stop.is_set():
            try:
                answered.append(client.post("/api/v1/searches", json={"text": "重度の僧帽弁逆流"}).status_code)
            except httpx.TransportError:
                return
            stop.wait(0.15)  # an account has ten requests a second


@pytest.mark.slow
def test_kills_leave_the_archive_and_the_audit_whole(tmp_path: Path) -> None:
    folder, chance = open_folder(tmp_path), random.Random(7)
    phantom, secret = folder / "phantom", folder / "secret"
    secret.write_text("correct horse battery")
    ask(folder, "phantom", "write", str(phantom), "--patients", "4", "--seed", "3")
    ask(folder, "encoder", "use", "phantom-tiny")
    ask(folder, "phantom", "write", str(folder / "first"), "--patients", "1", "--seed", "4")
    ask(folder, "ingest", str(folder / "first" / "DICOM"))  # what is searched from the start
    ask(folder, "user", "add", "sato", "--role", "searcher", "--password-file", str(secret))
    ask(folder, "user", "add", "root", "--role", "admin", "--password-file", str(secret))
    token = ask(folder, "user", "token", "sato", "test").strip()
    answered: list[int] = []
    ingest: subprocess.Popen[bytes] | None = None
    for kill in range(KILLS):
        if ingest is None or ingest.poll() is not None:
            ingest = start(folder, "ingest", str(phantom / "DICOM"), "--reports", str(phantom / "reports.csv"))
        with ServerProcess(folder) as server:
            server.wait_until_ready()
            stop = Event()
            searcher = Thread(target=search_on, args=(server.url, token, stop, answered))
            searcher.start()
            time.sleep(chance.uniform(0.2, 4.0))
            victim = server.process if kill % 2 else ingest
            if victim.poll() is None:
                os.killpg(victim.pid, signal.SIGKILL)
                victim.wait()
            stop.set()
            searcher.join()
    if ingest is not None and ingest.poll() is None:
        os.killpg(ingest.pid, signal.SIGKILL)
        ingest.wait()
    ask(folder, "ingest", str(phantom / "DICOM"), "--reports", str(phantom / "reports.csv"))
    assert json.loads(ask(folder, "verify", "--json"))["clean"]
    audit = json.loads(ask(folder, "audit", "verify", "--json"))
    assert audit["problems"] == []
    # every answer that a searcher got has its row; there may be rows whose answer the kill took
    assert answered.count(201) > KILLS
    assert audit["entries"] >= answered.count(201)
    assert set(answered) <= {201, 503}
