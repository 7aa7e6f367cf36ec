"""The system calls that a decode worker is refused, and the filter for seccomp that refuses them."""

from __future__ import annotations

import errno
import struct

__all__ = ["ARCHITECTURES", "seccomp_program"]

ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}

# name: number on x86_64, on aarch64 (None: there is none); from the kernel's tables
REFUSED: dict[str, tuple[int | None, int | None]] = {
    # network
    "socket": (41, 198),
    "connect": (42, 203),
    "bind": (49, 200),
    "listen": (50, 201),
    "accept": (43, 202),
    "accept4": (288, 242),
    # programs and processes
    "execve": (59, 221),
    "execveat": (322, 281),
    "fork": (57, None),
    "vfork": (58, None),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "kcmp": (312, 272),
    "pidfd_open": (434, 434),
    "pidfd_getfd": (438, 438),
    "pidfd_send_signal": (424, 424),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    "unshare": (272, 97),
    "setns": (308, 268),
    # owners, modes, times and attributes of files, which Landlock leaves alone
    "chmod": (90, None),
    "fchmod": (91, 52),
    "fchmodat": (268, 53),
    "fchmodat2": (452, 452),
    "chown": (92, None),
    "fchown": (93, 55),
    "lchown": (94, None),
    "fchownat": (260, 54),
    "utime": (132, None),
    "utimes": (235, None),
    "futimesat": (261, None),
    "utimensat": (280, 88),
    "setxattr": (188, 5),
    "lsetxattr": (189, 6),
    "fsetxattr": (190, 7),
    "removexattr": (197, 14),
    "lremovexattr": (198, 15),
    "fremovexattr": (199, 16),
    # ways around both, and what only an administrator does
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "open_by_handle_at": (304, 265),
    "keyctl": (250, 219),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "mount": (165, 40),
    "umount2": (166, 39),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "mount_setattr": (442, 442),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "delete_module": (176, 106),
    "kexec_load": (246, 104),
    "kexec_file_load": (320, 294),
    "reboot": (169, 142),
    "swapon": (167, 224),
    "swapoff": (168, 225),
}
CLONE, CLONE3 = {"x86_64": 56, "aarch64": 220}, 435
SIGNALS = {"x86_64": (62, 234), "aarch64": (129, 131)}  # kill, tgkill: to itself only (abort, raise)
TKILL = {"x86_64": 200, "aarch64": 130}
CLONE_THREAD = 0x00010000
X32 = 0x40000000  # x86_64: the same calls under other numbers

LOAD, EQUAL, AT_LEAST, ALL_SET, ANSWER = 0x20, 0x15, 0x35, 0x45, 0x06  # BPF; ALL_SET: any bit of the constant
ALLOW, REFUSE, KILL = 0x7FFF0000, 0x00050000 | errno.EPERM, 0x80000000
NOT_THERE = 0x00050000 | errno.ENOSYS
NUMBER, ARCHITECTURE, ARGUMENT = 0, 4, 16  # offsets in struct seccomp_data


def seccomp_program(machine: str, pid: int) -> bytes:
    """Assemble the filter: refused calls answer EPERM, clone makes threads only, signals go to ``pid`` only."""
    column = list(ARCHITECTURES).index(machine)
    steps = [
        _step(LOAD, ARCHITECTURE),
        *(_step(EQUAL, ARCHITECTURES[machine], 1, 0), _step(ANSWER, KILL)),
        _step(LOAD, NUMBER),
    ]
    if machine == "x86_64":
        steps += [_step(AT_LEAST, X32, 0, 1), _step(ANSWER, REFUSE)]
    for numbers in REFUSED.values():
        if (number := numbers[column]) is not None:
            steps += [_step(EQUAL, number, 0, 1), _step(ANSWER, REFUSE)]
    # the C library falls back to clone, whose flags can be looked at
    steps += [_step(EQUAL, CLONE3, 0, 1), _step(ANSWER, NOT_THERE), _step(EQUAL, TKILL[machine], 0, 1)]
    steps += [_step(ANSWER, REFUSE), _step(EQUAL, CLONE[machine], 0, 4), _step(LOAD, ARGUMENT)]
    steps += [_step(ALL_SET, CLONE_THREAD, 0, 1), _step(ANSWER, ALLOW), _step(ANSWER, REFUSE)]
    for number in SIGNALS[machine]:
        steps += [_step(EQUAL, number, 0, 4), _step(LOAD, ARGUMENT), _step(EQUAL, pid, 0, 1)]
        steps += [_step(ANSWER, ALLOW), _step(ANSWER, REFUSE)]
    return b"".join([*steps, _step(ANSWER, ALLOW)])


def _step(code: int, constant: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, constant)
