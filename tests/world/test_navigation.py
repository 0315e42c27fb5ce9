"""Maps, routes and stand poses against the kitchen as MuJoCo has it."""

from functools import cache

import mujoco
import numpy as np
import pytest
import torch

from embodied.errors import UsageError
from embodied.tasks.rooms import free_poses
from embodied.world import scene
from embodied.world.navigation import Map
from embodied.world.proximity import clearance
from embodied.world.robot import BASE_RADIUS

GOAL = (0.92, -0.10)  # in front of the table


@cache
def kitchen() -> mujoco.MjModel:
    return scene.kitchen_spec([], visuals=False).compile()


@cache
def room() -> Map:
    return Map.from_model(kitchen())


def test_the_map_covers_every_solid_of_the_model():
    model = kitchen()
    data = mujoco.MjData(model)
    mujoco.mj_kinematics(model, data)
    solids = [i for i in range(model.ngeom) if model.geom(i).name.startswith("solid/")]
    assert len(solids) > 15
    for i in solids:
        low = data.geom_xpos[i][:2] - model.geom_size[i][:2]
        high = data.geom_xpos[i][:2] + model.geom_size[i][:2]
        # boxes may be merged into those that contain them, but never lost
        covers = (room().boxes[:, :2] - room().boxes[:, 2:] <= low + 0.003).all(1)
        covers &= (room().boxes[:, :2] + room().boxes[:, 2:] >= high - 0.003).all(1)
        tall = data.geom_xpos[i][2] + model.geom_size[i][2] > 1.0
        assert (covers & (room().tall >= tall)).any(), model.geom(i).name


def test_walls_and_the_user_are_in_the_arms_way_and_furniture_is_not():
    tall = room().boxes[room().tall]
    assert len(tall) == 5
    assert any(np.allclose(box[:2], [-2.22, 0.90]) for box in tall)
    assert not any(np.allclose(box[:2], [1.95, -0.10]) for box in tall)


def test_a_model_without_solids_is_refused():
    with pytest.raises(UsageError, match="solid/"):
        Map.from_model(mujoco.MjModel.from_xml_string("<mujoco/>"))


def test_following_the_way_points_reaches_the_goal_and_touches_nothing():
    starts = free_poses(room(), 200, np.random.default_rng(0))
    route, around = room().route(GOAL), room().obstacles(200)
    point, row = starts[:, :2].clone(), torch.zeros(200, dtype=torch.long)
    first = route.remaining(point, row)
    straight = (point - torch.tensor(GOAL)).norm(dim=-1)
    assert (first > straight - 0.08).all()
    assert (first > 1.15 * straight).any(), "no way leads around anything: the test is blind"
    assert (first < 3 * straight + 1.5).all()
    for _ in range(400):
        step = route.waypoints(point, row)[:, 0] - point
        point = point + step * (0.03 / step.norm(dim=-1, keepdim=True).clamp_min(0.03))
        pose = torch.cat([point, torch.zeros(200, 1)], -1)
        near = clearance_of_base(pose, around)
        assert (near > -0.005).all()
    assert (point - torch.tensor(GOAL)).norm(dim=-1).max() < 0.02


def clearance_of_base(pose: torch.Tensor, around) -> torch.Tensor:
    gap = (pose[:, None, :2] - around.boxes[..., :2]).abs() - around.boxes[..., 2:]
    return gap.clamp_min(0).norm(dim=-1).amin(-1) - BASE_RADIUS


def test_the_length_of_the_way_falls_along_it_without_jumps():
    route, row = room().route(GOAL), torch.zeros(1, dtype=torch.long)
    point = torch.tensor([[-1.14, 0.90]])  # before the user, with the room between
    last = float(route.remaining(point, row))
    while last > 0.02:
        step = route.waypoints(point, row)[:, 0] - point
        point = point + step * (0.02 / step.norm().clamp_min(0.02))
        left = float(route.remaining(point, row))
        assert abs(last - left) < 0.06
        last = left
    assert last < 0.02


def test_several_goals_share_a_table_of_the_single_routes():
    goals = np.array([GOAL, (-1.14, 0.90)])
    both = room().route(goals)
    for i, goal in enumerate(goals):
        one = room().route((float(goal[0]), float(goal[1])))
        assert torch.equal(both.length[i], one.length[0])
        assert torch.equal(both.ahead[i], one.ahead[0])


def test_an_open_drawer_is_in_the_way():
    pose = torch.tensor([[0.80, -0.95, 0.0]])
    shut, opened = (float(clearance(pose, room().obstacles(1, d))) for d in (0.0, 0.30))
    assert shut > 0.15
    assert opened < -0.05
    start, row = torch.tensor([[0.20, -1.16]]), torch.zeros(1, dtype=torch.long)
    ways = [room().route((1.40, -1.16), d).remaining(start, row) for d in (0.0, 0.30)]
    assert float(ways[1]) > float(ways[0]) + 0.05
