"""Readings of ways and the wide starts of navigate."""

import numpy as np
import pytest
import torch

from embodied.errors import UsageError
from embodied.tasks import registry
from embodied.tasks.rooms import Rooms
from embodied.world.cart import Carts
from embodied.world.navigation import Map
from embodied.world.proximity import clearance
from embodied.world.robot import BASE_RADIUS
from policies import affordance_navigate as navigate
from policies.affordance_navigate import NAVIGATE_FEATURES, Way, navigate_features
from policies.affordance_sources import FEATURES, collect


def _walled_room(gap: float) -> Map:
    """A room of 6 m x 4 m that a wall along y divides, with a gap in its middle or none."""
    outer = [
        [0, -2.05, 3.1, 0.05],
        [0, 2.05, 3.1, 0.05],
        [-3.05, 0, 0.05, 2.1],
        [3.05, 0, 0.05, 2.1],
    ]
    half = (2.0 - gap / 2) / 2
    inner = [[0, gap / 2 + half, 0.05, half], [0, -gap / 2 - half, 0.05, half]]
    boxes = np.array(outer + inner, float)
    return Map(boxes, np.ones(len(boxes), bool))


def _way(room: Map, start: tuple[float, float], goal: tuple[float, float]) -> Way:
    point = torch.tensor([start], dtype=torch.float32)
    return Way.of(room.route(goal), torch.zeros(1, dtype=torch.long), point, room.obstacles())


@pytest.mark.parametrize("gap", [0.7, 1.0])
def test_narrowest_is_half_the_gap_less_the_base(gap: float) -> None:
    way = _way(_walled_room(gap), (-2.0, 0.3), (2.0, -0.3))
    assert float(way.narrowest) == pytest.approx(gap / 2 - BASE_RADIUS, abs=0.04)
    assert 4.0 < float(way.length) < 4.5


def test_a_way_through_a_wall_is_narrower_than_nothing() -> None:
    assert float(_way(_walled_room(0.0), (-2.0, 0.3), (2.0, -0.3)).narrowest) < -0.2


def test_ways_read_alike_from_either_end() -> None:
    room = _walled_room(0.9)
    there, back = _way(room, (-2.0, 0.8), (2.0, -1.0)), _way(room, (2.0, -1.0), (-2.0, 0.8))
    assert float(there.length) == pytest.approx(float(back.length), abs=0.08)
    assert float(there.narrowest) == pytest.approx(float(back.narrowest), abs=0.03)


def test_absent_reads_zero_but_for_the_robot() -> None:
    room, state = _walled_room(0.9), Carts(2).state()
    pose = torch.tensor([[2.0, 0, 0], [2.0, 0, 0]])
    row = torch.zeros(2, dtype=torch.long)
    around = room.obstacles(2)
    way = Way.of(room.route((2.0, 0.0)), row, state.base_pose[:, :2], around)
    present = torch.tensor([True, False])
    features = navigate_features(state, pose, around, way, present)
    assert features.shape == (2, NAVIGATE_FEATURES)
    assert not bool(features[1, 5:].any())
    assert bool(features[0, 5:].any())
    assert torch.equal(features[0, :5], features[1, :5])


@pytest.fixture(scope="module")
def rooms() -> tuple[Rooms, torch.Tensor]:
    return navigate.wide_rooms(seed=1, random=0, real=4)


def test_wide_rooms_have_hopeless_goals_and_free_starts(rooms: tuple[Rooms, torch.Tensor]) -> None:
    wide, divided = rooms
    every = torch.arange(len(wide.goals))
    gap = clearance(wide.goals, wide.obstacles(every))
    assert bool((gap <= 0).any())
    assert bool((gap > 0.045).any())
    assert int(divided.sum()) == 1
    for m in range(len(divided)):
        goal = int((wide.room == m).nonzero()[0])
        around = wide.obstacles(torch.full((len(wide.starts[m]),), goal))
        assert float(clearance(wide.starts[m], around).min()) > 0


def test_collect_refuses_families_it_does_not_know() -> None:
    with pytest.raises(UsageError, match="jump"):
        collect("jump", lambda obs: obs, 16, 0)
    assert set(FEATURES) == set(registry.families())
