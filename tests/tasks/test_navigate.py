"""Navigate's MDP: what counts as success and failure, what is seen, and that it can be solved."""

from dataclasses import replace
from functools import cache

import pytest
import torch

from embodied.tasks.navigate import (
    OBS_DIM,
    NavGoal,
    NavigateTask,
    command,
    failure,
    observe,
    offset,
    success,
    terms,
)
from embodied.tasks.rooms import GOALS, Rooms, kitchen_pieces
from embodied.world.cart import Carts
from embodied.world.control import MAX_SPEED
from embodied.world.proximity import clearance
from embodied.world.state import State, rotate
from embodied.world.tensors import Rows

POSE = (0.92, -0.10, 0.0)  # in front of the table


@cache
def rooms() -> Rooms:
    return Rooms.build(seed=7, random=3, real=2)


def task(count: int, seed: int = 0, easy: float = 0.0) -> NavigateTask:
    made = NavigateTask(count, seed=seed, threads=1, easy=easy, rooms=rooms())
    made.reset(torch.ones(count, dtype=torch.bool), torch.Generator().manual_seed(seed))
    return made


@cache
def goal() -> NavGoal:
    return NavGoal.plan(kitchen_pieces()[0], POSE)


def at(x: float, y: float, yaw: float, speed: tuple[float, float, float] = (0, 0, 0)) -> State:
    carts, one = Carts(1), torch.ones(1, dtype=torch.bool)
    carts.reset(Rows(one), torch.tensor([[x, y, yaw]]), ~one)
    return replace(carts.state(), base_vel=torch.tensor([[float(v) for v in speed]]))


@pytest.mark.parametrize(
    ("shift", "speed", "expected"),
    [
        ((0.0, 0.0, 0.0), (0, 0, 0), True),
        ((0.03, -0.02, 0.06), (0.02, 0, 0.03), True),
        ((0.03, 0.0, 6.2831853), (0, 0, 0), True),
        ((0.05, 0.0, 0.0), (0, 0, 0), False),
        ((0.0, 0.0, 0.08), (0, 0, 0), False),
        ((0.0, 0.0, 0.0), (0.04, 0, 0), False),
        ((0.0, 0.0, 0.0), (0, 0, -0.06), False),
    ],
)
def test_success_is_at_the_pose_and_still(shift, speed, expected):
    state = at(*(p + d for p, d in zip(POSE, shift, strict=True)), speed)
    assert bool(success(state, goal())) is expected


def test_failure_is_contact():
    table_edge, radius = 1.50, 0.29
    assert not failure(at(table_edge - radius - 0.01, -0.1, 0.0), goal())
    assert failure(at(table_edge - radius + 0.01, -0.1, 0.0), goal())


def test_rewards_rank_standing_at_the_goal_above_passing_it_above_being_far():
    still = torch.zeros(1, 3)

    def total(state: State) -> float:
        left = goal().route.remaining(state.base_pose[:, :2], goal().row)
        return float(sum(terms(state, goal(), left, still, still).values()))

    there, passing = total(at(*POSE)), total(at(*POSE, (0.4, 0, 0)))
    aslant, far = total(at(0.92, -0.1, 0.5)), total(at(-0.5, -0.1, 0.0))
    assert there > passing > aslant > far


def test_the_observation_is_of_its_size_bounded_and_in_the_base_frame():
    made = task(64)
    seen = made.observe()
    assert seen.shape == (64, OBS_DIM)
    assert seen.dtype == torch.float32
    assert seen.isfinite().all()
    assert seen.abs().max() < 3.5
    place, turn = offset(at(0.92, -1.10, 1.5707963), goal())
    assert torch.allclose(place, torch.tensor([[1.0, 0.0]]), atol=1e-5)
    assert float(turn) == pytest.approx(-1.5707963, abs=1e-5)
    # a goal straight ahead without anything between: both way-points are ahead as well
    points = observe(at(-0.2, -0.1, 0.0), goal())[0, :4]
    assert points[0] > 0.8
    assert points[2] > 0.8
    assert points[[1, 3]].abs().max() < 0.25


def test_what_is_held_is_seen():
    empty = at(0.0, 0.0, 0.0)
    full = replace(empty, touch=torch.tensor([[4.0, 4.0]]))
    changed = (observe(empty, goal()) != observe(full, goal()))[0]
    assert int(changed.sum()) == 1


def test_starts_and_goals_are_free():
    made = task(256, easy=0.5)
    assert (clearance(made.state.base_pose, made.goal.obstacles) > 0.02).all()
    assert (clearance(made.goal.pose, made.goal.obstacles) > 0.04).all()
    assert len(rooms().goals) == 5 * GOALS
    assert not made.failure().any()


def test_the_same_seed_gives_the_same_episodes():
    runs = []
    for _ in range(2):
        made = task(16, seed=4)
        rng = torch.Generator().manual_seed(9)
        for _ in range(10):
            made.step(torch.rand(16, 3, generator=rng) * 2 - 1)
        runs.append(made.observe())
    assert torch.equal(*runs)
    assert not torch.equal(runs[0], task(16, seed=5).observe())


def test_only_masked_simulations_start_anew():
    made = task(8)
    for _ in range(5):
        made.step(torch.ones(8, 3))
    before, mask = made.state.base_pose.clone(), torch.arange(8) < 3
    made.reset(mask, torch.Generator().manual_seed(1))
    after = made.state.base_pose
    assert torch.equal(before[3:], after[3:])
    assert (before[:3] != after[:3]).any(-1).all()


def test_commands_stay_within_the_base_limits():
    made = task(64)
    for value in (-5.0, 5.0):
        given = command(made.state, torch.full((64, 3), value), made.goal, made.carts.velocity)
        assert (given.abs() <= torch.tensor(MAX_SPEED) + 1e-5).all()


def test_a_plain_pursuit_of_the_way_points_solves_most_episodes_without_contact():
    made = task(48)
    won, hit = torch.zeros(48, dtype=torch.bool), torch.zeros(48, dtype=torch.bool)
    for _ in range(350):
        pose = made.state.base_pose
        points = made.goal.route.waypoints(pose[:, :2], made.goal.row)
        ahead = rotate(points[:, 0] - pose[:, :2], -pose[:, 2])
        _, turn = offset(made.state, made.goal)
        wanted = torch.cat([3.0 * ahead, 1.2 * turn[:, None]], -1)
        made.step((wanted / torch.tensor(MAX_SPEED)).clamp(-1, 1))
        won, hit = won | made.success(), hit | made.failure()
    assert not hit.any()
    assert won.float().mean() > 0.6
