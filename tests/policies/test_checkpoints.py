"""A full disk costs nothing but the checkpoint that did not fit."""

from __future__ import annotations

import json
import resource
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
import torch
from stable_baselines3.common.logger import configure

from embodied.errors import EnvironmentFault
from embodied.tasks.pick import PickTask
from policies.checkpoints import Keeper, resume_or_start
from policies.trainer import TrainerCfg, train
from policies.vec_env import TaskVecEnv

CFG = TrainerCfg("pick", num_envs=16, steps=16 * 16 * 4, checkpoint_every=16 * 16)


def test_the_last_whole_checkpoint_survives_a_full_disk(tmp_path: Path) -> None:
    env = TaskVecEnv(PickTask(16, threads=1), seed=0)
    model, _ = resume_or_start(CFG, env, tmp_path, {}, CFG.steps)
    model.set_logger(configure(None, []))
    model.learn(16 * 16, callback=(keeper := Keeper(CFG, env, tmp_path, lambda *_: None, 0.0)))
    keeper.checkpoint()
    (kept,) = (tmp_path / "checkpoints").iterdir()
    weights = [p.detach().clone() for p in model.policy.parameters()]

    model.learn(16 * 16, reset_num_timesteps=False)
    keeper.num_timesteps = model.num_timesteps
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))  # no file may grow beyond: as if full
    try:
        with pytest.raises(EnvironmentFault, match="Cannot write .*step_0000000512"):
            keeper.checkpoint()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert list((tmp_path / "checkpoints").iterdir()) == [kept], "no part of the other is left"
    again, _ = resume_or_start(CFG, env, tmp_path, {}, CFG.steps)
    assert again.num_timesteps == 256
    assert all(torch.equal(*p) for p in zip(weights, again.policy.parameters(), strict=True))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("mounting a file system needs root")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


class Trained(Exception):
    """The training proper is over; measuring it would take minutes."""


def test_a_full_disk_between_checkpoints_is_a_sentence_and_the_same_command_goes_on(
    small_disk: Path,
) -> None:
    cfg = TrainerCfg("pick", num_envs=16, threads=1, steps=256 * 10, checkpoint_every=256 * 4)
    folder, ballast, told = small_disk / "run", small_disk / "ballast", list[str]()

    def fill(steps: int, figures: dict[str, float]) -> None:
        if list(folder.glob("checkpoints/step_*")) and not ballast.exists():
            with ballast.open("wb", buffering=0) as file, suppress(OSError):
                while True:
                    file.write(bytes(4096))

    def say(text: str) -> None:
        told.append(text)
        if text.startswith("trained"):
            raise Trained

    with pytest.raises(EnvironmentFault, match=f"Cannot write {folder}.*No space.*same command"):
        train(cfg, folder, "", fill, say)
    assert ballast.exists()
    ballast.unlink()
    with pytest.raises(Trained):
        train(cfg, folder, "", lambda *_: None, say)
    assert told[0] == "going on from the checkpoint at 1,024 steps"
    metrics = (folder / "metrics.jsonl").read_text()
    steps = [json.loads(line)["steps"] for line in metrics.splitlines()]
    assert steps == list(range(256, 256 * 10 + 1, 256)), "every rollout once, none lost"
