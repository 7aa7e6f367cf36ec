"""Pseudonyms and their key file."""

from __future__ import annotations

import hashlib
import hmac
import os
import stat
import subprocess
import sys
from pathlib import Path
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from echosearch.errors import ConfigError
from echosearch.pseudonyms import Keyring, load_keyring


def test_the_published_test_vector() -> None:
    """Anyone can write this down again: HMAC-SHA256 over kind and parts, parted by NUL, first 128 bits."""
    expected = UUID(bytes=hmac.new(bytes(32), b"patient\0\x000001234", hashlib.sha256).digest()[:16])
    assert Keyring(bytes(32)).patient("", "0001234") == str(expected) == "706dce4a-6c8a-546e-1ac9-b6a5adea98fc"


def test_kinds_issuers_and_zeros_matter() -> None:
    ring = Keyring(bytes(32))
    keys = {ring.patient("", "1"), ring.patient("", "01"), ring.patient("A", "1"), ring.study("1"), ring.video("1")}
    assert len(keys) == 5
    assert ring.patient("A", "1") != Keyring(b"\1" * 32).patient("A", "1")


NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
PARTS = st.lists(NAMES, min_size=1, max_size=3)


@given(st.binary(min_size=32, max_size=32), NAMES, PARTS, PARTS)
def test_properties_of_keys(secret: bytes, kind: str, parts: list[str], others: list[str]) -> None:
    """As written down above, the same again, and another one where anything is another; NUL is in no identifier."""
    ring = Keyring(secret)
    message = b"\0".join(part.encode() for part in (kind, *parts))
    assert ring.key(kind, *parts) == str(UUID(bytes=hmac.new(secret, message, hashlib.sha256).digest()[:16]))
    assert (ring.key(kind, *parts) == ring.key(kind, *others)) == (parts == others)
    assert Keyring(bytes(reversed(secret))).key(kind, *parts) != ring.key(kind, *parts) or secret == secret[::-1]
    keys = [ring.study(parts[0]), ring.video(parts[0]), ring.report(parts[0]), ring.patient("", parts[0])]
    assert len({*keys}) == 4
    assert secret.hex() not in repr(ring)


def test_a_name_that_is_not_utf8_has_a_key() -> None:
    assert UUID(Keyring(bytes(32)).path(Path("caf\udce9/IM_1")))


def test_the_key_file_is_made_once_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "home/key"
    first = load_keyring(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert load_keyring(path) == first
    assert first.secret.hex() not in repr(first)
    assert [each.name for each in path.parent.iterdir()] == ["key"]


def test_a_key_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "key"
    load_keyring(path)
    path.chmod(0o640)
    with pytest.raises(ConfigError, match="chmod 600"):
        load_keyring(path)


@pytest.mark.parametrize("content", ["", "v1 abcd", "v1 " + "g" * 64, "abc", "\udcff\udcfe"])
def test_a_malformed_key_file_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "key"
    path.touch(0o600)
    path.write_text(content, errors="surrogateescape")
    with pytest.raises(ConfigError):
        load_keyring(path)


def test_a_folder_is_no_key_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is a folder or no regular file"):
        load_keyring(tmp_path)


def test_a_lost_key_file_is_not_replaced_in_silence(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="restore"):
        load_keyring(tmp_path / "key", create=False)


def test_processes_that_race_get_one_key(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from echosearch.pseudonyms import load_keyring;"
        "print(load_keyring(Path(sys.argv[1])).secret.hex())"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "key")]
    racers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    assert len({racer.communicate()[0] for racer in racers}) == 1


def test_the_key_of_a_process_that_was_first_is_the_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, theirs = tmp_path / "key", load_keyring(tmp_path / "theirs")

    def token(size: int) -> str:
        """Our key, for which another process leaves no place: it makes its own at this very moment."""
        os.link(tmp_path / "theirs", path)
        return "00" * size

    monkeypatch.setattr("echosearch.pseudonyms.secrets.token_hex", token)
    assert load_keyring(path).secret == theirs.secret
    assert sorted(file.name for file in tmp_path.iterdir()) == ["key", "theirs"]
