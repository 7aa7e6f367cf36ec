"""DICOMweb against a real server, in a process that is killed in between."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime
from pathlib import Path
from threading import Event

import pytest
from requests.exceptions import ContentDecodingError

from echosearch.archive import Archive
from echosearch.errors import ConfigError, InputError, StoreUnreachable
from echosearch.pseudonyms import Keyring
from ingest.options import IngestOptions
from ingest.sources.days import read_days
from ingest.sources.dicomweb import Fetched, PacsAddress, fetch_studies, read_pacs_address
from ingest.sources.hours import read_hours
from ingest.sources.inbox import ObjectFolder
from ingest.sources.multipart import first_part
from ingest.sources.pacs import ingest_pacs
from ingest.verify import verify
from tests.cli.conftest import PROGRAM, run
from tests.ingest.sources.conftest import Peer, free_port, stored, wait_until_listening, write_cines

DAY = date(2024, 3, 14)
KEYRING = Keyring(bytes(32))


class Pacs:
    """A DICOMweb server that can be killed and started again, at one address."""

    def __init__(self, folder: Path, peers: list[Peer]) -> None:
        self.folder, self.port = folder, free_port()
        self.peer = Peer("tests/support/dicomweb_server.py", str(folder), str(self.port))
        peers.append(self.peer)
        self.start()

    def start(self) -> None:
        self.peer.start()
        wait_until_listening(self.port)

    @property
    def address(self) -> PacsAddress:
        return read_pacs_address(f"dicomweb+http://127.0.0.1:{self.port}/dicom-web", None, None)

    def asked(self, what: str) -> int:
        return (self.folder / ".log").read_text().count(what)


@pytest.mark.parametrize("count", [20, pytest.param(500, marks=pytest.mark.slow)])
def test_a_server_that_is_killed_twice_loses_and_doubles_nothing(
    archive: Archive, tmp_path: Path, peers: list[Peer], count: int
) -> None:
    """From the PACS to the index: it is killed while it serves, and comes back; all cines are searchable, once."""
    cines = write_cines(tmp_path / "pacs", count)
    pacs, inbox = Pacs(tmp_path / "pacs", peers), tmp_path / "inbox"
    with ThreadPoolExecutor(1) as thread:
        days = (DAY, DAY)
        ingesting = thread.submit(ingest_pacs, archive, pacs.address, inbox, days, IngestOptions(), Event())
        for turn in (1, 2):
            deadline = time.monotonic() + 300
            while len(list(inbox.rglob("*.dcm"))) < turn * count // 3:
                assert not ingesting.done() or ingesting.result()
                assert time.monotonic() < deadline
                time.sleep(0.01)
            pacs.peer.kill()
            pacs.start()
        fetched, summary = ingesting.result(timeout=900)
    assert (fetched.stored, fetched.lost) == (count, 0)
    files = stored(inbox)
    assert (len(files), set(files)) == (count, cines)
    assert (summary.found, summary.indexed, summary.new_videos) == (count, count, count)
    assert verify(archive).clean
    assert not any("CANARY" in path.name for path in inbox.rglob("*"))


def test_what_is_here_is_not_fetched_again(tmp_path: Path, peers: list[Peer]) -> None:
    write_cines(tmp_path / "pacs", 12)
    pacs, inbox = Pacs(tmp_path / "pacs", peers), ObjectFolder(tmp_path / "inbox")
    stopping = Event()

    def stop(fetched: Fetched) -> None:
        if fetched.stored == 5:
            stopping.set()

    first = fetch_studies(pacs.address, inbox, KEYRING, (DAY, DAY), tmp_path / "days", stopping, on_object=stop)
    assert first.stored == 5
    second = fetch_studies(pacs.address, inbox, KEYRING, (DAY, DAY), tmp_path / "days", Event())
    assert (second.stored, second.here, second.studies) == (7, 5, 2)
    assert pacs.asked("/instances/") == 12
    days = pacs.asked("/studies?")
    third = fetch_studies(pacs.address, inbox, KEYRING, (DAY, DAY), tmp_path / "days", Event())
    assert (third.stored, pacs.asked("/studies?")) == (0, days)  # that day is complete


def test_a_rate_is_kept(tmp_path: Path, peers: list[Peer]) -> None:
    write_cines(tmp_path / "pacs", 4)
    pacs = Pacs(tmp_path / "pacs", peers)
    began = time.monotonic()
    fetch_studies(
        pacs.address, ObjectFolder(tmp_path / "inbox"), KEYRING, (DAY, DAY), tmp_path / "days", Event(), rate=4.0
    )
    assert time.monotonic() - began >= 0.75  # three pauses of a quarter second between four


def test_outside_its_hours_nothing_is_asked_for(tmp_path: Path, peers: list[Peer]) -> None:
    write_cines(tmp_path / "pacs", 1)
    pacs, stopping = Pacs(tmp_path / "pacs", peers), Event()
    later = (datetime.now().hour + 12) % 24
    waits: list[str] = []

    def noted(fetched: Fetched) -> None:
        waits.append(fetched.waiting)
        stopping.set()

    hours = read_hours(f"{later:02d}:00-{later:02d}:30")
    found = fetch_studies(
        pacs.address,
        ObjectFolder(tmp_path / "inbox"),
        KEYRING,
        (DAY, DAY),
        tmp_path / "days",
        stopping,
        hours=hours,
        on_object=noted,
    )
    assert (found.stored, waits) == (0, [f"until {hours}"])


def test_it_follows_nobody_to_another_address(tmp_path: Path, peers: list[Peer]) -> None:
    write_cines(tmp_path / "pacs", 1)
    pacs = Pacs(tmp_path / "pacs", peers)
    address = PacsAddress(pacs.address.url.replace("dicom-web", "moved"), token="s3cret")
    with pytest.raises(StoreUnreachable, match="leads to another address") as caught:
        fetch_studies(address, ObjectFolder(tmp_path / "inbox"), KEYRING, (DAY, DAY), tmp_path / "days", Event())
    assert "s3cret" not in str(caught.value)


def test_a_server_that_stays_away_is_a_line(tmp_path: Path) -> None:
    address = PacsAddress(f"http://127.0.0.1:{free_port()}/dicom-web")
    with pytest.raises(StoreUnreachable, match="run it again"):
        fetch_studies(
            address, ObjectFolder(tmp_path), KEYRING, (DAY, DAY), tmp_path / "days", Event(), patience_seconds=0
        )


def test_a_server_that_is_away_is_said_while_it_is_waited_for(tmp_path: Path) -> None:
    home = {"ECHOSEARCH_HOME": str(tmp_path / "home")}
    assert run(["encoder", "use", "phantom-tiny"], **home).returncode == 0
    source = f"dicomweb+http://127.0.0.1:{free_port()}/dicom-web"
    command = [*PROGRAM, "ingest", source, "--study-date", "2024"]
    with subprocess.Popen(command, env=os.environ | home, stderr=subprocess.PIPE, text=True) as waiting:
        assert waiting.stderr is not None
        line = waiting.stderr.readline()
        waiting.send_signal(signal.SIGTERM)
        rest = waiting.stderr.read()
    assert line == "echosearch: nothing is fetched now, waiting for the PACS to answer (ConnectionError)\n"
    assert "waiting" not in rest  # once, however often it is tried


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("dicomweb+http://10.0.0.5/dicom-web", "readable on the way"),
        ("dicomweb+https://user:secret@pacs/dicom-web", "no user or password"),
        ("dicomweb+ftp://pacs", "looks like"),
        ("dicomweb+https://", "looks like"),
        ("dicomweb+https://pacs/dicom-web?token=1", "looks like"),
    ],
)
def test_what_is_no_address(url: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why) as caught:
        read_pacs_address(url, None, None)
    assert "secret" not in str(caught.value)


TODAY = date(2026, 11, 28)


@pytest.mark.parametrize(
    ("written", "first", "last"),
    [
        ("2015-", date(2015, 1, 1), TODAY),
        ("2015", date(2015, 1, 1), date(2015, 12, 31)),
        ("2015-2016", date(2015, 1, 1), date(2016, 12, 31)),
        ("201512", date(2015, 12, 1), date(2015, 12, 31)),
        ("201502-20160229", date(2015, 2, 1), date(2016, 2, 29)),
        ("20260101-2026", date(2026, 1, 1), TODAY),
    ],
)
def test_days(written: str, first: date, last: date) -> None:
    assert read_days(written, TODAY) == (first, last)


@pytest.mark.parametrize("written", ["", "-2015", "2015-2014", "20151301", "2015-01-01", "2015--", "２０１５-"])
def test_what_are_no_days(written: str) -> None:
    with pytest.raises(InputError, match="--study-date"):
        read_days(written, TODAY)


@pytest.mark.parametrize(
    ("written", "now", "seconds"),
    [
        ("22:00-06:00", "23:00", 0),
        ("22:00-06:00", "05:59", 0),
        ("22:00-06:00", "06:00", 16 * 3600),
        ("12:00-13:30", "11:00", 3600),
        ("12:00-13:30", "13:30", 22.5 * 3600),
        ("00:00-00:00", "15:00", 0),
    ],
)
def test_hours(written: str, now: str, seconds: float) -> None:
    assert read_hours(written).seconds_until(datetime.fromisoformat(f"2026-11-28 {now}")) == seconds


@pytest.mark.parametrize("written", ["", "22-6", "24:00-06:00", "22:00", "22:00–06:00"])
def test_what_are_no_hours(written: str) -> None:
    with pytest.raises(InputError, match="hours"):
        read_hours(written)


MULTIPART = 'multipart/related; type="application/dicom"; boundary=b'


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_a_part_is_what_was_put_into_it(size: int) -> None:
    """In whatever pieces it comes, also where it holds what looks like the begin of its end."""
    body = b"\r\n--\r\n--a\r\n\r\nDICM\r\n-" * 3

    def pieces(data: bytes) -> Iterator[bytes]:
        yield from (data[i : i + size] for i in range(0, len(data), size))

    whole = b"--b\r\nContent-Type: application/dicom\r\n\r\n" + body + b"\r\n--b--\r\n"
    assert b"".join(first_part(MULTIPART, pieces(whole))) == body
    assert b"".join(first_part(MULTIPART, pieces(b"preamble\r\n" + whole))) == body
    assert b"".join(first_part("application/dicom", pieces(body))) == body
    for cut in (whole[:-9], whole[:20], b"", b"x" * 20_000):
        with pytest.raises(ContentDecodingError):
            list(first_part(MULTIPART, pieces(cut)))
