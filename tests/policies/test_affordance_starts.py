"""The readings and the wide starts: the same in fixture and kitchen, and what they claim to be."""

import math
from dataclasses import replace

import pytest
import torch

from embodied.tasks.arm import fixtures_of
from embodied.tasks.base import Goal
from embodied.tasks.pick import PickTask
from embodied.tasks.place import PlaceTask
from embodied.world.kitchen import Kitchen
from embodied.world.predicates import TOUCH_FORCE, held, object_in_base
from embodied.world.scene import FixtureCfg
from embodied.world.state import to_base
from policies import affordance_arm as arm
from policies.affordance_data import SETTLE
from policies.affordance_features import (
    PICK_FEATURES,
    PLACE_FEATURES,
    pick_features,
    place_features,
    repeat,
)

ROBOT = 11  # readings of the robot, and whether the object is present


def _kitchen() -> tuple[Kitchen, Goal]:
    kitchen = Kitchen(["coke can", "sponge"])
    kitchen.arrange({"coke can": "table", "sponge": "close counter"}, robot_at="close counter")
    k = torch.tensor([kitchen.index["sponge"]])
    point = kitchen.position("sponge")
    spot = torch.tensor([[point[0], point[1], kitchen.underside("sponge")]], dtype=torch.float32)
    goal = Goal(k, kitchen.half[k], kitchen.shape[k], spot, torch.zeros(1, dtype=torch.bool))
    return kitchen, goal


def test_fixture_and_kitchen_read_alike() -> None:
    kitchen, goal = _kitchen()
    yes, no = torch.ones(1, dtype=torch.bool), torch.zeros(1)
    where = object_in_base(kitchen.state, goal.index)[0]
    fixtures = fixtures_of([FixtureCfg("sponge", height=0.74)], 1)
    task = PickTask(1, easy=0.0, fixtures=fixtures)
    qpos, layout = task.engine.field("qpos"), fixtures.layout
    task.reset(yes, torch.Generator().manual_seed(0))
    first, origin = layout.object_q[0], kitchen.reader.layout.object_q[int(goal.index)]
    there = kitchen.engine.field("qpos")[0]
    qpos[0, layout.arm] = there[kitchen.reader.layout.arm]
    qpos[0, layout.fingers] = there[kitchen.reader.layout.fingers]
    yaw = float(kitchen.state.base_pose[0, 2])
    turned = torch.tensor([math.cos(yaw / 2), 0, 0, -math.sin(yaw / 2)]).double()
    qpos[0, layout.base] = torch.tensor([0.15 - where[0], -where[1], 0.0]).double()
    qpos[0, first : first + 3] = torch.tensor([0.15, 0.0, float(where[2])]).double()
    w, z = there[origin + 3], there[origin + 6]
    qpos[0, first + 3 : first + 7] = torch.tensor(
        [w * turned[0] - z * turned[3], 0, 0, w * turned[3] + z * turned[0]]
    )
    task.engine.forward()
    task.goal.spot[:] = torch.tensor([[0.15, 0.0, float(goal.spot[0, 2])]])
    in_fixture = pick_features(task.reader.read(), task.goal, yes, no)
    in_kitchen = pick_features(kitchen.state, goal, yes, no)
    assert in_fixture.shape == (1, PICK_FEATURES)
    assert (in_fixture - in_kitchen).abs().max() < 0.03


def test_absent_object_reads_zero_whatever_the_goal_says() -> None:
    kitchen, goal = _kitchen()
    no = torch.zeros(1, dtype=torch.bool)
    elsewhere = replace(goal, index=torch.zeros(1, dtype=torch.long), spot=goal.spot + 1.0)
    for read, width in ((pick_features, PICK_FEATURES), (place_features, PLACE_FEATURES)):
        row = read(kitchen.state, goal, no, torch.ones(1))
        assert row.shape == (1, width)
        assert torch.equal(row, read(kitchen.state, elsewhere, no, torch.zeros(1)))
        assert not bool(row[:, ROBOT - 1 :].any())
        assert bool(row[:, : ROBOT - 1].any())


def test_repeated_state_reads_like_the_single_one() -> None:
    kitchen, goal = _kitchen()
    rows = 3
    many = Goal(
        torch.arange(2).repeat(2)[:rows], kitchen.half[[0, 1, 0]], kitchen.shape[[0, 1, 0]],
        goal.spot.repeat(rows, 1), goal.drop.repeat(rows),
    )  # fmt: skip
    yes, no = torch.ones(rows, dtype=torch.bool), torch.zeros(rows)
    batched = place_features(repeat(kitchen.state, rows), many, yes, no)
    for i in range(rows):
        one = Goal(*(value[i : i + 1] for value in vars(many).values()))
        assert torch.equal(batched[i], place_features(kitchen.state, one, yes[:1], no[:1])[0])


def _settled(family: str, second: bool, envs: int) -> tuple[arm.ArmStarts, torch.Tensor]:
    """Starts after they were held still; with whether a success from them would count (N,)."""
    fixtures = arm.wide_fixtures(family, envs, seed=3, threads=1, second=second)
    make = PickTask if family == "pick" else PlaceTask
    starts = arm.ArmStarts(make(envs, 3, 1, easy=0.0, fixtures=fixtures))
    everyone = torch.ones(envs, dtype=torch.bool)
    starts.reset(everyone, torch.Generator().manual_seed(4))
    for _ in range(SETTLE):
        starts.step(torch.ones(envs, 5), everyone)
    features, counts = starts.begin(everyone)
    assert bool(features.isfinite().all())
    assert float(features.abs().max()) <= 3.01
    return starts, counts


@pytest.fixture(scope="module")
def picks() -> tuple[arm.ArmStarts, torch.Tensor]:
    return _settled("pick", second=False, envs=160)


def test_pick_starts_are_what_they_are_called(picks: tuple[arm.ArmStarts, torch.Tensor]) -> None:
    starts, _ = picks
    state, goal, kind = starts.task.state, starts.task.goal, starts.kind
    distance = object_in_base(state, goal.index)[:, :2].norm(dim=-1)
    assert bool((distance[kind == arm.FAR] > 1.2).all())
    assert bool((distance[kind == arm.USUAL] < 0.8).all())
    held_now = held(state, goal.index, goal.half)
    assert bool(held_now[kind == arm.HOLDING].float().mean() > 0.8)
    assert not bool(held_now[kind != arm.HOLDING].any())
    height = state.object_pos[:, 0, 2]
    assert bool((height[kind == arm.FLOOR] < 0.15).all())
    assert bool((height[kind == arm.BIN] < 0.2).all())
    for expected in (arm.FAR, arm.USUAL, arm.HOLDING, arm.FLOOR, arm.BIN, arm.DRAWER, arm.ABSENT):
        assert bool((kind == expected).any()), arm.NAMES[expected]


def test_a_pick_of_what_is_held_or_absent_would_not_count(
    picks: tuple[arm.ArmStarts, torch.Tensor],
) -> None:
    starts, counts = picks
    holding = held(starts.task.state, starts.task.goal.index, starts.task.goal.half)
    assert not bool(counts[holding].any())
    assert not bool(counts[starts.kind == arm.ABSENT].any())
    assert bool(counts[starts.kind == arm.USUAL].all())


def test_holding_still_keeps_targets_whatever_the_policy_wants(
    picks: tuple[arm.ArmStarts, torch.Tensor],
) -> None:
    starts, _ = picks
    gripping = starts.kind == arm.HOLDING
    closed = (starts.task.goal.half[:, 1] - 0.02).clamp_min(0)
    assert torch.equal(starts.task.control.opening[gripping], closed[gripping])


def test_another_object_fills_the_gripper() -> None:
    starts, counts = _settled("pick", second=True, envs=32)
    another = starts.kind == arm.ANOTHER
    pressed = (starts.task.state.touch > TOUCH_FORCE).all(-1)
    assert float(pressed[another].float().mean()) > 0.9
    assert not bool(counts[another & pressed].any())
    assert bool(counts[starts.kind == arm.CLUTTER].all())


def test_place_starts_hold_their_object_unless_called_otherwise() -> None:
    starts, counts = _settled("place", second=False, envs=64)
    usual, empty = starts.kind == arm.USUAL, starts.kind == arm.EMPTY
    assert float(counts[usual].float().mean()) > 0.9
    assert not bool(counts[empty].any())
    far = starts.kind == arm.FAR
    spot = to_base(starts.task.state.base_pose, starts.task.goal.spot)[:, :2].norm(dim=-1)
    assert bool((spot[far] > 1.2).all())
    assert float(counts[far].float().mean()) > 0.8  # it came along in the gripper
