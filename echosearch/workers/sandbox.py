"""Take rights from a decode worker, through the Linux kernel: no file, no network, no other process.

    Landlock      opens no file but Python's own and the system's libraries, writes nowhere, connects nowhere (5.13 on)
    seccomp       makes no socket, starts no program or process, signals and inspects none, changes no owner or mode
    capabilities  none, if the worker is root's
    another user  nobody's, if it is root's and there is no Landlock

A worker gets its file as an open descriptor, so it needs the right to open none. Protections that a kernel
does not have are left out: ``protections`` returns those in force on this machine.
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from echosearch.workers.syscalls import ARCHITECTURES, seccomp_program

__all__ = ["confine", "plain_environment", "protections"]

# variables that Python, its libraries and their threads need; none says where an archive is or how to enter it
KEPT = ("PATH", "LANG", "TZ", "TMPDIR")
KEPT_PREFIXES = ("LC_", "LD_", "PYTHON", "OMP_", "MKL_", "OPENBLAS_", "GLIBC_", "MALLOC_")

LANDLOCK_CREATE, LANDLOCK_ADD, LANDLOCK_RESTRICT = 444, 445, 446  # on every architecture
READ_FILE, READ_DIR, WRITE_FILE = 1 << 2, 1 << 3, 1 << 1
PR_SET_NO_NEW_PRIVS, PR_CAPBSET_DROP = 38, 24
SECCOMP, SET_MODE_FILTER, GET_ACTION_AVAIL = {"x86_64": 317, "aarch64": 277}, 1, 2
CAPSET = {"x86_64": 126, "aarch64": 91}
TSYNC = 1
NOBODY = 65534
SYSTEM = (
    *("/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/share/zoneinfo", "/etc/ld.so.cache", "/etc/localtime"),
    *("/dev/urandom", "/sys/devices/system/cpu"),
)


def protections() -> list[str]:
    """Return what ``confine`` does on this machine, in words; an empty list if it can do nothing."""
    found = []
    if _landlock_version() > 0:
        found.append(f"Landlock {_landlock_version()}")
    if _has_seccomp():
        found.append("seccomp")
    if os.geteuid() == 0:
        found.append("no capabilities" if _landlock_version() > 0 else "another user")
    return found


def plain_environment() -> dict[str, str]:
    """Return the variables of this process that a worker may have."""
    return {name: value for name, value in os.environ.items() if name in KEPT or name.startswith(KEPT_PREFIXES)}


def confine() -> None:
    """Give up every right that decoding does not need; there is no way back. Call it on the process's only thread."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    version = _landlock_version()
    if version > 0:
        _restrict_files(libc, version)
    elif os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
    if os.geteuid() == 0:
        _drop_capabilities(libc)
    if _has_seccomp():
        _filter_calls(libc)


def _restrict_files(libc: ctypes.CDLL, version: int) -> None:
    """Restrict files by Landlock. Raises OSError if the kernel has it and refuses: then the worker must not begin."""
    files = (1 << (13 if version < 2 else 14 if version < 3 else 15 if version < 5 else 16)) - 1
    network, scopes = 0b11, 0b11  # bind and connect by TCP; abstract sockets and signals
    attributes = struct.pack("=QQQ", files, network, scopes)[: 8 if version < 4 else 16 if version < 6 else 24]
    ruleset = _call(libc, LANDLOCK_CREATE, attributes, len(attributes), 0)
    for path in _needed():
        with suppress(OSError):  # not on this machine
            fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
            rights = READ_FILE | READ_DIR if path.is_dir() else READ_FILE
            _call(libc, LANDLOCK_ADD, ruleset, 1, struct.pack("=Qi", rights, fd), 0)
            os.close(fd)
    null = os.open(os.devnull, os.O_PATH | os.O_CLOEXEC)
    _call(libc, LANDLOCK_ADD, ruleset, 1, struct.pack("=Qi", READ_FILE | WRITE_FILE, null), 0)
    os.close(null)
    _call(libc, LANDLOCK_RESTRICT, ruleset, 0)
    os.close(ruleset)


def _needed() -> Iterator[Path]:
    """Yield the paths of modules that a codec may import later, and of what the C library reads."""
    installed = {Path(sysconfig.get_path(name)) for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    yield from installed
    yield from map(Path, SYSTEM)
    known = tuple(f"{place}/" for place in installed)
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None) if "." not in name and hasattr(module, "__path__") else None
        if file and not file.startswith(known) and len(Path(file).parts) > 3:
            yield Path(file).parent  # a package that lies elsewhere: an editable installation, PYTHONPATH


def _drop_capabilities(libc: ctypes.CDLL) -> None:
    for capability in range(64):
        libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)  # those that the kernel does not have are refused
    number = CAPSET.get(platform.machine())
    if number is not None:
        _call(libc, number, struct.pack("=Ii", 0x20080522, 0), bytes(24))


def _filter_calls(libc: ctypes.CDLL) -> None:
    program = seccomp_program(platform.machine(), os.getpid())
    buffer = ctypes.create_string_buffer(program, len(program))
    header = struct.pack("=HxxxxxxQ", len(program) // 8, ctypes.addressof(buffer))
    _call(libc, SECCOMP[platform.machine()], SET_MODE_FILTER, TSYNC, header)


def _landlock_version() -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    return int(libc.syscall(ctypes.c_long(LANDLOCK_CREATE), None, ctypes.c_size_t(0), ctypes.c_uint32(1)))


def _has_seccomp() -> bool:
    machine = platform.machine()
    if machine not in ARCHITECTURES or sys.byteorder != "little" or sys.maxsize < 2**32:
        return False
    action = ctypes.c_uint32(0x00050000)  # answer with an error number
    libc = ctypes.CDLL(None, use_errno=True)
    return int(libc.syscall(ctypes.c_long(SECCOMP[machine]), GET_ACTION_AVAIL, 0, ctypes.byref(action))) == 0


def _call(libc: ctypes.CDLL, number: int, *arguments: int | bytes) -> int:
    passed = [argument if isinstance(argument, bytes) else ctypes.c_long(argument) for argument in arguments]
    result = int(libc.syscall(ctypes.c_long(number), *passed))
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"system call {number}: {os.strerror(code)}")
    return result
