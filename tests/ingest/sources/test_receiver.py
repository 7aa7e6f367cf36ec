"""The C-STORE receiver against pynetdicom's own sender, in a process that is killed in between."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path

import pydicom
import pytest
from pynetdicom import AE

from echosearch.errors import InputError
from ingest.sources.inbox import ObjectFolder
from ingest.sources.receiver import Receiver
from tests.ingest.sources.conftest import Peer, stored, write_cines

US_MULTIFRAME, JPEG_BASELINE = "1.2.840.10008.5.1.4.1.1.3.1", "1.2.840.10008.1.2.4.50"


def send_all(folder: Path, inbox: Path, journal: Path, peers: list[Peer], kills: int) -> Receiver:
    """Send the folder's files; the sender and the receiver are killed, or stopped, ``kills`` times in between."""
    count = len(list(folder.glob("*.dcm")))
    port = 0
    for turn in range(kills + 1):
        with Receiver(ObjectFolder(inbox), "ECHO", ["PACS1"], "127.0.0.1", port) as receiver:
            port = receiver.port
            sender = Peer("tests/support/store_scu.py", str(folder), str(port), "ECHO", str(journal))
            peers.append(sender)
            sender.start()
            if turn < kills:
                enough = (turn + 1) * count // (kills + 1)
                deadline = time.monotonic() + 120
                while len(list(inbox.rglob("*.dcm"))) < enough:
                    assert time.monotonic() < deadline
                    time.sleep(0.01)
                sender.kill()
            else:
                assert sender.wait() == 0
    return receiver


@pytest.mark.parametrize("count", [24, pytest.param(500, marks=pytest.mark.slow)])
def test_a_sender_that_is_killed_twice_loses_and_doubles_nothing(tmp_path: Path, peers: list[Peer], count: int) -> None:
    write_cines(tmp_path / "pacs", count)
    send_all(tmp_path / "pacs", tmp_path / "inbox", tmp_path / "journal", peers, kills=2)
    received = [pydicom.dcmread(path) for path in (tmp_path / "inbox").rglob("*.dcm")]
    sent = [pydicom.dcmread(path) for path in (tmp_path / "pacs").glob("*.dcm")]
    assert sorted(one.SOPInstanceUID for one in received) == sorted(one.SOPInstanceUID for one in sent)
    pixels = {one.SOPInstanceUID: one.PixelData for one in sent}
    assert all(one.PixelData == pixels[one.SOPInstanceUID] for one in received)
    acknowledged = (tmp_path / "journal").read_text().split()
    assert len(acknowledged) == len(set(acknowledged)) == count


def associate(receiver: Receiver, calling: str = "PACS1", called: str = "ECHO") -> bool:
    sender = AE(ae_title=calling)
    sender.add_requested_context(US_MULTIFRAME, JPEG_BASELINE)
    association = sender.associate("127.0.0.1", receiver.port, ae_title=called)
    established = association.is_established
    if established:
        association.release()
    return bool(established)


def test_only_the_named_titles_may_send(tmp_path: Path) -> None:
    with Receiver(ObjectFolder(tmp_path / "inbox"), "ECHO", ["PACS1"], "127.0.0.1", 0) as receiver:
        assert associate(receiver)
        assert not associate(receiver, calling="STRANGER")
        assert not associate(receiver, called="OTHER")
        with pytest.raises(InputError, match="choose another --port"):
            Receiver(ObjectFolder(tmp_path / "inbox"), "ECHO", ["PACS1"], "127.0.0.1", receiver.port).__enter__()


@pytest.mark.parametrize("title", ["", "17 characters xxx", "a\\b", " PACS", "エコー"])
def test_what_is_no_title(tmp_path: Path, title: str) -> None:
    with pytest.raises(InputError, match="no AE title"):
        Receiver(ObjectFolder(tmp_path / "inbox"), title, ["PACS1"], "127.0.0.1", 0)


def test_what_cannot_be_stored_is_not_acknowledged(tmp_path: Path) -> None:
    """A full disk: the sender is told, and nothing half-written has a name."""
    write_cines(tmp_path / "pacs", 1)
    inbox = ObjectFolder(tmp_path / "inbox")

    def full(parts: object, name: str | None = None) -> bool:
        raise OSError(28, "No space left on device")

    with Receiver(inbox, "ECHO", ["PACS1"], "127.0.0.1", 0) as receiver:
        inbox.put = full  # type: ignore[method-assign]
        sender = AE(ae_title="PACS1")
        sender.add_requested_context(US_MULTIFRAME, JPEG_BASELINE)
        association = sender.associate("127.0.0.1", receiver.port, ae_title="ECHO")
        status = association.send_c_store(pydicom.dcmread(tmp_path / "pacs" / "00000.dcm"))
        association.release()
    assert status.Status == 0xA700
    assert receiver.received.refused == {"No space left on device": 1}
    assert stored(inbox.folder) == []


def test_an_inbox_names_nobody_and_keeps_one_file_of_one_content(tmp_path: Path) -> None:
    inbox = ObjectFolder(tmp_path / "inbox")
    assert inbox.put([b"CANARY", b" body"])
    assert not inbox.put([b"CANARY body"])
    (path,) = inbox.folder.rglob("*.dcm")
    assert path.stem == hashlib.sha256(b"CANARY body").hexdigest()
    assert path.stat().st_mode & 0o077 == 0
    left = path.parent / ".partial-0000"
    left.write_bytes(b"cut")
    ObjectFolder(inbox.folder)
    assert not left.exists()


def test_a_part_that_ends_in_an_error_leaves_nothing(tmp_path: Path) -> None:
    def broken() -> object:
        yield b"half"
        raise OSError(5, "Input/output error")

    inbox = ObjectFolder(tmp_path / "inbox")
    with pytest.raises(OSError, match="Input/output"):
        inbox.put(broken())  # type: ignore[arg-type]
    assert [path for path in inbox.folder.rglob("*") if path.is_file()] == []
