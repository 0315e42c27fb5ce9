"""`train all`: in the order of what needs what, only what is not trained yet, one table at the end."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from embodied import outputs, train, train_folder
from embodied.tasks import registry
from embodied.train_all import order
from policies.library import SHIPPED


def test_families_come_after_what_they_need() -> None:
    assert order({"place": ("pick",), "walk": (), "pick": ("walk",)}) == ["walk", "pick", "place"]
    names = order({name: family.needs for name, family in registry.families().items()})
    assert sorted(names) == sorted(registry.families())
    assert names.index("pick") < names.index("place")


def test_goes_on_where_it_was_killed_and_ends_with_a_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("navigate", "pick", "open"):
        shutil.copytree(SHIPPED / name, tmp_path / name / "skill")
    trained = []

    def trains(cfg: train.TrainCfg, settings: object, folder: Path) -> int:
        trained.append((cfg.family, cfg.pick))
        shutil.copytree(SHIPPED / cfg.family, folder / "skill")
        return 0

    monkeypatch.setattr(train, "_train", trains)
    argv = ["all", "--preset", "smoke", "--jobs", "1", "--out", str(tmp_path)]
    assert train.main(argv) == 0
    assert sorted(trained, key=str) == [("close", None), ("place", tmp_path / "pick/skill")]
    rows = json.loads((tmp_path / "results.json").read_text())
    assert {row["family"] for row in rows} == set(registry.families())
    assert all(row["success"] and row["worst"] and row["ece"] is not None for row in rows)
    told = capsys.readouterr().out
    assert "minutes of PPO in all" in told
    assert f"--skills.pick {tmp_path}/pick/skill" in told.replace("\n", " ")

    assert train.main([*argv, "--seed", "1"]) == 2  # another training: refused, nothing touched
    assert "its seed is 0, not 1" in capsys.readouterr().err
    assert len(trained) == 2


def test_a_pick_for_all_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert train.main(["all", "--pick", str(SHIPPED / "pick"), "--out", str(tmp_path / "o")]) == 2
    assert "trains its own pick" in capsys.readouterr().err
    assert not (tmp_path / "o").exists()


def test_two_at_once_in_one_folder_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = ["navigate", "--preset", "smoke", "--out", str(tmp_path)]
    with outputs.alone_in(tmp_path):
        assert train.main(argv) == 2
    assert "Another process is at work" in capsys.readouterr().err
    assert not (tmp_path / "checkpoints").exists()
    with outputs.alone_in(tmp_path):  # the refused one holds nothing
        pass


def test_a_skill_that_was_cut_short_is_not_taken_for_finished(tmp_path: Path) -> None:
    skill = shutil.copytree(SHIPPED / "pick", tmp_path / "skill")
    assert train_folder.finished(tmp_path)
    whole = (skill / "affordance.safetensors").read_bytes()
    (skill / "affordance.safetensors").write_bytes(whole[: len(whole) // 2])
    assert not train_folder.finished(tmp_path)
    (skill / "affordance.safetensors").unlink()
    assert not train_folder.finished(tmp_path)


@pytest.mark.parametrize("flag", ["--finetune", "--weights"])
def test_one_policy_for_all_families_is_refused(
    flag: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    argv = ["all", flag, str(SHIPPED / "pick"), "--out", str(tmp_path / "o")]
    assert train.main(argv) == 2
    assert "of one family" in capsys.readouterr().err
    assert not (tmp_path / "o").exists()
