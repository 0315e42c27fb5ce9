"""Families trained side by side: one process each, with its share of the cores, and one screen.

A training is one Python process that drives a pool of physics threads; what it does between two steps
keeps one core busy however many there are. So several trainings at a time use a machine's cores better
than one after the other, and what they learn is the same.
"""

from __future__ import annotations

import ctypes
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

from embodied.errors import EmbodiedError
from embodied.train import TrainCfg, command_of, settings_of

LOG = "log.txt"
MOST = 4
"""More families than this are never ready at a time."""
_PAUSE, _TAIL = 0.5, 15
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


def jobs_of(cfg: TrainCfg) -> int:
    """How many trainings at a time: what was asked for, else one a core, and one on a GPU."""
    if cfg.jobs:
        return cfg.jobs
    on_gpu = cfg.preset == "cuda" or cfg.device.startswith("cuda")
    return 1 if on_gpu else min(os.cpu_count() or 1, MOST)


def side_by_side(
    todo: Mapping[str, TrainCfg], needs: Mapping[str, tuple[str, ...]], jobs: int
) -> None:
    """Trains families, each when those that it needs are there, at most `jobs` at a time.

    Every one writes what it says to `log.txt` in its run folder.

    Args:
        todo: by family; each has its run folder as `out`.
        needs: families by family; those that are not in todo are there already.

    Raises:
        EmbodiedError: a training failed. The others are stopped, and go on when they are asked to.
    """
    order = TopologicalSorter({n: [m for m in needs[n] if m in todo] for n in todo})
    order.prepare()
    threads = max(1, (os.cpu_count() or 1) // jobs)
    waiting: list[str] = []
    with _stopped_at_the_end() as running, _screen(todo) as shown:
        while order.is_active():
            waiting += order.get_ready()
            while waiting and len(running) < jobs:
                name = waiting.pop(0)
                running[name] = _start(todo[name], threads)
            time.sleep(_PAUSE)
            for name, process in list(running.items()):
                shown(name)
                if process.poll() is not None:
                    del running[name]
                    _check(name, process.returncode, _folder(todo[name]))
                    order.done(name)


def _folder(cfg: TrainCfg) -> Path:
    assert cfg.out is not None
    return cfg.out


def _start(cfg: TrainCfg, threads: int) -> subprocess.Popen[bytes]:
    words = shlex.split(command_of(cfg))[1:]
    folder = _folder(cfg)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOG).open("ab") as log:
        return subprocess.Popen(
            [sys.executable, *words, "--out", str(folder), "--threads", str(threads)],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=_die_with_parent,
        )  # fmt: skip


def _die_with_parent() -> None:
    """In the new process: a killed command must not leave trainings that the next one would meet."""
    if _LIBC is not None:
        _LIBC.prctl(1, signal.SIGKILL, 0, 0, 0)  # PR_SET_PDEATHSIG


def _check(name: str, code: int, folder: Path) -> None:
    if code == 0:
        return
    log = folder / LOG
    said = log.read_text(encoding="utf-8", errors="replace").splitlines()[-_TAIL:]
    raise EmbodiedError(
        f"The training of {name} ended with code {code}; the same command goes on from its last "
        f"checkpoint. Its log, {log}, ends:\n" + "\n".join(said)
    )


@contextmanager
def _stopped_at_the_end() -> Iterator[dict[str, subprocess.Popen[bytes]]]:
    """Trainings by family; those that still run are interrupted, as with Ctrl-C."""
    running: dict[str, subprocess.Popen[bytes]] = {}
    try:
        yield running
    finally:
        for process in running.values():
            process.send_signal(signal.SIGINT)
        for process in running.values():
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@dataclass
class _Follow:
    """The last line of a growing file of JSON lines."""

    path: Path
    read: int = 0

    def last(self) -> dict[str, Any] | None:
        """What was added since the last time; None if nothing whole was."""
        if not self.path.exists():
            return None
        with self.path.open("rb") as file:
            file.seek(self.read)
            text = file.read()
        whole = text[: text.rfind(b"\n") + 1]
        self.read += len(whole)
        return json.loads(whole.splitlines()[-1]) if whole else None


@contextmanager
def _screen(todo: Mapping[str, TrainCfg]) -> Iterator[Any]:
    """A bar for every training; yields what is to be called to look at one anew."""
    from rich import progress as rich

    from embodied.tasks import registry

    columns = (
        rich.TextColumn("{task.description}"), rich.BarColumn(), rich.MofNCompleteColumn(),
        rich.TimeRemainingColumn(),
    )  # fmt: skip
    with rich.Progress(*columns) as bar:
        tasks = {
            name: bar.add_task(
                name, total=settings_of(cfg).get("steps") or registry.family(name).steps
            )
            for name, cfg in todo.items()
        }
        files = {name: _Follow(_folder(cfg) / "metrics.jsonl") for name, cfg in todo.items()}

        def shown(name: str) -> None:
            found = files[name].last()
            if found is not None:
                text = f"{name}  success {found['success']:6.1%}  length {found['length']:5.1f}"
                bar.update(
                    tasks[name],
                    completed=min(found["steps"], bar.tasks[tasks[name]].total or 0),
                    description=text,
                )

        yield shown
