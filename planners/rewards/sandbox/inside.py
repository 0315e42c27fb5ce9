"""The child: ``python -m planners.rewards.sandbox.inside``, started by `process` and by nothing else.

It reads one request, closes every wall behind itself, and only then imports what works on the request.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from planners.rewards.sandbox import landlock, seccomp
from planners.rewards.sandbox.limits import Limits

_SYSTEM = (
    "/usr/lib", "/usr/lib64", "/lib", "/lib64", "/usr/local/lib", "/usr/share/zoneinfo",
    "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d", "/etc/localtime",
    "/proc/self", "/proc/cpuinfo", "/proc/meminfo", "/proc/stat", "/sys/devices/system/cpu",
    "/sys/devices/system/node", "/dev/urandom", "/dev/random", "/dev/zero",
)  # fmt: skip


def enter(scratch: Path, limits: Limits, read: list[str]) -> list[str]:
    """Close the walls; returns which of them are in force."""
    with contextlib.suppress(OSError):  # if memory runs out after all, this one is to go
        Path("/proc/self/oom_score_adj").write_text("1000")
    limits.close()
    walls = ["own process", "scrubbed environment", "rlimits"]
    files = [Path(name) for name in (*_SYSTEM, sys.prefix, sys.base_prefix, *read)]
    roots = [Path(name) for name in sys.path if name]
    if seccomp.supported():
        _bind_to_parent()
    abi = landlock.restrict(files, roots, [scratch, Path("/dev/null")])
    if abi:
        walls.append(f"Landlock {abi}")
    if seccomp.install():
        walls.append("seccomp")
    return walls


def _bind_to_parent() -> None:
    """Die with the parent; and give up privileges for good, without which Landlock is not to be had."""
    libc = ctypes.CDLL(None)
    libc.prctl(1, int(signal.SIGKILL), 0, 0, 0)  # PR_SET_PDEATHSIG
    libc.prctl(38, 1, 0, 0, 0)  # PR_SET_NO_NEW_PRIVS


def main() -> None:
    """One request from stdin, one answer to the descriptor that the request names."""
    request = json.loads(sys.stdin.buffer.read())
    sys.path[:] = [name for name in sys.path if name]
    os.chdir(request["scratch"])
    walls = enter(Path(request["scratch"]), Limits(**request["limits"]), request["read"])
    pipe = request["answer_to"]
    # said before anything untrusted is there that could say otherwise
    os.write(pipe, json.dumps(walls).encode() + b"\n")
    answer: dict[str, Any] = {}
    if set(request["required"]) <= {wall.split()[0] for wall in walls}:
        module, _, name = request["target"].partition(":")
        try:
            answer["value"] = getattr(importlib.import_module(module), name)(request["value"])
        except Exception as error:  # told to the parent, which decides
            answer["error"] = f"{type(error).__name__}: {str(error)[:2000]}"
    with os.fdopen(pipe, "wb") as file:
        file.write(json.dumps(answer).encode())


if __name__ == "__main__":
    main()
