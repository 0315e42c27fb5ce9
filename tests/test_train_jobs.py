"""Trainings side by side: in the order of what needs what, as many as asked for, none left behind.

What is trained here is a script of a second; that real trainings end with the same weights on any number
of threads is tested with the trainer.
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from embodied import train_jobs
from embodied.errors import EmbodiedError
from embodied.train import TrainCfg

NEEDS = {"navigate": (), "pick": (), "place": ("pick",), "open": ()}
SCRIPT = """
import json, os, sys, time
from pathlib import Path
given = dict(zip(sys.argv[1::2], sys.argv[2::2]))
folder = Path(given["--out"])
name, notes = folder.name, folder.parent / "notes.jsonl"
def note(what):
    with notes.open("a") as file:
        file.write(json.dumps([name, what, os.nice(0)]) + "\\n")
note("begins")
(folder / "metrics.jsonl").write_text('{"steps": 5, "success": 0.5, "length": 7.0}\\n')
if name == "open":
    print("there is no such thing as an open")
    sys.exit(CODE)
time.sleep(DURATION)
note("ends")
"""


def todo(folder: Path, *names: str) -> dict[str, TrainCfg]:
    return {name: TrainCfg(name, out=folder / name) for name in names}


def noted(folder: Path) -> list[tuple[str, str]]:
    return [(name, what) for name, what, _ in notes(folder)]


def notes(folder: Path) -> list[tuple[str, str, int]]:
    lines = (folder / "notes.jsonl").read_text(encoding="utf-8").splitlines()
    return [(name, what, nice) for name, what, nice in map(json.loads, lines)]


@pytest.fixture
def scripts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(train_jobs, "_PAUSE", 0.05)
    lasting(monkeypatch, 0.6)


def lasting(monkeypatch: pytest.MonkeyPatch, seconds: float, code: int = 4) -> None:
    script = SCRIPT.replace("DURATION", str(seconds)).replace("CODE", str(code))
    line = shlex.join(["python", "-c", script])
    monkeypatch.setattr(train_jobs, "command_of", lambda cfg: line)


@pytest.mark.usefixtures("scripts")
def test_each_begins_when_what_it_needs_is_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train_jobs.side_by_side(todo(tmp_path, "navigate", "place", "pick"), NEEDS, 2)
    found = noted(tmp_path)
    assert {name for name, _ in found[:2]} == {"navigate", "pick"}, "side by side"
    assert found.index(("place", "begins")) > found.index(("pick", "ends"))
    assert found[-1] == ("place", "ends")
    behind = {name: nice - os.nice(0) for name, _, nice in notes(tmp_path)}
    assert behind == {"navigate": 10, "pick": 0, "place": 0}, "the longest chain comes first"
    assert "success  50.0%" in capsys.readouterr().out


@pytest.mark.usefixtures("scripts")
def test_the_longest_chain_goes_on_before_those_that_have_waited(tmp_path: Path) -> None:
    needs = {"navigate": (), "pick": (), "place": ("pick",), "close": ()}
    train_jobs.side_by_side(todo(tmp_path, *needs), needs, 1)
    begun = [name for name, what in noted(tmp_path) if what == "begins"]
    assert begun[:2] == ["pick", "place"] and set(begun[2:]) == {"navigate", "close"}


@pytest.mark.usefixtures("scripts")
def test_never_more_than_asked_for(tmp_path: Path) -> None:
    train_jobs.side_by_side(todo(tmp_path, "navigate", "pick", "place"), NEEDS, 1)
    whats = [what for _, what in noted(tmp_path)]
    assert whats == ["begins", "ends"] * 3


@pytest.mark.usefixtures("scripts")
def test_what_is_there_already_is_not_waited_for(tmp_path: Path) -> None:
    train_jobs.side_by_side(todo(tmp_path, "place"), NEEDS, 2)
    assert noted(tmp_path) == [("place", "begins"), ("place", "ends")]


@pytest.mark.usefixtures("scripts")
@pytest.mark.parametrize(("code", "stands_for"), [(2, 2), (3, 3), (4, 1)])
def test_one_that_fails_stops_the_others_and_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, stands_for: int
) -> None:
    lasting(monkeypatch, 100, code)
    started = todo(tmp_path, "navigate", "open")
    with pytest.raises(EmbodiedError, match="no such thing as an open") as error:
        train_jobs.side_by_side(started, NEEDS, 2)
    assert f"training of open ended with code {code}" in str(error.value)
    assert error.value.exit_code == stands_for
    assert ("navigate", "ends") not in noted(tmp_path)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends orphans")
def test_a_killed_command_leaves_no_training_behind(tmp_path: Path) -> None:
    line = shlex.join(["python", "-c", SCRIPT.replace("DURATION", "60")])
    code = (
        "from pathlib import Path\nfrom embodied import train_jobs\nfrom embodied.train import TrainCfg\n"
        f"train_jobs.command_of = lambda cfg: {line!r}\n"
        f"todo = {{'pick': TrainCfg('pick', out=Path({str(tmp_path / 'pick')!r}))}}\n"
        "train_jobs.side_by_side(todo, {'pick': ()}, 2)"
    )
    command = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.DEVNULL)
    try:
        until = time.monotonic() + 60
        while not (tmp_path / "notes.jsonl").exists() and time.monotonic() < until:
            time.sleep(0.05)
        (child,) = _children(command.pid)
        command.send_signal(signal.SIGKILL)
        command.wait()
        while _alive(child) and time.monotonic() < until:
            time.sleep(0.05)
        assert not _alive(child)
    finally:
        command.kill()


def _children(pid: int) -> list[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8")
    return [int(word) for word in text.split()]


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
