"""A fixed made-up state, read anew whenever a head is loaded.

A head keeps what its readings of this state were when it was fitted. If the code now reads
something else from it, because a feature, a frame or a constant changed, the head no longer means
what it says and is refused.
"""

from __future__ import annotations

import torch

from embodied.tasks.base import Goal
from embodied.tasks.drawer import DrawerGoal
from embodied.world.proximity import Obstacles
from embodied.world.state import State
from policies.affordance_features import drawer_features, pick_features, place_features
from policies.affordance_navigate import Way, navigate_features

TOLERANCE = 1e-3
_ROWS = 6


def probe(base: str) -> torch.Tensor:
    """(6, F) the readings of the made-up state by a shipped family, or by those that extend it."""
    rng = torch.Generator().manual_seed(0)

    def draw(*shape: int, low: float = -1.0, high: float = 1.0) -> torch.Tensor:
        return low + (high - low) * torch.rand(_ROWS, *shape, generator=rng)

    state = State(
        base_pose=draw(3), base_vel=draw(3), tcp_pos=draw(3, low=0.2), tcp_vel=draw(3),
        tcp_yaw=draw(), tcp_up=draw(2, low=-0.1, high=0.1), fingers=draw(2, low=0.0, high=0.05),
        touch=draw(2, low=0.0, high=10.0), object_pos=draw(2, 3), object_vel=draw(2, 3),
        object_quat=torch.nn.functional.normalize(draw(2, 4), dim=-1), object_spin=draw(2, 3),
        drawer=draw(low=0.0, high=0.3), arm=draw(7),
    )  # fmt: skip
    present = torch.tensor([True] * (_ROWS - 1) + [False])
    if base == "navigate":
        boxes = torch.cat([2 * draw(4, 2), draw(4, 2, low=0.1, high=0.3)], -1)
        around = Obstacles(boxes, draw(4) > 0)
        way = Way(draw(low=0.0, high=4.0), draw(low=-0.2, high=0.5))
        return navigate_features(state, 2 * draw(3), around, way, present)
    if base in ("open", "close"):
        heading = draw(low=-3.0, high=3.0)
        drawer = DrawerGoal(
            handle=draw(3),
            slide=torch.stack([torch.cos(heading), torch.sin(heading)], -1),
            travel=draw(low=0.2, high=0.4),
            opened=torch.full((_ROWS,), base == "open"),
            kept=torch.zeros(_ROWS, 2, dtype=torch.bool),
        )
        return drawer_features(state, drawer)
    goal = Goal(
        index=torch.arange(_ROWS) % 2,
        half=draw(3, low=0.02, high=0.1),
        shape=torch.nn.functional.one_hot(torch.arange(_ROWS) % 3, 3).float(),
        spot=draw(3),
        drop=torch.arange(_ROWS) % 2 == 0,
    )
    read = pick_features if base == "pick" else place_features
    return read(state, goal, present, draw(low=0.0))
