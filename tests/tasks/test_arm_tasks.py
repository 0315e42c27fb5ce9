"""Pick and place: a scripted grasp succeeds by the success detector, and shortcuts do not."""

import pytest
import torch

from embodied.tasks.arm import build_fixtures, fixtures_of, grasp_point, yaw_error
from embodied.tasks.pick import PickTask
from embodied.tasks.place import PlaceTask
from embodied.world import catalogue
from embodied.world.predicates import held
from embodied.world.robot import REST_TCP
from embodied.world.scene import FixtureCfg


def servo(
    task: PickTask | PlaceTask, target: torch.Tensor, yaw: torch.Tensor, grip: float, steps: int
) -> None:
    for _ in range(steps):
        move = ((target - task.state.tcp_pos) * 8).clamp(-1, 1)
        action = torch.cat([move, yaw[:, None], torch.full((len(move), 1), grip)], -1)
        task.step(action)


@pytest.fixture(scope="module")
def lifted() -> PickTask:
    """Every object of the catalogue, grasped and lifted by a script."""
    task = PickTask(
        16, easy=0.0, fixtures=fixtures_of([FixtureCfg(name) for name in catalogue.objects()], 1)
    )
    task.reset(torch.ones(16, dtype=torch.bool), torch.Generator().manual_seed(0))
    none = torch.zeros(16)
    for _ in range(40):  # turn while above
        above = grasp_point(task.state, task.goal) + torch.tensor([0.0, 0.0, 0.15])
        servo(task, above, (yaw_error(task.state, task.goal) * 3).clamp(-1, 1), 1.0, 1)
    assert not bool(task.success().any())
    for _ in range(30):
        turn = (yaw_error(task.state, task.goal) * 3).clamp(-1, 1)
        servo(task, grasp_point(task.state, task.goal), turn, 1.0, 1)
    servo(task, task.state.tcp_pos.clone(), none, -1.0, 12)
    assert not bool(task.success().any()), "a grasp on the surface is no pick"
    servo(task, torch.tensor(REST_TCP).repeat(16, 1), none, -1.0, 45)
    return task


def test_scripted_picks_succeed(lifted: PickTask) -> None:
    names = list(catalogue.objects())
    lost = [names[i] for i in range(16) if not bool(lifted.success()[i])]
    assert not lost


def test_terms_pay_most_for_the_last_stage(lifted: PickTask) -> None:
    done = torch.stack(list(lifted.rewards().values())).sum(0)
    fresh = PickTask(16, easy=0.0, fixtures=lifted.fixtures)
    fresh.reset(torch.ones(16, dtype=torch.bool), torch.Generator().manual_seed(0))
    fresh.step(torch.zeros(16, 5))
    assert bool((done > torch.stack(list(fresh.rewards().values())).sum(0) + 5).all())


def test_place_starts_holding_and_opening_high_fails() -> None:
    cfgs = [FixtureCfg(name, "surface") for name in ("coke can", "tea", "kettle chips", "apple")]
    task = PlaceTask(4, easy=0.0, fixtures=fixtures_of(cfgs, 1))
    task.reset(torch.ones(4, dtype=torch.bool), torch.Generator().manual_seed(0))
    servo(task, task.state.tcp_pos.clone(), torch.zeros(4), -1.0, 10)
    assert bool(held(task.state, task.goal.index, task.goal.half).all())
    assert bool((task.rewards()["drop"] == 0).all())
    paid = torch.zeros(4)
    for _ in range(40):
        servo(task, task.state.tcp_pos.clone(), torch.zeros(4), 1.0, 1)
        paid += task.rewards()["drop"]
    assert bool((paid < -40).all()), "letting go from on high is no setting down"
    assert bool((task.rewards()["drop"] == 0).all())
    dropped = task.success()
    assert not bool(dropped[:2].any()), "cans and bottles topple when they fall 30 cm"


def test_bin_takes_what_is_dropped_over_it() -> None:
    task = PlaceTask(
        4, easy=0.0, fixtures=fixtures_of([FixtureCfg("apple", "bin", height=0.5)] * 4, 1)
    )
    task.reset(torch.ones(4, dtype=torch.bool), torch.Generator().manual_seed(0))
    from embodied.world.state import to_base

    over = to_base(task.state.base_pose, task.goal.spot)
    over[:, 2] = 0.75
    servo(task, over, torch.zeros(4), -1.0, 40)
    servo(task, over, torch.zeros(4), 1.0, 20)
    servo(task, torch.tensor(REST_TCP).repeat(4, 1), torch.zeros(4), 1.0, 40)
    assert bool(task.success().all())


def test_every_simulation_has_a_fixture_of_its_own() -> None:
    fixed = build_fixtures(("surface", "tray"), 64, seed=3, threads=1)
    assert len(set(fixed.cfgs)) == 64
    names = [cfg.object for cfg in fixed.cfgs]
    assert set(names) == set(catalogue.objects())
    assert {names.count(name) for name in names} == {4}
    assert fixed.cfgs == build_fixtures(("surface", "tray"), 64, seed=3, threads=1).cfgs


def test_grasps_are_planned_across_the_narrow_side_of_what_lies() -> None:
    cfgs = [FixtureCfg("water bottle", "open drawer")] * 2 + [FixtureCfg("sponge")] * 2
    task = PickTask(4, easy=0.0, fixtures=fixtures_of(cfgs, 1))
    task.reset(torch.ones(4, dtype=torch.bool), torch.Generator().manual_seed(0))
    none, flat = torch.zeros(2), torch.full((2,), 0.5**0.5)
    first, qpos = task.fixtures.layout.object_q[0], task.engine.field("qpos")
    quat = torch.stack([flat, none, flat, none], -1)  # tipped about y: its height points along x
    qpos[:2, first + 3 : first + 7] = quat.double()
    qpos[2:, first + 3 : first + 7] = torch.tensor([1.0, 0, 0, 0]).double()
    task.engine.forward()
    state = task.state = task.reader.read()
    yaw = state.base_pose[:, 2] + state.tcp_yaw + yaw_error(state, task.goal)
    assert torch.allclose(torch.sin(yaw), torch.zeros(4), atol=1e-4), "fingers close along y"


def test_open_drawers_hold_what_pick_finds_in_them() -> None:
    cfgs = [FixtureCfg(name, "open drawer") for name in catalogue.objects()]
    task = PickTask(16, easy=0.0, fixtures=fixtures_of(cfgs, 1))
    task.reset(torch.ones(16, dtype=torch.bool), torch.Generator().manual_seed(4))
    before = task.state.object_pos[:, 0].clone()
    servo(task, torch.tensor(REST_TCP).repeat(16, 1), torch.zeros(16), 1.0, 15)
    assert bool(((task.state.object_pos[:, 0] - before).norm(dim=-1) < 0.02).all())
    assert not bool(task.failure().any())
