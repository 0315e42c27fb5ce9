"""Families trained side by side: one process each, and one screen.

A training is one Python process that drives a pool of physics threads; what it does between two steps
keeps one core busy however many there are. Other trainings fill those gaps, behind the longest chain of
families that need each other, which decides when all are done. What they learn is the same.
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
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

from embodied.errors import EmbodiedError, EnvironmentFault, UsageError
from embodied.outputs import usable_cores
from embodied.train import TrainCfg, command_of, steps_of
from embodied.train_screen import progress_bars

LOG = "log.txt"
_PAUSE, _TAIL = 0.5, 15
_BEHIND = 10  # niceness
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


def jobs_of(cfg: TrainCfg) -> int:
    """How many trainings at a time, if as many are ready: what was asked for, else one a core, and one
    on a GPU."""
    if cfg.jobs:
        return cfg.jobs
    on_gpu = cfg.preset == "cuda" or cfg.device.startswith("cuda")
    alone = on_gpu or os.name != "posix"  # Windows has no way to end orphans
    return 1 if alone else usable_cores()


def side_by_side(
    todo: Mapping[str, TrainCfg], needs: Mapping[str, tuple[str, ...]], jobs: int
) -> None:
    """Trains families, each when those that it needs are there, at most `jobs` at a time.

    Every one writes what it says to `log.txt` in its run folder.

    Args:
        todo: by family; each has its run folder as `out`.
        needs: families by family; those that are not in todo are there already.

    Raises:
        EmbodiedError: a training failed, of the class that its exit code stands for. The others are
            stopped, and go on when they are asked to.
    """
    order = TopologicalSorter({n: [m for m in needs[n] if m in todo] for n in todo})
    order.prepare()
    first, waiting = longest_chain(todo, needs), list[str]()
    with _stopped_at_the_end() as running, _screen(todo) as shown:
        while order.is_active():
            waiting = sorted([*waiting, *order.get_ready()], key=lambda name: name not in first)
            while waiting and len(running) < jobs:
                name = waiting.pop(0)
                running[name] = _start(todo[name], 0 if name in first else _BEHIND)
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


def longest_chain(todo: Mapping[str, TrainCfg], needs: Mapping[str, tuple[str, ...]]) -> set[str]:
    """The families of todo, each needing the one before, whose trainings take the most steps."""
    chains: dict[str, tuple[int, set[str]]] = {}
    for name in TopologicalSorter(needs).static_order():
        steps = steps_of(todo[name]) if name in todo else 0
        before, chain = max(
            (chains[n] for n in needs[name]), key=lambda c: c[0], default=(0, set())
        )
        chains[name] = (before + steps, chain | ({name} & todo.keys()))
    return max(chains.values(), key=lambda c: c[0])[1]


def _start(cfg: TrainCfg, niceness: int) -> subprocess.Popen[bytes]:
    folder, words = _folder(cfg), shlex.split(command_of(cfg))[1:]
    if cfg.threads:
        words += ["--threads", str(cfg.threads)]

    def prepared() -> None:
        _die_with_parent()
        os.nice(niceness)

    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOG).open("ab") as log:
        return subprocess.Popen(
            [sys.executable, *words, "--out", str(folder)],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=prepared,
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
    kinds = {kind.exit_code: kind for kind in (UsageError, EnvironmentFault)}
    raise kinds.get(code, EmbodiedError)(
        f"The training of {name} ended with code {code}; the same command goes on from its last "
        f"checkpoint. Its log, {log}, ends:\n" + "\n".join(said)
    )


@contextmanager
def _stopped_at_the_end() -> Iterator[dict[str, subprocess.Popen[bytes]]]:
    """Trainings by family; those that still run are interrupted. Not by SIGINT, which what runs in the
    background ignores."""
    running: dict[str, subprocess.Popen[bytes]] = {}
    try:
        yield running
    finally:
        for process in running.values():
            process.terminate()
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
            if file.seek(0, os.SEEK_END) < self.read:  # begun anew from an earlier checkpoint
                self.read = 0
            file.seek(self.read)
            text = file.read()
        whole = text[: text.rfind(b"\n") + 1]
        self.read += len(whole)
        return json.loads(whole.splitlines()[-1]) if whole else None


@contextmanager
def _screen(todo: Mapping[str, TrainCfg]) -> Iterator[Callable[[str], None]]:
    """A bar for every training; yields what is to be called to look at one anew."""
    with progress_bars({name: steps_of(cfg) for name, cfg in todo.items()}) as progress:
        files = {name: _Follow(_folder(cfg) / "metrics.jsonl") for name, cfg in todo.items()}

        def shown(name: str) -> None:
            if (found := files[name].last()) is not None:
                progress(name, found["steps"], found)

        yield shown
