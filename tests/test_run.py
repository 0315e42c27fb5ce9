"""The main command, end to end: what it leaves, what it says, with which code it ends."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import av
import pytest

from embodied import episode, run
from embodied.tasks.labels import parse_label
from embodied.trace import load_trace, without_wall
from policies.library import SHIPPED


def embodied_run(*argv: str) -> int:
    return run.main(list(argv))


def test_bring_a_sponge(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert embodied_run("bring a sponge", "--out", str(tmp_path)) == 0
    events = load_trace(tmp_path / "events.jsonl")
    assert events[0]["type"] == "run_started"
    assert events[-1]["outcome"] == "success"
    assert events[-1]["facts"]["at"]["sponge"] == "user"
    for decision in (event for event in events if event["type"] == "decision"):
        assert len(decision["rows"]) == decision["n_labels"] > 100, "every label is kept"
        chosen = next(row for row in decision["rows"] if row["label"] == decision["chosen"])
        assert chosen["product"] == pytest.approx(chosen["p_lm"] * chosen["affordance"], rel=1e-3)
    with av.open(str(tmp_path / "rollout.mp4")) as video:
        stream = video.streams.video[0]
        assert (stream.codec_context.name, stream.pix_fmt) == ("h264", "yuv420p")
        assert stream.frames * 0.08 >= events[-1]["sim_seconds"]
    page = (tmp_path / "report.html").read_text()
    assert "bring a sponge" in page
    assert len(page) < 100_000, "the page shows the leading labels, not all"
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


def test_put_the_sponge_in_the_drawer_and_shut_it(tmp_path: Path) -> None:
    said = "put the sponge in the drawer and close the drawer"
    assert embodied_run(said, "--no-video", "--out", str(tmp_path)) == 0
    events = load_trace(tmp_path / "events.jsonl")
    start, end = events[0]["facts"], events[-1]["facts"]
    assert (start["at"]["sponge"], end["at"]["sponge"]) == ("far counter", "drawer")
    assert end["open"] == {"drawer": False} and end["holding"] is None
    done = [
        event["label"] for event in events if event.get("outcome") == "success" and "label" in event
    ]
    families = {parse_label(label).family for label in done}
    assert families == {"navigate", "pick", "place", "open", "close"}, "policies, all five of them"


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


def test_an_empty_kitchen_refuses_and_is_filmed(tmp_path: Path) -> None:
    scene, out = tmp_path / "scene.yaml", tmp_path / "out"
    scene.write_text("robot: {at: user}\nobjects: {}\n")
    assert embodied_run("bring a sponge", "--scene", str(scene), "--out", str(out)) == 1
    assert load_trace(out / "events.jsonl")[-1]["outcome"] == "refused"
    assert "no sponge here" in (out / "report.html").read_text()
    assert (out / "rollout.mp4").stat().st_size > 1000


def test_an_unknown_object_is_refused_with_what_there_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert embodied_run("bring a banana", "--no-video", "--out", str(tmp_path)) == 1
    told = capsys.readouterr().out
    assert "rice chips, kettle chips, energy bar" in told
    assert "done " not in told, "nothing is done"


@pytest.mark.parametrize(
    ("argv", "code", "words"),
    [
        (["  "], 2, "instruction is empty"),
        (["bring a sponge", "--seed", "-1"], 2, "--seed must be from 0"),
        (["bring a sponge", "--seed", str(2**40)], 2, "--seed must be from 0"),
        (["bring a sponge", "--max-skills", "0"], 2, "--max-skills must be at least 1"),
        (
            ["bring a sponge", "--skills.pick", str(SHIPPED / "place")],
            2,
            "give it as --skills.place",
        ),
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
    assert told.count("\n") == 1, "one sentence"


@pytest.mark.parametrize(
    ("name", "damage", "words"),
    [
        ("affordance.safetensors", b"tampered", "not the file"),
        ("skill.json", b'{"format": 1, "family": "pick"}', "obs_dim: Field required"),
        ("skill.json", b"{", "not a valid skill card"),
    ],
)
def test_damaged_skills_are_refused_before_anything_is_created(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, damage: bytes, words: str
) -> None:
    shutil.copytree(SHIPPED / "pick", tmp_path / "pick")
    (tmp_path / "pick" / name).write_bytes(damage)
    out = tmp_path / "out"
    argv = ["bring a sponge", "--skills.pick", str(tmp_path / "pick"), "--out", str(out)]
    assert embodied_run(*argv) == 2
    told = capsys.readouterr().err
    assert words in told
    assert told.count("\n") == 1
    assert not out.exists()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("robot: {at: user\nobjects: {}", "line 2"),
        ("objects: {sponge: table, sponge: user}", "line 1: this is not valid YAML (the key"),
        ("objects: {banana: table}", "'banana'"),
    ],
)
def test_a_broken_scene_is_one_sentence_with_its_place(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, words: str
) -> None:
    (tmp_path / "scene.yaml").write_text(text)
    argv = ["bring a sponge", "--scene", str(tmp_path / "scene.yaml"), "--out", str(tmp_path / "o")]
    assert embodied_run(*argv) == 2
    told = capsys.readouterr().err
    assert words in told
    assert told.count("\n") == 1
    assert not (tmp_path / "o").exists()


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


def test_an_interruption_that_becomes_another_error_is_one_still(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*args: object) -> None:
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt as error:
            raise ImportError("as an import says it") from error

    monkeypatch.setattr(episode, "run_episode", interrupted)
    argv = ["bring a sponge", "--no-video", "--out"]
    assert run.main([*argv, str(tmp_path / "a")]) == 130
    assert load_trace(tmp_path / "a" / "events.jsonl")[-1]["outcome"] == "interrupted"
    monkeypatch.setattr(episode, "run_episode", lambda *args: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run.main([*argv, str(tmp_path / "b")])


@pytest.mark.parametrize("presses", [1, 3])
def test_ctrl_c_leaves_everything_whole(tmp_path: Path, presses: int) -> None:
    command = [sys.executable, "-m", "embodied.run", "bring a sponge", "--out", str(tmp_path)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    log = tmp_path / "events.jsonl"
    while process.poll() is None and not (log.exists() and "skill_started" in log.read_text()):
        time.sleep(0.1)
    time.sleep(0.5)
    for _ in range(presses):  # closing takes longer than this, and is not interrupted
        process.send_signal(signal.SIGINT)
        time.sleep(0.02)
    assert process.wait(600) == 130  # however crowded the machine is
    events = load_trace(log)
    assert events[-1]["outcome"] == "interrupted"
    assert [event["outcome"] for event in events if event["type"] == "skill_ended"] == [
        "interrupted"
    ]
    assert not (tmp_path / "rollout.part.mp4").exists()
    with av.open(str(tmp_path / "rollout.mp4")) as video:
        assert sum(1 for _ in video.decode(video=0)) > 3
    assert "nterrupted" in (tmp_path / "report.html").read_text()


def test_ctrl_c_before_the_loop_leaves_a_whole_folder_or_none(tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = [sys.executable, "-m", "embodied.run", "bring a sponge", "--out", str(out)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    while not out.exists() and process.poll() is None:
        time.sleep(0.001)
    process.send_signal(signal.SIGINT)
    assert process.wait(120) == 130
    assert load_trace(out / "events.jsonl")[-1]["type"] == "run_ended"
    assert (out / "report.html").exists()
