"""A simulation that breaks is found at once, kept with a command that plays it again, and alone reset."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from embodied.tasks.arm import build_fixtures
from embodied.tasks.pick import PickTask
from embodied.world import faults
from embodied.world.faults import Fault
from policies.trainer import _FaultFiles
from policies.vec_env import TaskVecEnv

N, BAD = 6, 3


def run(steps: int, break_at: int = -1) -> tuple[TaskVecEnv, list[torch.Tensor], list[Fault]]:
    """Observations of some steps; in one of them an object is thrown at a speed that nothing survives."""
    env = TaskVecEnv(PickTask(N, fixtures=build_fixtures(("surface",), N, 0, 1)), desync=False)
    env.reset()
    told, seen = [], []
    env.on_fault = told.append
    actions = torch.zeros(N, 5)
    for step in range(steps):
        if step == break_at:
            env.task.engine.field("qvel")[BAD, -6:] = 1e8  # type: ignore[attr-defined]
        obs, reward, done = env.step_tensors(actions)
        assert bool(obs.isfinite().all() and reward.isfinite().all())
        if step == break_at:
            assert done.tolist() == [row == BAD for row in range(N)]
            assert env.ended is not None and not bool(env.ended.truncated.any())
        seen.append(obs)
    return env, seen, told


def test_a_broken_simulation_is_reset_and_no_other_notices() -> None:
    _, calm, none = run(6)
    env, rough, told = run(6, break_at=2)
    assert none == [] and [fault.row for fault in told] == [BAD]
    rest = [row for row in range(N) if row != BAD]
    for before, after in zip(calm, rough, strict=True):
        assert torch.equal(before[rest], after[rest])
    assert bool(env.task.engine.field("qpos").isfinite().all())  # type: ignore[attr-defined]


def test_the_kept_file_breaks_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, _, (fault,) = run(3, break_at=2)
    said: list[str] = []
    files = _FaultFiles(tmp_path / "faults", said.append)
    files(fault), files(fault)
    names = sorted(path.name for path in (tmp_path / "faults").iterdir())
    assert names == ["fault_0000.npz", "fault_0001.npz"]
    command = said[0].split("see it again: ")[1].split()
    assert command[:3] == ["python", "-m", "embodied.world.faults"]
    assert faults.main(command[3:]) == 0
    assert f"simulation {BAD} breaks again in substep" in capsys.readouterr().out
    sound = Fault(0, fault.model, {name: value * 0 for name, value in fault.before.items()})
    sound.before["qpos"][:] = fault.model.qpos0
    sound.save(tmp_path / "sound.npz")
    assert faults.main([str(tmp_path / "sound.npz")]) == 1
    (tmp_path / "other.npz").write_bytes(b"PK")
    assert faults.main([str(tmp_path / "other.npz")]) == 2
    assert "is no fault that a training has kept" in capsys.readouterr().err


def test_what_breaks_on_a_gpu_is_kept_there_until_asked_for() -> None:
    env, _, _ = run(1)
    watch = env.watch
    assert watch is not None and watch.kept() is None
    for broken in ([False] * N, [row in (BAD, 5) for row in range(N)], [True] * N):
        watch.keep(torch.tensor(broken))
    fault = watch.kept()
    assert fault is not None and fault.row == BAD  # the first
    assert (fault.before["qpos"] == watch.fault(BAD).before["qpos"]).all()
    assert watch.kept() is None


def test_a_push_that_breaks_a_simulation_is_kept_with_it() -> None:
    env, _, _ = run(1)
    told: list[Fault] = []
    env.on_fault = told.append
    body = env.task.engine.model.body("object").id  # type: ignore[attr-defined]
    env.task.engine.field("xfrc_applied")[BAD, body, 0] = 1e14  # type: ignore[attr-defined]
    env.step_tensors(torch.zeros(N, 5))
    (fault,) = told
    assert fault.row == BAD and faults.replay(fault) is not None
    fault.before["xfrc_applied"][:] = 0
    assert faults.replay(fault) is None, "it was the push"
