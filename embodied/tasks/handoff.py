"""Hand-offs: placing starts where picking really ends, not from one tidy pose.

A trained pick policy is run on the very objects that placing is about to be trained on; the robot's
and object's configurations at its successes are kept, relative to the base, and later put in front of
other places.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache

import torch

from embodied.tasks.arm import Fixtures, fixtures_of
from embodied.tasks.base import CONFIRM
from embodied.tasks.pick import PickTask
from embodied.world.scene import FixtureCfg
from embodied.world.state import rotate, to_base, turn
from embodied.world.tensors import moved

Act = Callable[[torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class Grasps:
    """Ends of picks: V fixtures with B each; `count` (V,) of them are real. Simulation i has fixture i
    modulo V, as `arm.build_fixtures` deals them out."""

    count: torch.Tensor
    arm: torch.Tensor
    """(V, B, 7) joint angles."""
    fingers: torch.Tensor
    """(V, B, 2) openings."""
    target: torch.Tensor
    """(V, B, 4) the controller's tcp target."""
    opening: torch.Tensor
    """(V, B) the controller's finger target."""
    pose: torch.Tensor
    """(V, B, 7) of the object, base frame; the quaternion as turned by the base's yaw."""

    def draw(self, rows: torch.Tensor, rng: torch.Generator) -> dict[str, torch.Tensor]:
        """One of each row's grasps by field, (M, ...), and how many there are to choose from."""
        rows = rows % len(self.count)
        pick = (torch.rand(len(rows), generator=rng) * self.count[rows].clamp_min(1)).long()
        fields = ("arm", "fingers", "target", "opening", "pose")
        drawn = {name: getattr(self, name)[rows, pick] for name in fields}
        return {"count": self.count[rows], **drawn}


def collect_grasps(
    fixtures: Fixtures, act: Act, per_env: int, seed: int, threads: int = 0
) -> Grasps:
    """Runs the pick policy `per_env` times on each fixture's object, standing on a surface.

    It runs on the CPU; fixtures that repeat in turn are run once. Asked for again in the same process, as
    by one evaluation after the other, it answers with what it has.
    """
    device = torch.get_default_device()
    with torch.device("cpu"):
        grasps = _collect(tuple(dict.fromkeys(fixtures.cfgs)), act, per_env, seed, threads)
    return moved(grasps, device)


@lru_cache(4)
def _collect(
    distinct: tuple[FixtureCfg, ...], act: Act, per_env: int, seed: int, threads: int
) -> Grasps:
    cfgs = [
        replace(cfg, kind="surface", height=0.66 + 0.02 * (i % 10), other=None)
        for i, cfg in enumerate(distinct)
    ]
    task = PickTask(len(cfgs), easy=0.0, fixtures=fixtures_of(cfgs, threads))
    n, rng = task.num_envs, torch.Generator().manual_seed(seed)
    shapes = {"arm": (7,), "fingers": (2,), "target": (4,), "opening": (), "pose": (7,)}
    kept = {name: torch.zeros(n, per_env, *shape) for name, shape in shapes.items()}
    count = torch.zeros(n, dtype=torch.long)
    for _ in range(per_env):
        task.reset(torch.ones(n, dtype=torch.bool), rng)
        confirmed, taken = torch.zeros(n, dtype=torch.long), torch.zeros(n, dtype=torch.bool)
        for _ in range(task.horizon):
            task.step(act(task.observe()))
            confirmed = torch.where(task.success(), confirmed + 1, 0)
            fresh = ((confirmed >= CONFIRM) & ~taken).nonzero()[:, 0]
            for name, value in _snapshot(task).items():
                kept[name][fresh, count[fresh]] = value[fresh]
            count[fresh] += 1
            taken[fresh] = True
    return Grasps(count=count, **kept)


def _snapshot(task: PickTask) -> dict[str, torch.Tensor]:
    state = task.state
    position = to_base(state.base_pose, state.object_pos)[:, 0]
    return {
        "arm": state.arm,
        "fingers": state.fingers,
        "target": task.control.target.clone(),
        "opening": task.control.opening.clone(),
        "pose": torch.cat([position, turn(state.object_quat[:, 0], -state.base_pose[:, 2])], -1),
    }


def carried_to(base: torch.Tensor, pose: torch.Tensor) -> torch.Tensor:
    """Object poses (M, 7) in the base frame, as world poses for bases (M, 3)."""
    xy = rotate(pose[:, :2], base[:, 2]) + base[:, :2]
    return torch.cat([xy, pose[:, 2:3], turn(pose[:, 3:], base[:, 2])], -1)
