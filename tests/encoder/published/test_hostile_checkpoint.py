"""Checkpoints that claim more than they hold: each is refused in a line, in a child that stays small."""

import json
import os
import pickle
import re
import resource
import struct
import subprocess
import sys
import warnings
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from echosearch.encoder.published import checkpoint, echoclip, memory, pickle_reader
from echosearch.encoder.published.checkpoint import read_checkpoint
from echosearch.errors import BundleError

GIB = 1 << 30


def save(file: Path, tensor: torch.Tensor, legacy: bool = False) -> None:
    torch.save({"state_dict": {"a": tensor}}, file, _use_new_zipfile_serialization=not legacy)


def put(file: Path, member: str, content: bytes, kind: int = zipfile.ZIP_STORED) -> None:
    """A sound checkpoint, one of whose members is exchanged."""
    save(file, torch.ones(4))
    with zipfile.ZipFile(file) as archive:
        members = {one.filename: archive.read(one) for one in archive.infolist()}
    with zipfile.ZipFile(file, "w") as archive:
        for name, old in members.items():
            if name.endswith(member):
                archive.writestr(name, content, kind)
            else:
                archive.writestr(name, old)


def zip_bomb(file: Path, member: str) -> None:
    """One that unpacks to 64 MB."""
    put(file, member, b"\0" * (64 << 20), zipfile.ZIP_DEFLATED)


def legacy_text(file: Path) -> None:
    """A pickle of protocol 2 that says it holds a text of 1 GB, and holds it (as a hole, which takes no disk)."""
    save(file, torch.ones(4), legacy=True)
    with file.open("r+b") as opened:
        opened.seek(0)
        opened.write(pickle.PROTO + b"\x02" + pickle.BINUNICODE + struct.pack("<I", GIB))
        opened.truncate(GIB + 100)


def legacy_line(file: Path) -> None:
    """The same as a line without an end."""
    with file.open("wb") as opened:
        opened.write(pickle.PROTO + b"\x02" + pickle.GLOBAL)
        opened.truncate(GIB)


def legacy_storage(file: Path) -> None:
    """The pickle of a small tensor with one number exchanged: its storage has 2**40 elements."""
    save(file, torch.ones(0x1234), legacy=True)
    content = file.read_bytes()
    number = pickle.BININT2 + struct.pack("<H", 0x1234)
    assert content.count(number) >= 2
    file.write_bytes(content.replace(number, pickle.LONG1 + b"\x06" + (1 << 40).to_bytes(6, "little")))


def many_names_of_one(file: Path) -> None:
    tensor = torch.ones(1 << 18)
    torch.save({f"w{i}": tensor for i in range(5000)}, file)


class Malice:
    """Makes a folder beside the checkpoint when it is unpickled."""

    def __init__(self, file: Path) -> None:
        self.made = file.with_suffix(".made")

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.made),)


def malicious(file: Path, legacy: bool = False) -> None:
    bad = {"state_dict": {"a": torch.zeros(2)}, "epoch": Malice(file)}
    torch.save(bad, file, _use_new_zipfile_serialization=not legacy)


def torchscript(file: Path) -> None:
    torch.jit.trace(torch.nn.Linear(2, 2), torch.zeros(1, 2)).save(file)  # it is deprecated


def another_zip(file: Path) -> None:
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("x/data.txt", "nothing")


HOSTILE: dict[str, tuple[Callable[[Path], object], str]] = {
    "expanded": (lambda file: save(file, torch.zeros(1).expand(1 << 34)), "a has 17179869184 elements"),
    "expanded, legacy": (lambda file: save(file, torch.zeros(1).expand(1 << 34), True), "a has 17179869184 elements"),
    "stride 0 in one axis": (
        lambda file: save(file, torch.zeros(1000).as_strided((100_000, 1000), (0, 1))),
        "a has 100000000 elements",
    ),
    "overlapping": (lambda file: save(file, torch.zeros(9000).as_strided((8000, 1000), (1, 1))), "a has 8000000"),
    "one storage, many names": (many_names_of_one, "its tensors would be 5243 MB of a file of"),
    "sparse": (
        lambda file: save(file, torch.sparse_coo_tensor(torch.tensor([[0]]), torch.ones(1), (1 << 40,))),
        "a is .*sparse",
    ),
    "compressed rows": (lambda file: save(file, torch.eye(3).to_sparse_csr()), "a is .*sparse"),
    "meta": (lambda file: save(file, torch.empty(1 << 40, device="meta")), "a is .*on meta|meta"),
    "quantized": (lambda file: save(file, torch.quantize_per_tensor(torch.ones(9), 0.1, 0, torch.qint8)), "qint8"),
    "complex": (lambda file: save(file, torch.ones(3, dtype=torch.complex64)), "complex64"),
    "eight-bit floats": (lambda file: save(file, torch.ones(3).to(torch.float8_e4m3fn)), "float8_e4m3fn"),
    "a bomb for a pickle": (lambda file: zip_bomb(file, "data.pkl"), "its pickle has 67 MB"),
    "a bomb for a tensor": (lambda file: zip_bomb(file, "data/0"), "its tensors are compressed"),
    "a bomb beside them": (lambda file: zip_bomb(file, "byteorder"), "it unpacks to more than it is"),
    "text of 1 GB": (legacy_text, "its pickle has 1074 MB"),
    "line of 1 GB": (legacy_line, "its pickle has"),
    "storage of 4 TB": (legacy_storage, "more memory than a checkpoint of its size"),
    "a name that steers the terminal": (lambda file: torch.save({"\x1b[2J": torch.ones(1)}, file), "is called"),
    "a long name": (lambda file: torch.save({"a" * 1000: torch.ones(1)}, file), "is called"),
    "no tensors": (lambda file: torch.save({"state_dict": OrderedDict(a=1)}, file), "holds no tensors"),
    "deep": (
        lambda file: put(file, "data.pkl", b"\x80\x02" + b"]" * 100_000 + b"a" * 99_999 + b"."),
        "it holds no state_dict",
    ),
    "code": (malicious, r"posix\.mkdir|something"),
    "code, legacy": (lambda file: malicious(file, legacy=True), r"posix\.mkdir|something"),
    "code alone": (lambda file: file.write_bytes(pickle.dumps(Malice(file))), r"posix\.mkdir|something"),
    "a text": (lambda file: file.write_bytes(b"no checkpoint"), "."),
    "a page": (lambda file: file.write_bytes(b"<!DOCTYPE html>"), "no zip and no pickle"),
    "a torn zip": (lambda file: file.write_bytes(b"PK\x03\x04 torn"), "."),
    "another zip": (another_zip, "."),
    "TorchScript": (torchscript, "it is TorchScript"),
}


# as checkpoint.py starts a child, but torch is imported once: each file is read by a fork of its own
FORKS = """
import json, os, resource, sys
from pathlib import Path
from echosearch.encoder.published.pickle_reader import convert_checkpoint
for file in map(Path, sys.argv[1:]):
    if not (child := os.fork()):
        os.dup2(os.open(file.with_suffix(".said"), os.O_WRONLY | os.O_CREAT), 2)
        code = convert_checkpoint(str(file), str(file.with_suffix(".safetensors")))
        sys.stderr.flush()  # what it said has no line end
        os._exit(code)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    _, status, used = os.wait4(child, 0)
    said = file.with_suffix(".said").read_text()
    print(json.dumps([os.waitstatus_to_exitcode(status), said, used.ru_maxrss - before]))
"""


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[int, str, int]]:
    """By kind: exit code, what was said, and the memory taken above what torch itself takes, in kB."""
    folder = tmp_path_factory.mktemp("hostile")
    files = [folder / f"{number}.pt" for number in range(len(HOSTILE))]
    with warnings.catch_warnings(action="ignore"):  # sparse and quantized tensors are deprecated or unfinished
        for file, (make, _) in zip(files, HOSTILE.values(), strict=True):
            make(file)
    done = subprocess.run(
        [sys.executable, "-c", FORKS, *map(str, files)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    for file in files:
        file.unlink()
        assert not file.with_suffix(".made").exists()  # no code was run
    return {kind: tuple(json.loads(line)) for kind, line in zip(HOSTILE, done.stdout.splitlines(), strict=True)}


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_checkpoint_is_refused_in_a_line_and_in_little_memory(
    verdicts: dict[str, tuple[int, str, int]], kind: str
) -> None:
    code, said, grown = verdicts[kind]
    codes = (pickle_reader.REFUSED, pickle_reader.UNREADABLE, pickle_reader.TOO_LARGE)
    assert code in (codes[:1] if kind.startswith("code") else codes), said
    assert "weights_only" not in said.splitlines()[-1]  # torch's advice would be to read it without protection
    assert re.search(HOSTILE[kind][1], said.splitlines()[-1])
    assert grown < 100 << 10


@pytest.mark.parametrize("kind", ["expanded", "a name that steers the terminal"])
def test_the_parent_says_it_in_a_line(tmp_path: Path, kind: str, request: pytest.FixtureRequest) -> None:
    """What the child says is the line's end; each kind is read above. One child is started, the other forked."""
    if kind != "expanded":
        request.getfixturevalue("forked_children")
    file = tmp_path / "x.pt"
    HOSTILE[kind][0](file)
    with pytest.raises(BundleError, match=HOSTILE[kind][1]) as caught:
        read_checkpoint(file)
    assert str(caught.value).isprintable()
    assert str(file) in str(caught.value)
    assert list(tmp_path.iterdir()) == [file]


def test_the_childs_limit_counts_from_what_it_has_mapped_and_a_lower_one_stays() -> None:
    """Each in a fork of one process: torch is imported once."""
    code = (
        "import os, resource, torch; from echosearch.encoder.published.memory import limit_memory\n"
        "if not (child := os.fork()):\n"
        "    limit_memory(512 << 20)\n"
        "    torch.ones(64 << 18)\n"  # 64 MB
        "    try:\n        torch.ones(600 << 18)\n"
        "    except RuntimeError as exc: print('memory' in str(exc), flush=True)\n"
        "    os._exit(0)\n"
        "os.waitpid(child, 0)\n"
        f"resource.setrlimit(resource.RLIMIT_AS, ({4 * GIB}, {4 * GIB}))\n"
        f"limit_memory({8 * GIB}); print(resource.getrlimit(resource.RLIMIT_AS))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["True", f"({4 * GIB}, {4 * GIB})"]


def machine(folder: Path, cgroup: str, groups: dict[str, str]) -> int:
    (folder / "proc" / "self").mkdir(parents=True)
    (folder / "proc" / "meminfo").write_text("MemTotal: 9 kB\nMemAvailable:    8388608 kB\n")
    (folder / "proc" / "self" / "cgroup").write_text(cgroup)
    for name, content in groups.items():
        file = folder / "cgroup" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
    return memory.available_memory(folder / "proc", folder / "cgroup")


def test_available_memory_is_the_kernels_or_what_a_group_leaves(tmp_path: Path) -> None:
    assert machine(tmp_path / "none", "", {}) == 8 * GIB
    two = {"memory.max": f"{4 * GIB}\n", "memory.current": f"{3 * GIB}\n", "memory.stat": f"inactive_file {GIB}\n"}
    above = {f"a/{name}": content for name, content in two.items()}
    free = {"a/b/memory.max": "max\n", "a/b/memory.current": "0\n", "a/b/memory.stat": "inactive_file 0\n"}
    assert machine(tmp_path / "two", "0::/a/b\n", {**above, **free}) == 2 * GIB
    assert machine(tmp_path / "root", "0::/elsewhere/a\n", two) == 2 * GIB  # a container's own root
    one = {
        "memory/a/memory.limit_in_bytes": f"{2 * GIB}\n",
        "memory/a/memory.usage_in_bytes": f"{GIB}\n",
        "memory/a/memory.stat": "total_inactive_file 0\n",
    }
    assert machine(tmp_path / "one", "4:cpu,memory:/a\n0::/\n", one) == GIB


def test_this_machines_memory_is_known() -> None:
    pages = resource.getpagesize()
    assert pages < memory.available_memory() < 1 << 60


@pytest.mark.usefixtures("forked_children")
def test_tensors_that_this_machine_cannot_hold_are_refused_before_they_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(tmp_path / "x.pt", torch.ones(1000))
    monkeypatch.setattr(checkpoint, "available_memory", lambda: 100)
    with pytest.raises(BundleError, match=r"this machine has 0\.0 GB of memory left"):
        read_checkpoint(tmp_path / "x.pt")


def header(table: object, data: bytes = b"") -> bytes:
    text = table if isinstance(table, bytes) else json.dumps(table).encode()
    return struct.pack("<Q", len(text)) + text + data


LYING = {
    "a header longer than the file": struct.pack("<Q", 1 << 40) + b"{}",
    "more elements than bytes": header({"a": {"dtype": "F32", "shape": [1 << 40], "data_offsets": [0, 4]}}, b"\0" * 4),
    "more bytes than there are": header({"a": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}}, b"\0" * 4),
    "overlapping": header({name: {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]} for name in "ab"}, b"\0" * 4),
    "an overflow": header({"a": {"dtype": "F32", "shape": [1 << 63, 4], "data_offsets": [0, 0]}}),
    "deep": header(b"[" * 100_000 + b"]" * 100_000),
    "no JSON": header(b"\xff\xfe"),
    "another kind of number": header({"a": {"dtype": "F8_E4M3", "shape": [1], "data_offsets": [0, 1]}}, b"\0"),
    "a name that steers": header({"\x1b[2J": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}, b"\0" * 4),
}


@pytest.mark.parametrize("kind", LYING)
def test_lying_safetensors_are_refused_in_a_line(tmp_path: Path, kind: str) -> None:
    file = tmp_path / "x.safetensors"
    file.write_bytes(LYING[kind])
    with pytest.raises(BundleError, match=r"x\.safetensors") as caught:
        read_checkpoint(file)
    assert str(caught.value).isprintable()


@pytest.mark.usefixtures("forked_children")
def test_tied_and_transposed_weights_are_still_taken(tmp_path: Path) -> None:
    words = torch.arange(6000.0).reshape(2, 3000)
    optimizer = {"exp_avg": torch.zeros(60_000)}
    torch.save({"state_dict": {"a": words, "b": words, "c": words.t()}, "optimizer": optimizer}, tmp_path / "whole.pt")
    assert torch.equal(read_checkpoint(tmp_path / "whole.pt")["c"], words.t())


def test_open_clips_configuration_has_a_limit(tmp_path: Path) -> None:
    for content in (b"[" * 100_000, b" " * (2 << 20), b"{}", b"[]", b'{"model_cfg": 3}', b"\xff"):
        (tmp_path / "open_clip_config.json").write_bytes(content)
        with pytest.raises(BundleError, match="is no open_clip configuration"):
            echoclip.read_config(tmp_path)
