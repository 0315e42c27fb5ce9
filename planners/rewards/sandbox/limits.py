"""What a sandboxed process may use up, and the little of our environment that it sees."""

from __future__ import annotations

import os
import resource
from dataclasses import dataclass
from pathlib import Path

GIB = 1 << 30


@dataclass(frozen=True)
class Limits:
    """seconds: wall clock, and twice that of CPU time. memory: bytes in use, which the parent watches.
    mapped: bytes of address space, of which simulations map far more than they touch. files: open at
    once. file_size: bytes of any file that it writes. scratch: bytes of all files in its scratch folder,
    which the parent watches. answer: bytes of its answer."""

    seconds: float = 3600.0
    memory: int = 6 * GIB
    mapped: int = 128 * GIB
    files: int = 256
    file_size: int = 64 << 20
    scratch: int = GIB
    answer: int = 64 << 20

    def close(self) -> None:
        """Sets this process's limits, for good."""
        cpu = max(1, int(2 * self.seconds))
        for kind, most in (
            (resource.RLIMIT_CPU, cpu),
            (resource.RLIMIT_AS, self.mapped),
            (resource.RLIMIT_NOFILE, self.files),
            (resource.RLIMIT_FSIZE, self.file_size),
            (resource.RLIMIT_CORE, 0),
        ):
            resource.setrlimit(kind, (most, most))


def environment(folder: Path, path: list[str]) -> dict[str, str]:
    """The whole environment of a sandboxed process: nothing of ours, so no key and no address.

    Args:
        folder: its scratch folder. path: where it imports from.
    """
    return {
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "LANG": "C.UTF-8",
        "PYTHONPATH": os.pathsep.join(path),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "0",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1",
        "MUJOCO_GL": "disable",
        "HF_HUB_OFFLINE": "1",
    }
