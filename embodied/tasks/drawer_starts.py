"""Where episodes of the drawer skills begin: how far it is out, who stands before it, what lies in it.

Most begin with the arm at rest, as behind navigation. A share begins with the gripper about the handle:
that moving the drawer pays is learned before reaching for it is, and a gripper that somebody's push has
left before the handle, or about the drawer's front, is met in no other way.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle, islice

import mujoco
import numpy as np
import torch

from embodied.tasks.arm import (
    VARIANTS,
    Fixtures,
    Start,
    arm_postures,
    fixtures_of,
    rest_start,
    standing,
)
from embodied.world import catalogue
from embodied.world.control import FINGER_OPEN
from embodied.world.engine import CpuEngine, Engines
from embodied.world.grasp import STAND
from embodied.world.scene import DRAWER, DrawerCfg, lies_in_drawer
from embodied.world.state import rotate, to_base
from embodied.world.tensors import constant

BAR = 0.011  # m, half the handle's thickness
FRONT = 0.07  # m from the handle to the middle of the drawer's front
CABINET = 0.12  # m that a drawer is out when a gripper about its front is clear of the cabinet
_ACROSS = 1.35  # rad, a gripper turned at least as far is about across the handle
_GRIPPING, _BEFORE, _OVER = 0.25, 0.45, 0.15
"""Of the starts about the handle: it is in the grip, the gripper is left in front of it, or left about the
top of the drawer's front. In the others the gripper is above it."""


def extension(easy: torch.Tensor, share: float, rng: torch.Generator) -> torch.Tensor:
    """(M,) share of its way that the drawer has made: most often none, else left half way, or nearly
    done; anywhere where the start is easy (M,) bool, which a `share` is."""
    unit, kind = torch.rand(2, len(easy), generator=rng)
    made = torch.where(kind < 0.6, 0.08 * unit * (kind < 0.2), 0.6 * unit)
    made = torch.where(kind < share / 4, 1 - 0.4 * unit.square(), made)
    return torch.where(easy, unit, made)


def stand_before(stand: torch.Tensor, rng: torch.Generator) -> Start:
    """The arm at rest, about stands (M, 3), looser than navigation stops: 6 cm, 8 cm, 9 degrees."""
    unit = torch.rand(len(stand), 3, generator=rng) * 2 - 1
    shift = rotate(torch.stack([0.06 * unit[:, 0], 0.08 * unit[:, 1]], -1), stand[:, 2])
    base = torch.cat([stand[:, :2] + shift, stand[:, 2:] + 0.16 * unit[:, 2:]], -1)
    return rest_start(base, rng)


def postures_across() -> tuple[torch.Tensor, torch.Tensor]:
    """`arm_postures` whose gripper is turned about across the handle; made once, for it waits for a GPU."""
    poses, joints = arm_postures()
    across = poses[:, 3].abs() > _ACROSS
    return poses[across], joints[across]


def about_handle(
    usual: Start, handle: torch.Tensor, slide: torch.Tensor, out: torch.Tensor, kind: torch.Tensor,
    postures: tuple[torch.Tensor, torch.Tensor], rng: torch.Generator,
) -> tuple[Start, torch.Tensor, torch.Tensor]:  # fmt: skip
    """Starts with the gripper about the handle, the base not far from the usual one.

    Args:
        handle: (M, 3) of the shut drawers, world. slide: (M, 2) in which they open.
        out: (M,) how far they are out [m].
        kind: (M,) in [0, 1), which of `_GRIPPING` and its neighbours.
        postures: of `postures_across`.

    Returns:
        Starts, `easy` where the posture fits; (M,) bool: the handle is in the grip; (M,) the fingers'
        opening [m].
    """
    gripping, before = kind < _GRIPPING, kind > 1 - _BEFORE
    over = (kind > 1 - _BEFORE - _OVER) & ~before
    opening, offset = _offsets(gripping, before, over, rng)
    side = torch.stack([-slide[:, 1], slide[:, 0]], -1)
    spot = handle.clone()
    spot[:, :2] += slide * (out + offset[:, 0])[:, None] + side * offset[:, 1:2]
    spot[:, 2] += offset[:, 2]
    poses, joints = postures
    weights = constant((1.0, 1.0, 4.0))  # the base can make up for what x and y are off
    nearest = torch.cdist(to_base(usual.base, spot) * weights, poses[:, :3] * weights).argmin(-1)
    tcp = poses[nearest]
    higher = tcp[:, 2] - spot[:, 2]
    fits = torch.where(gripping, higher.abs() < 0.02, higher > -0.015) | before
    fits &= ~over | (out > CABINET)
    facing = torch.atan2(-slide[:, 1], -slide[:, 0])
    yaw = facing + tcp[:, 3].sign() * torch.pi / 2 - tcp[:, 3]
    base = torch.cat([spot[:, :2] - rotate(tcp[:, :2], yaw), yaw[:, None]], -1)
    return Start(fits, base, tcp, joints[nearest]), gripping, opening


def _offsets(
    gripping: torch.Tensor, before: torch.Tensor, over: torch.Tensor, rng: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """The fingers' opening (M,) and where the gripper is from the handle (M, 3): outwards, aside, above
    [m]. Fingers that are `before` it begin to touch it at 3.5 cm."""
    unit = torch.rand(4, len(gripping), generator=rng)
    opening = torch.where(gripping, BAR + 0.0005, FINGER_OPEN)
    opening = torch.where(before, FINGER_OPEN * unit[0], opening)
    opening = torch.where(over, FINGER_OPEN * (0.5 + 0.5 * unit[0]), opening)
    outwards = torch.where(before, 0.035 + opening + 0.12 * unit[1].square(), 0.0)
    outwards = torch.where(over, 0.02 * unit[1] - FRONT - 0.01, outwards)
    aside = torch.where(before | over, 0.1, 0.05) * (2 * unit[2] - 1)
    above = torch.where(gripping, 0.0, 0.055)
    above = torch.where(before, 0.18 * unit[3] - 0.06, above)
    above = torch.where(over, 0.03 + 0.12 * unit[3], above)
    return opening, torch.stack([outwards, aside, above], -1)


def contents(
    floor: torch.Tensor, half: torch.Tensor, slide: torch.Tensor, out: torch.Tensor,
    rng: torch.Generator,
) -> torch.Tensor:  # fmt: skip
    """(M, 7) poses of objects of half extents (M, 3): anywhere on the drawer's usable floor; what has to
    lie, lies across it.

    Args:
        floor: (M, 3) middle of the shut drawers' floors, world. slide: (M, 2) in which they open.
        out: (M,) how far they are out [m].
    """
    unit = torch.rand(len(half), 3, generator=rng) * 2 - 1
    aside, lying = torch.stack([-slide[:, 1], slide[:, 0]], -1), lies_in_drawer(half)
    unit[:, :2] *= torch.where(lying[:, None], 0.6, 1.0)
    spot = floor.clone()
    spot[:, :2] += slide * (out + 0.06 * unit[:, 0])[:, None] + aside * 0.155 * unit[:, 1:2]
    along = torch.atan2(aside[:, 1], aside[:, 0]) + 0.15 * unit[:, 2]
    yaw = torch.where(lying, along, torch.pi * unit[:, 2])
    return standing(spot, half, lying, yaw)


def drawer_fixtures(num_envs: int, seed: int, threads: int, engines: Engines) -> Fixtures:
    """A drawer per simulation; they repeat as in `arm.build_fixtures`."""
    variants = num_envs if engines is CpuEngine else min(num_envs, VARIANTS)
    cfgs = drawer_cfgs(variants, seed)
    return fixtures_of(list(islice(cycle(cfgs), num_envs)), threads, engines)


def drawer_cfgs(num_envs: int, seed: int) -> list[DrawerCfg]:
    """Each catalogue object in turn, every one in a drawer of its own height, load and resistance."""
    rng = torch.Generator().manual_seed(seed)

    def draw(low: float, high: float) -> float:
        return low + (high - low) * float(torch.rand(1, generator=rng, device="cpu"))

    return [
        DrawerCfg(
            name,
            height=draw(0.46, 0.54),
            size_scale=draw(0.92, 1.08),
            mass_scale=draw(0.7, 1.3),
            friction=draw(0.7, 1.1),
            load=draw(0.0, 1.5),
            damping=draw(5.0, 14.0),
            drag=draw(1.0, 4.0),
        )
        for name in islice(cycle(catalogue.objects()), num_envs)
    ]


def places(
    models: Sequence[mujoco.MjModel], slide: torch.Tensor, travel: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Of drawers that open in slide (N, 2) by travel (N,): the usable floor's middle when shut (N, 3), and
    the stand before them (N, 3) x, y, yaw."""
    floors = []
    for model in models:
        data = mujoco.MjData(model)
        mujoco.mj_kinematics(model, data)
        floors.append(data.site(f"place/{DRAWER}").xpos.copy())
    floor = torch.tensor(np.array(floors), dtype=torch.float32)
    stand = floor[:, :2] + slide * (travel + STAND)[:, None]
    yaw = torch.atan2(-slide[:, 1], -slide[:, 0])
    return floor, torch.cat([stand, yaw[:, None]], -1)
