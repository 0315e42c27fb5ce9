"""Linux Landlock by plain ctypes: which files this process, and all it becomes, can open.

See landlock(7). No privilege is needed. What the running kernel's version does not know is left out, and
`restrict` says which version is in force; 0 means that nothing is.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys
from collections.abc import Iterable
from pathlib import Path

_CREATE, _ADD, _RESTRICT = 444, 445, 446  # the same numbers on all architectures
READ_FILE, READ_DIR = 1 << 2, 1 << 3
_WRITE = (1 << 1) | 0b1111111 << 4  # write, remove, make directories, devices, files and sockets
_RIGHTS = {1: (1 << 13) - 1, 2: 1 << 13, 3: 1 << 14, 5: 1 << 15}
"""Rights by the version that brought them: all of the first, refer, truncate, ioctl on devices."""
_TCP = 0b11  # bind, connect; version 4
_SCOPES = 0b11  # abstract sockets and signals beyond this process; version 6
_FILE_ONLY = READ_FILE | 1 << 1 | 1 << 14


def version() -> int:
    """The running kernel's version of Landlock; 0 if it has none."""
    if not sys.platform.startswith("linux"):
        return 0
    return max(0, _call(_CREATE, None, 0, 1))


def restrict(read: Iterable[Path], names: Iterable[Path], write: Iterable[Path]) -> int:
    """Close all files to this thread and its descendants, but these; returns the version in force.

    Args:
        read: files and folders whose contents can be read.
        names: folders that can be listed, not read.
        write: files and folders that can be read and written.
    """
    found = version()
    if not found:
        return 0
    handled = 0
    for since, rights in _RIGHTS.items():
        handled |= rights if found >= since else 0
    net, scopes = (_TCP if found >= 4 else 0), (_SCOPES if found >= 6 else 0)
    ruleset = struct.pack("=QQQ", handled, net, scopes)[
        : 24 if found >= 6 else 16 if found >= 4 else 8
    ]
    fd = _call(_CREATE, ruleset, len(ruleset), 0)
    if fd < 0:
        return 0
    try:
        for paths, rights in (
            (read, READ_FILE | READ_DIR),
            (names, READ_DIR),
            (write, READ_FILE | READ_DIR | _WRITE | 1 << 13 | 1 << 14),
        ):
            for path in paths:
                _allow(fd, path, rights & handled)
        return found if _call(_RESTRICT, fd, 0) == 0 else 0
    finally:
        os.close(fd)


def _allow(ruleset: int, path: Path, rights: int) -> None:
    try:
        fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return  # what is not there needs no permission
    try:
        rights = rights if path.is_dir() else rights & _FILE_ONLY
        if rights:
            rule = struct.pack("=Qi", rights, fd)
            if _call(_ADD, ruleset, 1, rule, 0) != 0:
                raise OSError(ctypes.get_errno(), f"Landlock refused a rule for {path}")
    finally:
        os.close(fd)


def _call(number: int, *args: int | bytes | None) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    return int(libc.syscall(ctypes.c_long(number), *(_word(arg) for arg in args)))


def _word(value: int | bytes | None) -> ctypes.c_char_p | ctypes.c_long | None:
    if isinstance(value, bytes):
        return ctypes.c_char_p(value)
    return None if value is None else ctypes.c_long(value)
