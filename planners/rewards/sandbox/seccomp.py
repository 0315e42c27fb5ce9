"""A Linux seccomp filter by plain ctypes: the system calls that are left, all others fail with EPERM.

An allow-list: what training needs (memory, threads, clocks, files that Landlock guards), and nothing that
makes a process, a socket or a program. See seccomp(2). The classic BPF program is written out here; one
number per call and architecture.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
import sys

_ALLOW, _ERRNO, _KILL = 0x7FFF0000, 0x00050000, 0x80000000
_LD, _JEQ, _JSET, _RET = 0x20, 0x15, 0x45, 0x06
_NUMBER, _ARCH, _ARGS = 0, 4, 16
_CLONE_THREAD = 0x10000
_AUDIT = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_SECCOMP = {"x86_64": 317, "aarch64": 277}
# name: number on x86-64, number on arm64 (None where it has none); the frequent ones first
CALLS: dict[str, tuple[int, int | None]] = {
    "futex": (202, 98), "read": (0, 63), "write": (1, 64), "mmap": (9, 222), "munmap": (11, 215),
    "mprotect": (10, 226), "madvise": (28, 233), "brk": (12, 214), "mremap": (25, 216),
    "clock_gettime": (228, 113), "clock_nanosleep": (230, 115), "clock_getres": (229, 114),
    "gettimeofday": (96, 169), "time": (201, None), "sched_yield": (24, 124), "nanosleep": (35, 101),
    "openat": (257, 56), "open": (2, None), "close": (3, 57), "fstat": (5, 80), "stat": (4, None),
    "lstat": (6, None), "newfstatat": (262, 79), "statx": (332, 291), "lseek": (8, 62),
    "pread64": (17, 67), "pwrite64": (18, 68), "readv": (19, 65), "writev": (20, 66),
    "access": (21, None), "faccessat": (269, 48), "faccessat2": (439, 439), "getdents64": (217, 61),
    "readlink": (89, None), "readlinkat": (267, 78), "getcwd": (79, 17), "fcntl": (72, 25),
    "ftruncate": (77, 46), "fsync": (74, 82), "fdatasync": (75, 83), "flock": (73, 32),
    "mkdir": (83, None), "mkdirat": (258, 34), "rmdir": (84, None), "unlink": (87, None),
    "unlinkat": (263, 35), "rename": (82, None), "renameat": (264, 38), "renameat2": (316, 276),
    "statfs": (137, 43), "fstatfs": (138, 44), "fadvise64": (221, 223), "dup": (32, 23),
    "pipe": (22, None), "pipe2": (293, 59), "poll": (7, None), "ppoll": (271, 73),
    "select": (23, None), "pselect6": (270, 72), "eventfd2": (290, 19), "epoll_create1": (291, 20),
    "epoll_ctl": (233, 21), "epoll_wait": (232, None), "epoll_pwait": (281, 22),
    "rt_sigaction": (13, 134), "rt_sigprocmask": (14, 135), "rt_sigreturn": (15, 139),
    "sigaltstack": (131, 132), "restart_syscall": (219, 128), "exit": (60, 93),
    "exit_group": (231, 94), "set_robust_list": (273, 99), "get_robust_list": (274, 100),
    "rseq": (334, 293), "membarrier": (324, 283), "set_tid_address": (218, 96),
    "getpid": (39, 172), "gettid": (186, 178), "getppid": (110, 173), "getuid": (102, 174),
    "geteuid": (107, 175), "getgid": (104, 176), "getegid": (108, 177), "getrandom": (318, 278),
    "getrusage": (98, 165), "times": (100, 153), "sysinfo": (99, 179), "uname": (63, 160),
    "getrlimit": (97, 163), "sched_getaffinity": (204, 123), "sched_getparam": (143, 121),
    "sched_getscheduler": (145, 120), "getcpu": (309, 168), "get_mempolicy": (239, 236),
    "mincore": (27, 232), "arch_prctl": (158, None), "umask": (95, 166), "getpriority": (140, 141),
}  # fmt: skip
_IOCTLS = (
    0x5401,
    0x5413,
    0x541B,
    0x5451,
    0x5450,
)  # is it a terminal, how wide, bytes to read, cloexec
_PRCTLS = (15, 16, 0x53564D41)  # names of threads and of memory
_SPECIAL = {
    "clone": (56, 220), "clone3": (435, 435), "kill": (62, 129), "tgkill": (234, 131),
    "ioctl": (16, 29), "prctl": (157, 167), "prlimit64": (302, 261),
}  # fmt: skip


def supported() -> bool:
    """Whether there is a filter for this system."""
    return sys.platform.startswith("linux") and platform.machine() in _AUDIT


def program(machine: str, pid: int) -> bytes:
    """The filter for an architecture and a process: an array of ``struct sock_filter``."""
    column = 0 if machine == "x86_64" else 1
    rows = [_load(_ARCH), _jump(_JEQ, _AUDIT[machine], 1, 0), _end(_KILL), _load(_NUMBER)]
    for numbers in CALLS.values():
        number = numbers[column]
        if number is not None:
            rows += [_jump(_JEQ, number, 0, 1), _end(_ALLOW)]
    special = {name: numbers[column] for name, numbers in _SPECIAL.items()}
    rows += _if(special["clone"], 0, _JSET, (_CLONE_THREAD,))
    rows += _if(special["kill"], 0, _JEQ, (pid,))
    rows += _if(special["tgkill"], 0, _JEQ, (pid,))
    rows += _if(special["ioctl"], 1, _JEQ, _IOCTLS)
    rows += _if(special["prctl"], 0, _JEQ, _PRCTLS)
    # reading one's own limits: for process 0, new limits at address 0 (both halves of it)
    test = [_load(_ARGS), _jump(_JEQ, 0, 0, 5), _load(_ARGS + 16), _jump(_JEQ, 0, 0, 3)]
    test += [_load(_ARGS + 20), _jump(_JEQ, 0, 0, 1), _end(_ALLOW), _end(_ERRNO | errno.EPERM)]
    rows += [_jump(_JEQ, special["prlimit64"], 0, len(test)), *test]
    # "no such call" makes the C library fall back to clone, whose flags can be read
    rows += [_jump(_JEQ, special["clone3"], 0, 1), _end(_ERRNO | errno.ENOSYS)]
    return b"".join([*rows, _end(_ERRNO | errno.EPERM)])


def install() -> bool:
    """Put the filter in force for all threads of this process, for good; returns whether it is."""
    if not supported():
        return False
    machine = platform.machine()
    code = program(machine, os.getpid())
    held = ctypes.create_string_buffer(code, len(code))
    fprog = struct.pack("@HxxxxxxP", len(code) // 8, ctypes.addressof(held))
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(38, 1, 0, 0, 0) != 0:  # PR_SET_NO_NEW_PRIVS
        return False
    number = ctypes.c_long(_SECCOMP[machine])
    mode, flags = ctypes.c_long(1), ctypes.c_long(1)  # a filter, for every thread
    return libc.syscall(number, mode, flags, ctypes.c_char_p(fprog)) == 0


def _if(number: int, arg: int, test: int, values: tuple[int, ...]) -> list[bytes]:
    """Allow a call whose argument (its low word) passes a test with one of the values; else EPERM."""
    body = [_load(_ARGS + 8 * arg)]
    body += [_jump(test, value, len(values) - i, 0) for i, value in enumerate(values)]
    body += [_end(_ERRNO | errno.EPERM), _end(_ALLOW)]
    return [_jump(_JEQ, number, 0, len(body)), *body]


def _load(offset: int) -> bytes:
    return struct.pack("=HBBI", _LD, 0, 0, offset)


def _jump(code: int, value: int, yes: int, no: int) -> bytes:
    return struct.pack("=HBBI", code, yes, no, value)


def _end(value: int) -> bytes:
    return struct.pack("=HBBI", _RET, 0, 0, value)
