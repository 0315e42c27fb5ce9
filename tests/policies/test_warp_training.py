"""Training on the Warp engine, on its CPU device: the same MDP, and what it saves is plain SB3."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from stable_baselines3 import PPO

pytest.importorskip("mujoco_warp", reason="the Warp engine is the extra 'gpu'")

from embodied import train
from embodied.tasks import registry
from embodied.world.warp_engine import WarpEngine
from policies.ppo import make_ppo
from policies.trainer import TrainerCfg, make_env

N = 6


@pytest.mark.parametrize("family", ["pick", "open"])
def test_the_same_actions_lead_to_the_same_observations(family: str) -> None:
    both = [
        make_env(TrainerCfg(family, num_envs=N, threads=1, engine=engine))  # type: ignore[arg-type]
        for engine in ("mujoco", "warp")
    ]
    assert isinstance(both[1].task.engine, WarpEngine)  # type: ignore[attr-defined]
    obs, other = (torch.as_tensor(env.reset()) for env in both)
    assert torch.allclose(obs, other, atol=1e-4)
    seen, rng = [], torch.Generator().manual_seed(1)
    for _ in range(12):
        actions = torch.rand(N, both[0].task.act_dim, generator=rng) * 2 - 1
        seen = [env.step_tensors(actions) for env in both]
        assert torch.equal(seen[0][2], seen[1][2])
    (obs, reward, _), (other, also, _) = seen
    # contacts are found at other points; features are scaled by up to 30, how far a drawer is from shut
    # by 100: about a millimetre
    apart = (obs - other).abs()
    assert apart.max() < 0.1
    assert (apart > 0.05).sum() <= N, "one column at most"
    assert torch.allclose(reward, also, atol=0.02)


def test_a_few_updates_save_what_plain_sb3_opens(tmp_path: Path) -> None:
    env = make_env(TrainerCfg("pick", num_envs=N, engine="warp"))
    model = make_ppo(env, 0, n_steps=8, batch_size=24)
    before = [p.detach().clone() for p in model.policy.parameters()]
    model.learn(3 * 8 * N)
    env.task.engine.check()  # type: ignore[attr-defined]
    assert not all(torch.equal(*p) for p in zip(before, model.policy.parameters(), strict=True))
    model.save(tmp_path / "ppo.zip")
    plain = PPO.load(tmp_path / "ppo.zip", device="cpu")
    obs = torch.as_tensor(env.reset())
    assert torch.equal(plain.policy._predict(obs, True), model.policy._predict(obs, True))


def test_a_gpu_means_warp_and_a_budget_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    settings = train.settings_of(train.TrainCfg("pick", device="cuda:1"))
    assert (settings["engine"], settings["device"]) == ("warp", "cuda:1")
    assert settings["steps"] == train.GPU_BUDGET * registry.family("pick").steps
    assert train.settings_of(train.TrainCfg("pick", device="cuda", steps=9))["steps"] == 9
    assert train.main(["pick", "--device", "cuda", "--engine", "mujoco"]) == 2
    assert "runs on the CPU" in capsys.readouterr().err
