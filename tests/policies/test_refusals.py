"""Skills that do not fit, were tampered with, or could run code are refused, with the reason."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
import torch

from embodied import train
from embodied.errors import UsageError
from embodied.tasks import pick, registry
from embodied.tasks.pick import PickTask
from policies import layout
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


def swapped(obs: torch.Tensor) -> torch.Tensor:
    return obs[:, [0, 1, 2, 4, 3, *range(5, obs.shape[1])]]


def rescaled(obs: torch.Tensor) -> torch.Tensor:
    return torch.cat([obs[:, :6], obs[:, 6:7] * 1.1, obs[:, 7:]], -1)


@pytest.mark.parametrize(("change", "columns"), [(swapped, "4, 5"), (rescaled, "7")])
def test_columns_that_mean_something_else_are_refused_by_number(
    monkeypatch: pytest.MonkeyPatch,
    change: Callable[[torch.Tensor], torch.Tensor],
    columns: str,
) -> None:
    before = pick.observe
    monkeypatch.setattr(pick, "observe", lambda *given: change(before(*given)))
    with pytest.raises(
        UsageError, match=f"of 42 columns, {columns} mean something else.*train pick"
    ):
        load_library()


def test_the_fingerprint_tells_all_columns_apart() -> None:
    for spec in registry.families().values():
        found = sorted(layout.readings(spec))
        assert len(found) == spec.make.obs_dim  # type: ignore[attr-defined]
        assert min(b - a for a, b in pairwise(found)) > 1.5 * layout.TOLERANCE, spec.name


def test_a_card_of_before_is_taken_and_noted_once_with_its_hashes_kept(tmp_path: Path) -> None:
    shutil.copytree(SHIPPED / "open", tmp_path / "open")
    shipped = (tmp_path / "open" / CARD).read_text()
    held = json.loads(shipped)
    del held["observes"]
    (tmp_path / "open" / CARD).write_text(json.dumps(held))
    assert load_library({"open": tmp_path / "open"})["open"].card.observes is None
    layout.note(tmp_path / "open")
    assert (tmp_path / "open" / CARD).read_text() == shipped


def test_a_card_of_a_later_format_is_refused(tmp_path: Path) -> None:
    shutil.copytree(SHIPPED / "open", tmp_path / "open")
    held = json.loads((tmp_path / "open" / CARD).read_text())
    (tmp_path / "open" / CARD).write_text(json.dumps({**held, "format": 2, "news": []}))
    with pytest.raises(UsageError, match="is of format 2, and this version reads format 1; update"):
        read_card(tmp_path / "open")


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
