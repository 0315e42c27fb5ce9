"""gymnasium-robotics' tasks behind the training command: any algorithm, going on, a report."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from stable_baselines3 import SAC

from embodied import train
from policies import field

FLAGS = ["FetchReach-v4", "--algo", "sac-her", "--steps", "1300"]


@pytest.mark.filterwarnings("ignore")
def test_reach_trains_goes_on_and_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def killed(self: field._Keeper, part: Path) -> None:
        write(self, part)
        raise KeyboardInterrupt

    cfg = field.FieldCfg("FetchReach-v4", steps=1300, checkpoint_every=1000, episodes=4)
    monkeypatch.setattr(field, "FieldCfg", lambda *args: cfg)
    write = field._Keeper._write
    monkeypatch.setattr(field._Keeper, "_write", killed)  # while it saves its first checkpoint
    assert train.main([*FLAGS, "--out", str(tmp_path)]) == 130
    monkeypatch.setattr(field._Keeper, "_write", write)
    assert train.main([*FLAGS, "--out", str(tmp_path)]) == 0
    (kept,) = (tmp_path / "checkpoints").glob("step_*")
    assert kept.name == "step_0000001000" and (kept / "replay.pkl").exists()
    found = json.loads((tmp_path / "results.json").read_text())
    assert found["figures"]["all"]["episodes"] == 4
    assert (
        SAC.load(tmp_path / "model.zip", env=field.make_env("FetchReach-v4")).num_timesteps >= 1300
    )
    assert "FetchReach-v4" in (tmp_path / "report.html").read_text()
    assert [json.loads(row)["steps"] for row in (tmp_path / "metrics.jsonl").open()] == [1000]
    capsys.readouterr()
    assert train.main([*FLAGS, "--out", str(tmp_path)]) == 0
    assert "this training is finished" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["FetchReech-v4"], "no task 'FetchReech-v4'"),
        (["AdroitHandDoor-v1", "--algo", "sac-her"], "use --algo sac"),
        (["pick", "--algo", "sac"], "trained with PPO"),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_bad_requests_create_nothing(
    argv: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train.main([*argv, "--out", str(tmp_path / "out")]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
