"""echosearch receive as a process: it listens, stores, and ends by a signal with its counts."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path

import pydicom
from pynetdicom import AE

from tests.cli.conftest import PROGRAM
from tests.cli.json_schema import check_json
from tests.ingest.conftest import write_cine
from tests.support.forked_program import python

US_MULTIFRAME, JPEG_BASELINE = "1.2.840.10008.5.1.4.1.1.3.1", "1.2.840.10008.1.2.4.50"


def test_receive_stores_and_ends_by_a_signal(tmp_path: Path) -> None:
    cine = write_cine(tmp_path / "cine", "1.2.3")
    args = ["receive", "--to", str(tmp_path / "受信"), "--from", "PACS1", "--port", "0", "--json"]
    kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    with subprocess.Popen(
        [python(), *PROGRAM[1:], *args], env=kept, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        assert running.stderr is not None
        said = running.stderr.readline()
        sender = AE(ae_title="PACS1")
        sender.add_requested_context(US_MULTIFRAME, JPEG_BASELINE)
        association = sender.associate("127.0.0.1", int(said.split(":")[-1].split()[0]), ae_title="ECHOSEARCH")
        statuses = [association.send_c_store(pydicom.dcmread(cine)).Status for _ in range(2)]
        association.release()
        running.send_signal(signal.SIGTERM)
        out, err = running.communicate(timeout=60)
    assert (running.returncode, statuses) == (0, [0, 0])
    check_json(args, out)
    found = json.loads(out)
    assert (found["stored"], found["again"], found["refused"]) == (1, 1, {})
    assert "CANARY" not in said + err
