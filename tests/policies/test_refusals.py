"""Skills that do not fit, were tampered with, or could run code are refused, with the reason."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from embodied import train
from embodied.errors import UsageError
from embodied.tasks.pick import PickTask
from policies.library import SHIPPED, load_library
from policies.ppo import make_ppo
from policies.skill import CARD, POLICY, Skill, mean_network, read_card, save_skill
from policies.trainer import TrainerCfg, make_env


def test_another_observation_layout_is_refused(tmp_path: Path) -> None:
    shutil.copytree(SHIPPED / "pick", tmp_path / "pick")
    card = read_card(tmp_path / "pick")
    card = card.model_copy(update={"obs_dim": card.obs_dim + 2})
    net = mean_network(card.obs_dim, card.hidden, card.act_dim)
    save_skill(tmp_path / "pick", card, {POLICY: net.state_dict()})
    want = f"{card.obs_dim} observations, this version's pick has {card.obs_dim - 2}"
    with pytest.raises(UsageError, match=f"{want}.*embodied.train pick"):
        load_library({"pick": tmp_path / "pick"})


def test_tampered_weights_are_refused(tmp_path: Path) -> None:
    shutil.copytree(SHIPPED / "open", tmp_path / "open")
    held = json.loads((tmp_path / "open" / CARD).read_text())
    held["sha256"][POLICY] = "0" * 64
    (tmp_path / "open" / CARD).write_text(json.dumps(held))
    with pytest.raises(UsageError, match=r"sha256 .*expected 000000000000"):
        load_library({"open": tmp_path / "open"})


def test_a_pickle_is_opened_only_on_request(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "ppo.zip"
    make_ppo(make_env(TrainerCfg("close", num_envs=16, threads=1)), 0).save(path)
    with pytest.raises(UsageError, match=r"runs code.*--weights .*ppo\.zip --trust-pickle"):
        Skill.load(path)
    out = ["--weights", str(path), "--out", str(tmp_path / "out"), "--preset", "smoke"]
    assert train.main(["close", *out]) == 2
    assert "add --trust-pickle" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    assert train.main(["pick", *out, "--trust-pickle"]) == 2
    assert f"a pick has {PickTask.obs_dim}, 5 and ELU" in capsys.readouterr().err
