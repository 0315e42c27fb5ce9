"""Opening and closing: a script does both by the success detector, and shortcuts do not count."""

from dataclasses import replace

import pytest
import torch

from embodied.tasks.arm import fixtures_of
from embodied.tasks.drawer import CloseTask, DrawerTask, OpenTask, handle_now, inside, yaw_error
from embodied.tasks.randomise import NONE
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


@pytest.mark.parametrize(("task", "end"), [(OpenTask, 1.0), (CloseTask, 0.0)])
def test_in_training_somebody_moves_the_drawer_back_once(
    task: type[DrawerTask], end: float
) -> None:
    fixtures = fixtures_of([DrawerCfg(name) for name in NAMES], 1)
    shoved = task(4, easy=0.0, fixtures=fixtures, randomise=replace(NONE, shove=1.0))
    shoved.reset(torch.ones(4, dtype=torch.bool), torch.Generator().manual_seed(3))
    still = torch.tensor([[0.0, 0, 0, 0, 1]]).repeat(4, 1)

    def finish(share: float) -> torch.Tensor:
        layout = shoved.fixtures.layout.drawer
        shoved.engine.field("qpos")[:, layout] = (share * shoved.goal.travel).double()
        shoved.engine.field("qvel")[:] = 0
        shoved.engine.forward()
        shoved.state = shoved.reader.read()
        for _ in range(60):
            shoved.step(still)
        return shoved.state.drawer / shoved.goal.travel

    first = finish(end)
    assert bool(((first - end).abs() > 0.1).all()), first
    assert bool((first.diff().abs() > 0.01).all()), "not always to the same point"
    assert bool(((finish(end) - end).abs() < 0.1).all()), "once an episode"
