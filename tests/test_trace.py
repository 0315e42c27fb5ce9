"""The event log survives kills and full disks, and differs between equal runs only under "wall"."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from embodied.errors import EnvironmentFault, UsageError
from embodied.trace import Trace, load_trace, without_wall


def test_events_read_back_as_emitted(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    with closing(Trace(path)) as trace:
        trace.emit("run_started", instruction="bring a “sponge”\n", seed=0)
        written = trace.emit("run_ended", outcome="success", wall={"seconds": 1.5})
        assert load_trace(path)[-1] == written, "an event is on disk before the file is closed"
    assert load_trace(path)[0] == {
        "type": "run_started",
        "instruction": "bring a “sponge”\n",
        "seed": 0,
    }
    assert path.read_bytes().count(b"\n") == 2


def test_floats_are_short_and_always_json(tmp_path: Path) -> None:
    with closing(Trace(tmp_path / "e")) as trace:
        event = trace.emit(
            "decision", p=np.float32(0.1), q=1 / 3, bad=[float("nan"), np.inf], n=np.int64(2)
        )
    assert event == {"type": "decision", "p": 0.1, "q": 0.333333, "bad": [None, None], "n": 2}
    assert json.loads((tmp_path / "e").read_text()) == event


def test_equal_runs_are_equal_bytes_without_wall(tmp_path: Path) -> None:
    for name, seconds in (("a", 1.0), ("b", 2.0)):
        with closing(Trace(tmp_path / name)) as trace:
            trace.emit("skill_ended", x=0.1 + 0.2, wall={"seconds": seconds})
    a, b = load_trace(tmp_path / "a"), load_trace(tmp_path / "b")
    assert a != b
    assert json.dumps(without_wall(a)) == json.dumps(without_wall(b))


@pytest.mark.parametrize("cut", range(1, 40, 7))
def test_a_torn_last_line_is_left_out(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "events.jsonl"
    with closing(Trace(path)) as trace:
        trace.emit("run_started", seed=0)
        trace.emit("decision", step=1, chosen="find the sponge é")
    path.write_bytes(path.read_bytes()[:-1][:-cut])
    assert [event["type"] for event in load_trace(path)] == ["run_started"]


def test_foreign_bytes_end_the_reading(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(b'{"type":"a"}\n\xff\xfe\n{"type":"b"}\n')
    assert load_trace(path) == [{"type": "a"}]
    path.write_bytes(b"[1]\n")
    assert load_trace(path) == []
    with pytest.raises(UsageError, match="No event log"):
        load_trace(tmp_path / "absent.jsonl")


def test_a_trace_that_cannot_be_opened_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFault, match="nowhere/e"):
        Trace(tmp_path / "nowhere" / "e")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_one_sentence() -> None:
    with closing(Trace("/dev/full")) as trace, pytest.raises(EnvironmentFault, match="space"):
        trace.emit("run_started")


FULL_MID_LINE = """
import resource, signal, sys
from embodied.errors import EnvironmentFault
from embodied.trace import Trace
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))  # the disk "fills" within an event
trace = Trace(sys.argv[1])
trace.emit("run_started", text="x" * 40)
try:
    trace.emit("decision", text="y" * 80)
except EnvironmentFault as error:
    sys.exit(f"fault: {error}")
"""


def test_an_event_that_does_not_fit_is_taken_back(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    done = subprocess.run(
        [sys.executable, "-c", FULL_MID_LINE, str(path)], capture_output=True, text=True
    )
    assert "fault: Cannot write" in done.stderr
    assert done.stderr.count("\n") == 1
    assert path.read_bytes().endswith(b'"}\n')
    assert [event["type"] for event in load_trace(path)] == ["run_started"]
