"""Disturbances upset what they say, once, and leave alone what they are not about."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from embodied.tasks.arm import fixtures_of
from embodied.tasks.drawer import CloseTask, OpenTask
from embodied.tasks.navigate import NavigateTask
from embodied.tasks.pick import PickTask
from embodied.tasks.rooms import Rooms
from embodied.world.predicates import held
from embodied.world.scene import FixtureCfg
from embodied.world.tensors import Rows
from policies.disturb import DISTURBANCES, Bumped, Disturbed, HalfWay, KnockedOut, Nudged
from policies.library import SHIPPED
from policies.rollouts import run_episodes
from policies.skill import Skill

N = 4


def begun(task: Disturbed) -> Any:
    task.reset(torch.ones(N, dtype=torch.bool), torch.Generator().manual_seed(0))
    return task.task


def pick() -> PickTask:
    return PickTask(N, easy=0.0, fixtures=fixtures_of([FixtureCfg("coke can", height=0.75)] * N, 1))


def test_a_bump_shifts_the_base_by_centimetres_at_its_moment() -> None:
    rooms = Rooms.build(7, random=1, real=1)
    for made in (pick(), NavigateTask(N, threads=1, easy=0.0, rooms=rooms)):
        task = Bumped(made)
        inner = begun(task)
        start, still = inner.state.base_pose.clone(), torch.zeros(N, task.act_dim)
        for _ in range(5):
            task.step(still)
        early = (inner.state.base_pose - start)[:, :2].norm(dim=-1)
        for _ in range(35):
            task.step(still)
        moved = (inner.state.base_pose - start)[:, :2].norm(dim=-1)
        assert bool((early < 5e-3).all()), "no bump before its moment"
        assert bool((moved[task.upset] > 0.02).all()) and bool((moved < 0.08).all())
        assert bool(task.upset.any())


@pytest.mark.parametrize("kind", [OpenTask, CloseTask])
def test_the_drawer_is_pushed_back_half_way_and_left_there(kind: Any) -> None:
    task = HalfWay(kind(N, threads=1, easy=0.0))
    inner = begun(task)
    end = inner.goal.travel if inner.wants_open else torch.zeros(N)
    slide = inner.engine.field("qpos")[:, inner.fixtures.layout.drawer]
    Rows(torch.ones(N, dtype=torch.bool)).put(slide, end)
    inner.engine.forward()
    inner.state = inner.reader.read()
    for _ in range(60):
        task.step(torch.tensor([0.0, 0, 0, 0, 1]).repeat(N, 1))
    share = inner.state.drawer / inner.goal.travel
    assert bool(task.upset.all()) and bool(((share - 0.5).abs() < 0.2).all()), share


def test_pick_is_disturbed_where_it_says_and_goes_on() -> None:
    act = Skill.load(SHIPPED / "pick").act
    for kind in (Nudged, KnockedOut):
        task = kind(pick())
        inner, lost = begun(task), torch.zeros(N, dtype=torch.bool)
        for _ in range(inner.horizon):
            place = inner.state.object_pos[:, 0, :2].clone()
            gripped = held(inner.state, inner.goal.index, inner.goal.half)
            task.step(act(inner.observe()))
            if kind is Nudged and bool((task.since == 0).any()):
                shift = (inner.state.object_pos[:, 0, :2] - place)[task.since == 0]
                assert bool(((shift.norm(dim=-1) > 0.012) & (shift.norm(dim=-1) < 0.05)).all())
            if kind is KnockedOut and bool((task.since == 0).any()):
                assert bool(gripped[task.since == 0].all())
            lost |= (task.since > 0) & ~held(inner.state, inner.goal.index, inner.goal.half)
        assert bool(lost.all()) or kind is Nudged, "the gripper lost what it held"
        assert bool(task.upset.all())
    ended = run_episodes(KnockedOut(pick()), act, 1, 0)
    assert ended.success.any(), "what fell out is picked up again"


def test_every_family_has_disturbances() -> None:
    assert set(DISTURBANCES) == {"navigate", "pick", "place", "open", "close"}
