"""Clearances and rays against MuJoCo's own, and a shield that reckless driving cannot break."""

import mujoco
import numpy as np
import torch

from embodied.world.cart import Carts
from embodied.world.control import MAX_SPEED
from embodied.world.proximity import (
    FOREARM_AHEAD,
    GAIN,
    GRIPPER_AHEAD,
    GRIPPER_RADIUS,
    MARGIN,
    RANGE,
    RAYS,
    Obstacles,
    Proximity,
    clearance,
    ranges,
    shield,
    speed_limit,
)
from embodied.world.robot import BASE_RADIUS
from embodied.world.tensors import Rows

ROOM = torch.tensor(
    [[2.6, 0, 0.1, 2.1], [-2.6, 0, 0.1, 2.1], [0, 2.1, 2.6, 0.1], [0, -2.1, 2.6, 0.1],
     [0.9, 0.6, 0.3, 0.5], [-0.8, -0.9, 0.4, 0.2], [-1.2, 1.1, 0.15, 0.25]]
)  # fmt: skip
TALL = torch.tensor([True, True, True, True, False, False, True])


def around(count: int) -> Obstacles:
    return Obstacles(ROOM.expand(count, -1, -1), TALL.expand(count, -1))


def poses(count: int, gap: float = 0.02) -> torch.Tensor:
    rng = torch.Generator().manual_seed(1)
    drawn = (torch.rand(20 * count, 3, generator=rng) * 2 - 1) * torch.tensor([2.5, 2.0, 3.14])
    free = drawn[clearance(drawn, around(len(drawn))) > gap]
    assert len(free) >= count
    return free[:count]


def mujoco_scene() -> tuple[mujoco.MjModel, mujoco.MjData]:
    """The same boxes, with a disc for the base and one for the gripper, as MuJoCo geoms."""
    spec = mujoco.MjSpec()
    for i, (x, y, half_x, half_y) in enumerate(ROOM.tolist()):
        spec.worldbody.add_geom(
            name=f"box{i}", type=mujoco.mjtGeom.mjGEOM_BOX, size=[half_x, half_y, 1], pos=[x, y, 0]
        )
    for name, radius in (
        ("base", BASE_RADIUS), ("gripper", GRIPPER_RADIUS), ("forearm", GRIPPER_RADIUS),
    ):  # fmt: skip
        body = spec.worldbody.add_body(name=name, mocap=True)
        body.add_geom(name=name, type=mujoco.mjtGeom.mjGEOM_CYLINDER, size=[radius, 0.5, 0])
    model = spec.compile()
    return model, mujoco.MjData(model)


def test_clearances_are_those_that_mujoco_measures():
    model, data = mujoco_scene()
    drawn = poses(40)
    near = Proximity.of(drawn, around(40))
    for i, (x, y, yaw) in enumerate(drawn.tolist()):
        for k, ahead in enumerate((0.0, GRIPPER_AHEAD, FOREARM_AHEAD)):
            data.mocap_pos[k] = [x + ahead * np.cos(yaw), y + ahead * np.sin(yaw), 0]
        mujoco.mj_forward(model, data)
        for k in range(len(ROOM)):
            box = model.geom(f"box{k}").id
            for disc in ("base", "gripper", "forearm") if TALL[k] else ("base",):
                gap = mujoco.mj_geomDistance(model, data, model.geom(disc).id, box, 10, None)
                assert abs(gap - float(getattr(near, disc)[i, k])) < 1e-3


def test_rays_are_those_that_mujoco_casts():
    model, data = mujoco_scene()
    data.mocap_pos[:] = [0, 0, 50]
    mujoco.mj_forward(model, data)
    drawn = poses(30)
    seen = ranges(drawn, around(30))
    geom = np.zeros(1, np.int32)
    for i, (x, y, yaw) in enumerate(drawn.tolist()):
        for k in range(RAYS):
            angle = yaw + k * 2 * np.pi / RAYS
            ray = np.array([np.cos(angle), np.sin(angle), 0.0])
            hit = mujoco.mj_ray(model, data, np.array([x, y, 0.0]), ray, None, 1, -1, geom)
            assert abs((RANGE if hit < 0 else min(hit, RANGE)) - float(seen[i, k])) < 1e-3


def test_the_gripper_passes_above_furniture_but_not_through_people():
    over_furniture = torch.tensor([[0.9, -0.35, np.pi / 2]])
    through_user = torch.tensor([[-1.2, 0.30, np.pi / 2]])
    assert float(clearance(over_furniture, around(1))) > 0.1
    near = Proximity.of(through_user, around(1))
    assert float(near.base.amin()) > 0.1
    assert float(near.gripper.amin()) < 0


def test_no_corner_of_a_tall_solid_fits_between_base_and_gripper():
    corner = Obstacles(torch.tensor([[[0.38, -0.35, 0.1, 0.3]]]), torch.tensor([[True]]))
    near = Proximity.of(torch.zeros(1, 3), corner)
    assert float(near.forearm) < 0.1
    inside = Obstacles(torch.tensor([[[0.38, -0.30, 0.01, 0.3]]]), torch.tensor([[True]]))
    near = Proximity.of(torch.zeros(1, 3), inside)
    assert float(near.base) > 0
    assert float(near.gripper) > 0
    assert float(clearance(torch.zeros(1, 3), inside)) < 0


def test_the_speed_limit_is_a_velocity_damper():
    gap = torch.linspace(-0.1, 2.0, 400)
    limit = speed_limit(gap)
    assert (limit <= GAIN * (gap - MARGIN) + 1e-5).all()
    assert (limit.diff() >= 0).all()
    assert float(speed_limit(torch.tensor(MARGIN))) == 0.0
    assert float(speed_limit(torch.tensor(0.0))) < 0


def drive_recklessly(shielded: bool, count: int = 96, steps: int = 150) -> torch.Tensor:
    """(count,) smallest clearance under random commands that hold for half a second."""
    rng = torch.Generator().manual_seed(2)
    carts, everyone, solids = Carts(count), torch.ones(count, dtype=torch.bool), around(count)
    carts.reset(Rows(everyone), poses(count), everyone)
    wanted, least = torch.zeros(count, 3), torch.full((count,), 9.0)
    for _ in range(steps):
        fresh = (torch.randn(count, 3, generator=rng) * 1.2).clamp(-1, 1) * torch.tensor(MAX_SPEED)
        wanted = torch.where(torch.rand(count, 1, generator=rng) < 0.08, fresh, wanted)
        state = carts.state()
        carts.drive(shield(wanted, carts.velocity, state, solids) if shielded else wanted)
        least = torch.minimum(least, clearance(carts.state().base_pose, solids))
    return least


def test_reckless_driving_touches_nothing_behind_the_shield_and_much_without():
    assert (drive_recklessly(shielded=True) > 0).all()
    assert (drive_recklessly(shielded=False) <= 0).float().mean() > 0.5


def test_the_shield_leaves_safe_commands_alone_and_lets_the_robot_stand_at_a_counter():
    carts, one = Carts(1), torch.ones(1, dtype=torch.bool)
    carts.reset(Rows(one), torch.tensor([[-0.2, 0.4, 0.0]]), one)
    wanted = torch.tensor([[0.02, -0.01, 0.1]])
    kept = shield(wanted, carts.velocity, carts.state(), around(1))
    assert torch.allclose(kept, wanted, atol=1e-6)
    # drive up to 7 cm from the low box ahead, as standing at a counter asks for
    goal = 0.6 - BASE_RADIUS - 0.07
    for _ in range(200):
        pose = carts.state().base_pose
        wanted = torch.tensor([[2.0 * (goal - float(pose[0, 0])), 0.0, 0.0]])
        carts.drive(shield(wanted, carts.velocity, carts.state(), around(1)))
    assert abs(float(carts.state().base_pose[0, 0]) - goal) < 0.01
