"""The training command: killed it goes on, and it never mixes two trainings."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from embodied import train
from embodied.train import TrainCfg, command_of
from policies.library import SHIPPED
from policies.skill import POLICY, read_card

FLAGS = ("--preset", "smoke", "--steps", "24000")


def begin(out: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "embodied.train", "navigate", *FLAGS, "--out", str(out)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def test_a_killed_training_goes_on(tmp_path: Path) -> None:
    first = begin(tmp_path)
    while not list(tmp_path.glob("checkpoints/step_*")) and first.poll() is None:
        time.sleep(0.01)
    first.send_signal(signal.SIGKILL)
    assert first.wait(60) == -signal.SIGKILL
    assert not (tmp_path / "skill").exists()
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"steps": 99')  # as a kill while writing leaves it

    second = begin(tmp_path)
    assert second.stdout is not None
    told = []
    for line in second.stdout:
        told.append(line)
        if line.startswith("trained"):
            break
    second.kill()
    second.wait(60)
    assert any("going on from the checkpoint" in line for line in told), told
    steps = [json.loads(line)["steps"] for line in (tmp_path / "metrics.jsonl").open()]
    assert steps == list(range(1536, 24001 + 1536, 1536)), "every rollout once, none lost"


def test_a_folder_with_another_training_is_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    held = {"family": "navigate", "preset": "smoke", "seed": 0, "steps": 24000}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(held))
    before = (tmp_path / "config.yaml").read_bytes()
    for argv, words in (
        (["pick", *FLAGS], "its family is navigate, not pick"),
        (["navigate", *FLAGS, "--seed", "3"], "its seed is 0, not 3"),
        (["navigate", *FLAGS, "--fresh"], "--fresh would lose"),
    ):
        assert train.main([*argv, "--out", str(tmp_path)]) == 2
        told = capsys.readouterr().err
        assert words in told
        assert told.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["config.yaml"]
    assert (tmp_path / "config.yaml").read_bytes() == before


def test_checkpoints_of_unknown_origin_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "checkpoints").mkdir()
    assert train.main(["pick", *FLAGS, "--out", str(tmp_path)]) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoints"]


def test_another_pick_is_another_training_of_place(tmp_path: Path, capsys) -> None:
    config = {"family": "place", "preset": "smoke", "seed": 0, "steps": 24000, "pick": "0" * 16}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    assert train.main(["place", *FLAGS, "--out", str(tmp_path)]) == 2
    now = read_card(SHIPPED / "pick").sha256[POLICY][:16]
    assert f"its pick is {'0' * 16}, not {now}" in capsys.readouterr().err


@pytest.mark.parametrize("argv", [["pick", "--seed", "-1"], ["pick", "--steps", "-5"], ["pik"]])
def test_bad_flags_create_nothing(argv: list[str], tmp_path: Path) -> None:
    assert train.main([*argv, "--out", str(tmp_path / "out")]) == 2
    assert not (tmp_path / "out").exists()


def test_the_recorded_command_makes_the_same_skill() -> None:
    assert command_of(TrainCfg("pick")) == "python -m embodied.train pick --preset cpu --seed 0"
    cfg = TrainCfg("place", "smoke", 3, 5000, Path("a b/pick"))
    assert command_of(cfg) == (
        "python -m embodied.train place --preset smoke --seed 3 --steps 5000 --pick 'a b/pick'"
    )
    cfg = TrainCfg("open", finetune=Path("policies/skills/open"), learning_rate=2e-4)
    assert command_of(cfg).endswith("--learning-rate 0.0002 --finetune policies/skills/open")
    assert command_of(TrainCfg("pick", reward=Path("a b"))).endswith("--seed 0 --reward 'a b'")


@pytest.mark.parametrize("argv", [["place", "--pick"], ["pick", "--finetune"]])
def test_a_skill_of_another_family_is_refused_before_anything_is_written(
    argv: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = str(SHIPPED / "navigate")
    assert train.main([*argv, wrong, "--out", str(tmp_path / "o")]) == 2
    assert "holds a skill for navigate, not for pick; name a folder of pick." in " ".join(
        capsys.readouterr().err.split()
    )
    assert not (tmp_path / "o").exists()
