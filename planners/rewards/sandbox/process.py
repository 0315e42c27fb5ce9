"""The parent's side: start a sandboxed process, wait no longer than it may take, believe only its JSON."""

from __future__ import annotations

import json
import os
import resource
import selectors
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import planners
from embodied.errors import EmbodiedError, EnvironmentFault
from planners.rewards.sandbox.limits import Limits, environment

ROOT = Path(planners.__file__).resolve().parents[1]
PACKAGES = ("embodied", "planners", "policies", "sim_assets")
WATCH = 0.25  # s between two looks at its memory and files
BLOCK = 4096  # bytes that any file takes
KERNEL = ("Landlock", "seccomp")
"""The walls that need the kernel's help."""
_LOCK, _RUNNING = threading.Lock(), set[subprocess.Popen[bytes]]()


class SandboxError(EmbodiedError):
    """A sandboxed process gave no answer: it was stopped, or what ran in it failed."""


@dataclass(frozen=True)
class Answer:
    """value: what the target returned. isolation: the walls in force, in words."""

    value: Any
    isolation: str


def run(
    target: str,
    value: Any,
    limits: Limits | None = None,
    read: Sequence[Path] = (),
    path: Sequence[Path] = (),
    required: Sequence[str] = (),
) -> Answer:
    """Call ``module:function`` with a JSON value in a sandboxed process.

    Args:
        read: what may be read besides Python, its packages and ours.
        path: where it may import from besides.
        required: walls (see `KERNEL`) without which nothing is run.

    Raises:
        SandboxError: it was too slow, too large, was killed, raised, or answered with no JSON.
        EnvironmentFault: a required wall is not to be had here.
    """
    limits = limits or Limits()
    with tempfile.TemporaryDirectory(prefix="embodied-sandbox-") as scratch:
        into, out = os.pipe()
        request = {
            "target": target,
            "value": value,
            "scratch": scratch,
            "limits": asdict(limits),
            "read": [str(p) for p in (*(ROOT / name for name in PACKAGES), *path, *read)],
            "required": list(required),
            "answer_to": out,
        }
        with tempfile.TemporaryFile() as errors:
            with open(into, "rb", buffering=0) as pipe:
                try:
                    child = _start(Path(scratch), path, out, errors)
                finally:
                    os.close(out)
                try:
                    sent = json.dumps(request).encode()
                    data = _exchange(child, sent, pipe.fileno(), limits, Path(scratch))
                finally:
                    _end(child)
            return _read(data, child.returncode, errors, required)


def _start(scratch: Path, path: Sequence[Path], out: int, errors: Any) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-s", "-m", "planners.rewards.sandbox.inside"]
    child = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=errors,
        pass_fds=(out,),
        cwd=scratch,
        env=environment(scratch, [str(ROOT), *map(str, path)]),
        start_new_session=True,
    )
    with _LOCK:
        _RUNNING.add(child)
    return child


def _exchange(
    child: subprocess.Popen[bytes], request: bytes, pipe: int, limits: Limits, scratch: Path
) -> bytes:
    """Send the request, collect the answer.

    Raises:
        SandboxError: the process is late, too large, or writes or answers too much.
    """
    assert child.stdin is not None
    try:
        child.stdin.write(request)
        child.stdin.close()
    except BrokenPipeError:
        return b""
    deadline, parts, size, open_ = time.monotonic() + limits.seconds, [], 0, True
    with selectors.DefaultSelector() as selector:
        selector.register(pipe, selectors.EVENT_READ)
        while open_ or child.poll() is None:
            if time.monotonic() > deadline:
                raise SandboxError(f"It took longer than {limits.seconds:.0f} s and was stopped.")
            if _resident(child.pid) > limits.memory:
                most = limits.memory / (1 << 20)
                raise SandboxError(f"It used more than {most:,.0f} MiB of memory and was stopped.")
            if _writes_more(scratch, child.pid, limits.scratch):
                most = limits.scratch / (1 << 20)
                raise SandboxError(f"It wrote more than {most:,.0f} MiB of files and was stopped.")
            if not open_:
                time.sleep(0.01)
            elif selector.select(WATCH):
                parts.append(os.read(pipe, 1 << 16))
                size, open_ = size + len(parts[-1]), bool(parts[-1])
            if size > limits.answer:
                raise SandboxError("It answered with too much and was stopped.")
    return b"".join(parts)


def _resident(pid: int) -> int:
    """Bytes that a process has in memory; 0 where that cannot be told."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize()
    except (OSError, IndexError, ValueError):
        return 0


def end_all() -> None:
    """Stop all sandboxed processes of this one, whichever threads wait for them."""
    with _LOCK:
        for child in _RUNNING:
            _kill(child)


def _writes_more(folder: Path, pid: int, most: int) -> bool:
    """Whether a process has more bytes in files than that: in its folder, where an entry counts as a block at
    least and what cannot be looked into as too much, and in files that are deleted and still open."""
    found, closed = 0, list[OSError]()
    for place, folders, names in os.walk(folder, onerror=closed.append):
        for name in (*folders, *names):
            try:
                found += max(BLOCK, os.lstat(os.path.join(place, name)).st_size)
            except OSError as error:
                closed.append(error)
            if found > most:
                return True
    for handle in Path(f"/proc/{pid}/fd").glob("*"):
        with suppress(OSError):
            told = handle.stat()
            found += told.st_size if stat.S_ISREG(told.st_mode) and not told.st_nlink else 0
    return found > most or any(not isinstance(error, FileNotFoundError) for error in closed)


def _end(child: subprocess.Popen[bytes]) -> None:
    """Stop it and whatever it might have started."""
    with _LOCK:
        _kill(child)
        _RUNNING.remove(child)
    child.wait()


def _kill(child: subprocess.Popen[bytes]) -> None:
    """End its process group, which it leads."""
    if child.poll() is None:
        with suppress(ProcessLookupError):  # another thread has just waited for it
            os.killpg(child.pid, signal.SIGKILL)


def _read(data: bytes, code: int, errors: Any, required: Sequence[str]) -> Answer:
    try:
        first, _, rest = data.partition(b"\n")  # the walls, then the answer
        walls = [str(wall) for wall in json.loads(first)]
        answer = dict(json.loads(rest))
    except (ValueError, TypeError, RecursionError):
        raise SandboxError(
            f"The sandboxed process gave no answer: {_cause(code, errors)}."
        ) from None
    if missing := set(required) - {wall.split()[0] for wall in walls}:
        raise EnvironmentFault(
            f"This system has no {' and no '.join(sorted(missing))} for the sandbox; run on Linux 5.13 "
            "or newer, or allow weaker isolation."
        )
    if "error" in answer:
        raise SandboxError(f"The sandboxed process failed: {str(answer['error'])[:2000]}")
    return Answer(answer.get("value"), ", ".join(walls))


def _cause(code: int, errors: Any) -> str:
    if code < 0:
        return f"it was killed by {signal.Signals(-code).name}"
    errors.seek(max(0, errors.seek(0, 2) - 4000))
    last = errors.read().decode(errors="replace").strip().splitlines()
    return f"exit code {code}" + (f", {last[-1][:300]}" if last else "")
