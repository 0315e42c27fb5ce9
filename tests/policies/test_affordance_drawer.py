"""The wide starts of opening and closing are what they claim; fixture and kitchen read alike."""

import numpy as np
import pytest
import torch

from embodied.tasks import labels
from embodied.tasks.arm import fixtures_of
from embodied.tasks.drawer import CloseTask, DrawerTask, OpenTask, handle_now, missing
from embodied.tasks.grounding import ground
from embodied.world.kitchen import Kitchen
from embodied.world.predicates import held
from embodied.world.scene import DrawerCfg
from embodied.world.state import to_base
from policies import affordance_drawer as wide
from policies.affordance_data import SETTLE
from policies.affordance_features import DRAWER_FEATURES, drawer_features

COUNT = 160


@pytest.fixture(scope="module", params=[OpenTask, CloseTask])
def begun(request: pytest.FixtureRequest) -> tuple[wide.DrawerStarts, torch.Tensor, torch.Tensor]:
    """Settled starts, their readings, and whether a success would count."""
    task: DrawerTask = request.param(COUNT, threads=1, easy=0.0)
    starts = wide.DrawerStarts(task)
    everyone = torch.ones(COUNT, dtype=torch.bool)
    starts.reset(everyone, torch.Generator().manual_seed(0))
    for _ in range(SETTLE):
        starts.step(torch.zeros(COUNT, 5), everyone)
    return starts, *starts.begin(everyone)


def test_starts_are_what_they_claim(
    begun: tuple[wide.DrawerStarts, torch.Tensor, torch.Tensor],
) -> None:
    starts, features, counts = begun
    state, goal, kind = starts.task.state, starts.task.goal, starts.kind
    assert features.shape == (COUNT, DRAWER_FEATURES) and bool(features.isfinite().all())
    away = to_base(state.base_pose, handle_now(state, goal))[:, :2].norm(dim=-1)
    assert bool((away[kind == wide.USUAL] < 1.0).all())
    assert bool((away[kind == wide.FAR] > 1.2).all())
    full = held(state, torch.zeros(COUNT, dtype=torch.long), starts.task.fixtures.half)
    assert float(full[kind == wide.FULL].float().mean()) > 0.9
    assert not bool(full[kind != wide.FULL].any())
    assert bool((missing(state, goal)[kind == wide.DONE] <= 0).all())
    assert bool(counts[kind == wide.USUAL].all())
    assert not bool(counts[(kind == wide.DONE) | full].any())


def test_no_start_has_the_base_inside_the_drawer(
    begun: tuple[wide.DrawerStarts, torch.Tensor, torch.Tensor],
) -> None:
    state, goal = begun[0].task.state, begun[0].task.goal
    clear = ((state.base_pose[:, :2] - handle_now(state, goal)[:, :2]) * goal.slide).sum(-1)
    assert bool((clear > 0.29).all())


def test_fixture_and_kitchen_read_alike() -> None:
    kitchen = Kitchen(["sponge"], seed=0)
    kitchen.arrange({"sponge": "drawer"}, "drawer")
    goal = ground(labels.OPEN, kitchen).drawer
    assert goal is not None and bool(goal.kept.all())
    task = OpenTask(1, easy=0.0, fixtures=fixtures_of([DrawerCfg("sponge")], 1))
    task.reset(torch.ones(1, dtype=torch.bool), torch.Generator().manual_seed(0))
    qpos, there = task.engine.field("qpos"), kitchen.engine.field("qpos")
    for name in ("base", "arm", "fingers"):
        columns = getattr(task.fixtures.layout, name)
        qpos[0, columns] = there[0, getattr(kitchen.reader.layout, name)]
    qpos[0, task.fixtures.layout.drawer] = there[0, kitchen.reader.layout.drawer]
    task.engine.forward()
    in_fixture = drawer_features(task.reader.read(), task.goal)
    in_kitchen = drawer_features(kitchen.state, goal)
    assert np.allclose(in_fixture, in_kitchen, atol=0.02)
