"""Opening and closing: a script does both by the success detector, and shortcuts do not count."""

import pytest
import torch

from embodied.tasks.arm import fixtures_of
from embodied.tasks.drawer import (
    CloseTask,
    DrawerTask,
    OpenTask,
    handle_now,
    inside,
    terms,
    yaw_error,
)
from embodied.world.robot import REST_TCP
from embodied.world.scene import DrawerCfg
from embodied.world.state import to_base

NAMES = ("sponge", "coke can", "water bottle", "kettle chips")


def made(task: type[DrawerTask], out: float = -1.0) -> DrawerTask:
    """Fresh starts, the drawer out by a share of its travel if one is given."""
    fresh = task(4, easy=0.0, fixtures=fixtures_of([DrawerCfg(name) for name in NAMES], 1))
    fresh.reset(torch.ones(4, dtype=torch.bool), torch.Generator().manual_seed(3))
    if out >= 0:
        layout, qpos = fresh.fixtures.layout, fresh.engine.field("qpos")
        shift = out * fresh.goal.travel - fresh.state.drawer
        qpos[:, layout.drawer] += shift.double()
        qpos[:, layout.object_q[0] + 1] += shift.double()  # it opens along y
        fresh.engine.forward()
        fresh.state = fresh.reader.read()
    return fresh


def servo(
    task: DrawerTask, target: torch.Tensor | None, grip: float, steps: int, turn: bool = False
) -> None:
    """Leads the tcp to targets (3,) or (N, 3), base frame; None is the handle."""
    for _ in range(steps):
        handle = to_base(task.state.base_pose, handle_now(task.state, task.goal))
        towards = (handle if target is None else target) - task.state.tcp_pos
        yaw = (yaw_error(task.state, task.goal) * 3).clamp(-1, 1) * turn
        move = (towards * 8).clamp(-0.4, 0.4)
        task.step(torch.cat([move, yaw[:, None], torch.full((4, 1), grip)], -1))


def take_handle(task: DrawerTask) -> None:
    """Over the handle, turned across it, down, closed."""
    handle = to_base(task.state.base_pose, handle_now(task.state, task.goal))
    servo(task, handle + torch.tensor([-0.01, 0.0, 0.18]), 0.5, 60, turn=True)
    servo(task, handle + torch.tensor([-0.01, 0.0, 0.0]), 0.5, 30, turn=True)
    servo(task, None, -1.0, 10)


def move_drawer(task: DrawerTask, by: float) -> None:
    """Takes the gripped handle along by metres towards the robot; lets go and comes to rest."""
    start = task.state.tcp_pos.clone()
    servo(task, start + torch.tensor([-by, 0.0, 0.0]), -1.0, 60)
    assert not bool(task.success().any()), "a gripper on the handle is not at rest"
    servo(task, task.state.tcp_pos.clone(), 1.0, 12)
    servo(task, task.state.tcp_pos + torch.tensor([0.0, 0.0, 0.25]), 1.0, 40)
    servo(task, torch.tensor(REST_TCP), 1.0, 50)


def test_a_script_opens_and_keeps_the_contents_in() -> None:
    task = made(OpenTask, out=0.0)
    before = torch.stack(list(task.rewards().values())).sum(0)
    take_handle(task)
    assert bool((task.state.drawer < 0.02).all())
    move_drawer(task, 0.34)
    assert bool(task.success().all()), task.state.drawer
    assert bool(inside(task.state, task.goal).all())
    done = torch.stack(list(task.rewards().values())).sum(0)
    assert bool((done > before + 5).all()), "the last stage pays most"


def test_a_script_closes() -> None:
    task = made(CloseTask, out=0.9)
    take_handle(task)
    move_drawer(task, -0.32)
    assert bool(task.success().all()), task.state.drawer


@pytest.mark.parametrize(("task", "out"), [(OpenTask, 0.8), (CloseTask, 0.06)])
def test_nearly_is_not_done(task: type[DrawerTask], out: float) -> None:
    tried = made(task, out)
    servo(tried, torch.tensor(REST_TCP), 1.0, 10)
    assert not bool(tried.success().any())


@pytest.mark.parametrize("task", [OpenTask, CloseTask])
def test_what_falls_out_is_a_failure(task: type[DrawerTask]) -> None:
    tried = made(task, out=1.0)
    assert not bool(tried.failure().any())
    first = tried.fixtures.layout.object_q[0]
    tried.engine.field("qpos")[:2, first + 1] += 0.4  # over the front, towards the robot
    tried.engine.forward()
    tried.state = tried.reader.read()
    assert tried.failure().tolist() == [True, True, False, False]
    assert not bool(tried.success()[:2].any())


@pytest.mark.parametrize("task", [OpenTask, CloseTask])
def test_starts_about_the_handle_touch_nothing_that_moves(task: type[DrawerTask]) -> None:
    fixtures = fixtures_of([DrawerCfg(NAMES[i % 4]) for i in range(96)], 1)
    fresh = task(96, easy=1.0, fixtures=fixtures)
    fresh.reset(torch.ones(96, dtype=torch.bool), torch.Generator().manual_seed(3))
    begun, state = fresh.state.drawer.clone(), fresh.state
    away = to_base(state.base_pose, handle_now(state, fresh.goal)) - state.tcp_pos
    near = away.norm(dim=-1) < 0.3
    assert float(near.float().mean()) > 0.7
    before, behind = away[near, 0] > 0.05, away[near, 0] < -0.05
    assert bool(before.any()) and bool(behind.any()), "as somebody else's push leaves it"
    for _ in range(5):
        fresh.step(torch.zeros(96, 5))
    assert float((fresh.state.drawer - begun).abs().max()) < 0.03


def test_stopping_a_drawer_at_once_costs_what_stopping_it_gently_does_not() -> None:
    task = made(OpenTask, out=0.5)
    speed = torch.tensor([0.0, 0.25, 0.3, 0.0])
    before = torch.tensor([0.3, 0.3, 0.3, 0.08])
    still = torch.zeros(4)
    paid = terms(task.state, task.goal, torch.zeros(4, 5), speed, before, still)["jolt"]
    assert paid[0] < -1 and paid[1:].tolist() == [0, 0, 0]
