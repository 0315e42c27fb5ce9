"""Adopting a reward: reading it, refusing what is none, and the policy that it trained."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from embodied.candidates.net import Net
from embodied.errors import EmbodiedError, UsageError
from embodied.tasks.pick import PickTask
from embodied.train import TrainCfg
from embodied.train_reward import network, read_program, train_reward
from planners.rewards.program import Program, Term

PROGRAM = Program((Term("held", "def held(s):\n    return s.object_held"),))


def test_a_program_is_found_in_a_file_a_run_and_its_best(tmp_path: Path) -> None:
    (tmp_path / "best").mkdir()
    file = tmp_path / "best" / "reward.json"
    file.write_text(PROGRAM.json())
    for path in (file, file.parent, tmp_path):
        assert read_program(path) == PROGRAM
    with pytest.raises(UsageError, match="There is no reward"):
        read_program(tmp_path / "other")
    file.write_bytes(b"\xff{")
    with pytest.raises(UsageError):
        read_program(file)


@pytest.mark.parametrize(
    ("family", "source", "says"),
    [
        ("pick", "def held(s):\n    return s.object_heldd", "object_held"),
        ("pick", "def held(s):\n    return open('/etc/passwd')", "no 'open'"),
        ("pick", "def held(s):\n    return 1 + 0 * s.object_held", "same value"),
        ("dance", "def held(s):\n    return s.object_held", "pick"),
    ],
)
def test_what_cannot_be_trained_with_is_refused_before_anything_runs(
    tmp_path: Path, family: str, source: str, says: str
) -> None:
    file = tmp_path / "reward.json"
    file.write_text(Program((Term("held", source),)).json())
    with pytest.raises(UsageError, match=says):
        train_reward(TrainCfg(family, reward=file, out=tmp_path / "run"))
    assert not (tmp_path / "run").exists()


def test_a_candidates_policy_becomes_a_skills_network() -> None:
    layers = [torch.nn.Linear(PickTask.obs_dim, 8), torch.nn.Linear(8, 5)]
    net = Net(layers, "elu", squash=False)
    sent = Net.from_plain(net.plain())
    obs = torch.randn(6, PickTask.obs_dim)
    assert torch.allclose(sent(obs), net(obs))
    assert torch.allclose(network(sent, "pick")(obs), net(obs))
    with pytest.raises(EmbodiedError):
        network(sent, "navigate")
