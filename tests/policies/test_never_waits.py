"""What a GPU is asked to do in a control step never waits for it, and everything lies on it.

No GPU is needed to see that: torch's fake tensors carry a device but no data. An operation over tensors
of two devices raises on them, and so does everything that would have to read one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch
from stable_baselines3.common.logger import configure
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.overrides import TorchFunctionMode

from embodied.tasks import arm
from embodied.tasks.arm import arm_postures, build_fixtures
from embodied.tasks.drawer import OpenTask
from embodied.tasks.drawer_starts import drawer_cfgs
from embodied.tasks.handoff import Grasps
from embodied.tasks.navigate import NavigateTask
from embodied.tasks.pick import PickTask
from embodied.tasks.place import PlaceTask
from embodied.tasks.rooms import Rooms
from embodied.world import tensors
from embodied.world.engine import CpuEngine
from policies.ppo import BatchPPO, make_ppo
from policies.vec_env import TaskVecEnv

N = 16
ELSEWHERE = torch.device("lazy:0")  # any type that is not the CPU's and needs no driver


class EngineElsewhere:
    """An engine whose fields lie on another device; it computes nothing."""

    def __init__(self, original: CpuEngine) -> None:
        self.nsim, self.model, self.device = original.nsim, original.model, ELSEWHERE
        sizes = {"qpos": self.model.nq, "qvel": self.model.nv, "ctrl": self.model.nu}
        sizes |= {"sensordata": self.model.nsensordata, "qacc_warmstart": self.model.nv}
        self._fields = {
            name: torch.empty(N, size, device=ELSEWHERE) for name, size in sizes.items()
        }
        self._fields["xfrc_applied"] = torch.empty(N, self.model.nbody, 6, device=ELSEWHERE)

    def field(self, name: str) -> torch.Tensor:
        return self._fields[name]

    def step(self, nstep: int) -> None: ...

    def forward(self, mask: torch.Tensor) -> None:
        assert mask.device == ELSEWHERE

    def reset(self, mask: torch.Tensor) -> None:
        assert mask.device == ELSEWHERE


class NoCopies(TorchFunctionMode):
    """Refuses what copies between host and device: new constants, and reading."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        names = ("tensor", "as_tensor", "from_numpy", "cpu", "numpy", "tolist", "item")
        assert getattr(func, "__name__", "") not in names, f"{func.__name__} waits for the device"
        return func(*args, **(kwargs or {}))


def send(value: Any, seen: dict[int, Any]) -> Any:
    """The value with every tensor in it elsewhere, and every engine's, shared ones still shared."""
    if id(value) in seen:
        return seen[id(value)][1]
    sent: Any = value
    if isinstance(value, torch.Tensor):
        sent = torch.empty(value.shape, dtype=value.dtype, device=ELSEWHERE)
    elif isinstance(value, CpuEngine):
        sent = EngineElsewhere(value)
    elif isinstance(value, tuple):
        sent = tuple(send(part, seen) for part in value)
    elif type(value).__module__.startswith("embodied."):
        for name, part in vars(value).items():
            object.__setattr__(value, name, send(part, seen))
    seen[id(value)] = (value, sent)
    return sent


def place_with_grasps() -> PlaceTask:
    task = PlaceTask(N, threads=1, fixtures=build_fixtures(("surface", "bin"), N, 0, 1))
    shapes = {"arm": (7,), "fingers": (2,), "target": (4,), "opening": (), "pose": (7,)}
    kept = {name: torch.zeros(N, 2, *shape) for name, shape in shapes.items()}
    task.grasps = Grasps(count=torch.ones(N, dtype=torch.long), **kept)
    return task


TASKS: dict[str, Callable[[], Any]] = {
    "navigate": lambda: NavigateTask(N, threads=1, rooms=Rooms.build(7, random=1, real=1)),
    "pick": lambda: PickTask(N, threads=1),
    "place": place_with_grasps,
    "open": lambda: OpenTask(N, threads=1),
}


@pytest.fixture(autouse=True)
def forget() -> Iterator[None]:
    """No fake tensor stays in a cache."""
    arm_postures()
    yield
    tensors._constant.cache_clear()
    arm._postures_on.cache_clear()


@pytest.mark.parametrize("family", TASKS)
def test_a_step_neither_waits_nor_mixes_devices(family: str) -> None:
    task = TASKS[family]()
    with FakeTensorMode(allow_non_fake_inputs=True):
        env = TaskVecEnv(send(task, {}))
        actions = torch.empty(N, task.act_dim, device=ELSEWHERE)
        env.step_tensors(actions)  # what never changes is made here
        with NoCopies():
            obs, reward, done = env.step_tensors(actions)
        assert {obs.device, reward.device, done.device} == {ELSEWHERE}
        assert obs.shape == (N, task.obs_dim)
        assert env.ended is not None and env.ended.final_obs.device == ELSEWHERE


def test_an_update_waits_only_where_it_is_read_out(monkeypatch: pytest.MonkeyPatch) -> None:
    task, read = PickTask(N, threads=1), []
    monkeypatch.setattr(torch.nn.Module, "to", lambda self, *args: self)  # fakes cannot be moved
    monkeypatch.setattr(BatchPPO, "_read", lambda self: read.append("figures"))
    monkeypatch.setattr(BatchPPO, "_record", lambda self: read.append("episodes"))
    monkeypatch.setattr(TaskVecEnv, "tell_faults", lambda self: read.append("faults"))
    # fused Adam wants a real GPU
    plain = {"net_arch": [8], "optimizer_class": torch.optim.RMSprop, "optimizer_kwargs": {}}
    with FakeTensorMode(allow_non_fake_inputs=True):
        env = TaskVecEnv(send(task, {}))
        env.reset = lambda: np.zeros((N, task.obs_dim), np.float32)  # type: ignore[method-assign]
        with ELSEWHERE:
            model = make_ppo(env, 0, str(ELSEWHERE), n_steps=2, n_epochs=1, policy_kwargs=plain)
        model.set_logger(configure(None, []))
        model.learn(2 * 2 * N)
    assert read == ["figures", "episodes", "faults"] * 2
    assert model.rollout_buffer.advantages.device == ELSEWHERE  # type: ignore[union-attr]


def test_the_same_fixtures_are_drawn_whatever_the_default_device() -> None:
    here = build_fixtures(("surface", "bin"), 4, 3, 1).cfgs, drawer_cfgs(4, 3)
    with torch.device("meta"):  # reading one of its tensors raises
        there = build_fixtures(("surface", "bin"), 4, 3, 1).cfgs, drawer_cfgs(4, 3)
    assert here == there


def test_what_would_wait_is_found() -> None:
    """The test above could fail: each of the ways in which code waits raises."""
    with FakeTensorMode(allow_non_fake_inputs=True), NoCopies():
        there = torch.empty(N, device=ELSEWHERE)
        for wait in (
            lambda: bool((there > 0).any()),
            lambda: there[there > 0],
            lambda: there + torch.zeros(N),
            lambda: torch.tensor([1.0], device=ELSEWHERE),
        ):
            with pytest.raises((RuntimeError, AssertionError)):
                wait()
