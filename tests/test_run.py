"""The main command, end to end: what it leaves, what it says, with which code it ends."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import av
import pytest

from embodied import run
from embodied.trace import load_trace, without_wall


def embodied_run(*argv: str) -> int:
    return run.main(list(argv))


def test_bring_a_sponge(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert embodied_run("bring a sponge", "--out", str(tmp_path)) == 0
    events = load_trace(tmp_path / "events.jsonl")
    assert events[0]["type"] == "run_started"
    assert events[-1]["outcome"] == "success"
    assert events[-1]["facts"]["at"]["sponge"] == "user"
    for decision in (event for event in events if event["type"] == "decision"):
        chosen = next(row for row in decision["rows"] if row["label"] == decision["chosen"])
        assert chosen["product"] == pytest.approx(chosen["p_lm"] * chosen["affordance"], rel=1e-3)
    with av.open(str(tmp_path / "rollout.mp4")) as video:
        stream = video.streams.video[0]
        assert (stream.codec_context.name, stream.pix_fmt) == ("h264", "yuv420p")
        assert stream.frames * 0.08 >= events[-1]["sim_seconds"]
    assert "bring a sponge" in (tmp_path / "report.html").read_text()
    printed = capsys.readouterr().out
    for word in (
        "language",
        "affordance",
        "product",
        "SUCCESS",
        "real time",
        "rollout.mp4",
        "report.html",
    ):
        assert word in printed


def test_same_seed_same_events(tmp_path: Path) -> None:
    for name in ("a", "b"):
        assert (
            embodied_run(
                "go to the table", "--no-video", "--seed", "5", "--out", str(tmp_path / name)
            )
            == 0
        )
    first, second = (without_wall(load_trace(tmp_path / name / "events.jsonl")) for name in "ab")
    assert json.dumps(first) == json.dumps(second)


def test_absent_object_is_refused_and_filmed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert embodied_run("bring me the pepsi", "--out", str(tmp_path)) == 1
    assert load_trace(tmp_path / "events.jsonl")[-1]["outcome"] == "refused"
    assert "no pepsi can here" in capsys.readouterr().out
    assert (tmp_path / "rollout.mp4").stat().st_size > 1000


@pytest.mark.parametrize(
    ("argv", "code", "words"),
    [
        (["  "], 2, "instruction is empty"),
        (["bring a sponge", "--llm", "oracle"], 2, "no language model 'oracle'"),
        (["bring a sponge", "--skills.pick", "/nowhere"], 2, "no skill in /nowhere"),
        (["bring a sponge", "--scene", "/nowhere.yaml"], 2, "/nowhere.yaml"),
        (["bring a sponge", "--out", "/proc/nowhere"], 3, "give --out"),
    ],
)
def test_bad_input_is_one_sentence(
    argv: list[str], code: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert embodied_run(*argv) == code
    told = capsys.readouterr().err
    assert words in told
    assert "Traceback" not in told


def test_unknown_flag_is_usage() -> None:
    assert embodied_run("bring a sponge", "--sped", "2") == 2


def test_no_gl_runs_without_video(tmp_path: Path) -> None:
    env = {**os.environ, "MUJOCO_GL": "nonsense"}
    command = [sys.executable, "-m", "embodied.run", "go to the table", "--out", str(tmp_path)]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert "no video" in done.stdout
    assert "MUJOCO_GL" in done.stdout
    assert not (tmp_path / "rollout.mp4").exists()


def test_ctrl_c_leaves_everything_whole(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "embodied.run", "bring a sponge", "--out", str(tmp_path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    log = tmp_path / "events.jsonl"
    for _ in range(600):
        if log.exists() and "skill_started" in log.read_text():
            break
        time.sleep(0.1)
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 130
    assert load_trace(log)[-1]["outcome"] == "interrupted"
    with av.open(str(tmp_path / "rollout.mp4")) as video:
        assert sum(1 for _ in video.decode(video=0)) > 3
    assert "nterrupted" in (tmp_path / "report.html").read_text()
