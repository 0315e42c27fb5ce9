"""MuJoCo Warp, on its CPU device, against the CPU engine: same state, same controls, same world."""

from __future__ import annotations

import numpy as np
import pytest
import torch

pytest.importorskip("mujoco_warp", reason="the Warp engine is the extra 'gpu'")

from embodied.errors import EnvironmentFault, UsageError
from embodied.tasks import pick
from embodied.tasks.arm import Fixtures, fixtures_of
from embodied.tasks.pick import PickTask
from embodied.world.engine import CpuEngine
from embodied.world.scene import FixtureCfg, fixture_model
from embodied.world.state import StateReader
from embodied.world.warp_engine import BatchOverflow, WarpEngine
from policies.library import SHIPPED
from policies.skill import Skill

CFGS = tuple(FixtureCfg(name) for name in ("coke can", "sponge", "apple", "orange"))


@pytest.fixture(scope="module")
def models():
    return [fixture_model(cfg, candidates=True) for cfg in CFGS]


@pytest.fixture(scope="module")
def warp(models) -> WarpEngine:
    return WarpEngine(models, len(models), "cpu")


def test_candidates_do_not_change_the_object(models) -> None:
    for cfg, model in zip(CFGS, models, strict=True):
        plain = fixture_model(cfg)
        one, other = model.body("object"), plain.body("object")
        assert np.allclose(one.mass, other.mass) and np.allclose(one.inertia, other.inertia)


def test_worlds_keep_their_own_sizes_and_masses(models, warp: WarpEngine) -> None:
    body = models[0].body("object").id
    geom = models[0].geom("object").id
    for i, model in enumerate(models):
        assert np.allclose(warp._m.body_mass.numpy()[i, body], model.body_mass[body])
        assert np.allclose(warp._m.geom_size.numpy()[i, geom], model.geom_size[geom])


def test_a_worlds_model_has_what_was_changed_of_it_alone(models) -> None:
    mine, body = WarpEngine(models[:2], 2, "cpu"), models[0].body("object").id
    mass = [float(model.body_mass[body]) for model in models[:2]]
    mine.parameter("body_mass")[1, body] *= 2
    mine.parameter("dof_M0")  # which Warp keeps nowhere
    found = [float(mine.variant(i).body_mass[body]) for i in range(2)]
    assert found == pytest.approx([mass[0], 2 * mass[1]])
    assert np.allclose(mine.variant(1).dof_M0, models[1].dof_M0)
    assert [float(model.body_mass[body]) for model in models[:2]] == mass


def grasp_and_lift(models, warp: WarpEngine) -> tuple[PickTask, torch.Tensor, torch.Tensor]:
    """The shipped policy picks on the CPU engine; Warp gets its first state and its controls."""
    engine = CpuEngine(models, len(models), 1)
    task = PickTask(
        len(models), fixtures=Fixtures(**{**vars(fixtures_of(CFGS)), "engine": engine}), easy=0.0
    )
    task.reset(torch.ones(len(models), dtype=torch.bool), torch.Generator().manual_seed(5))
    warp.reset()
    for name in ("qpos", "qvel", "ctrl"):
        warp.field(name).copy_(engine.field(name))
    skill = Skill.load(SHIPPED / "pick")
    for _ in range(60):
        task.step(skill.act(pick.observe(task.state, task.goal, task.control)))
        warp.field("ctrl").copy_(engine.field("ctrl"))
        warp.step(5)
    warp.check()
    return task, engine.field("qpos"), warp.field("qpos").double()


def test_a_grasp_and_lift_ends_where_the_cpu_engine_ends_it(models, warp: WarpEngine) -> None:
    task, there, here = grasp_and_lift(models, warp)
    for state in (task.state, StateReader(warp).read()):
        assert bool(pick.success(state, task.goal).all())
    gap = (here - there).abs()
    spheres = torch.tensor([cfg.object in ("apple", "orange") for cfg in CFGS])
    assert gap[spheres].max() < 1e-4
    assert gap[:, :10].max() < 1e-4, "base and arm"
    # the two engines find other contact points on cylinders and boxes: they settle in the gripper, and
    # the fingers about them, half a degree and a few millimetres apart, by how the policy takes hold
    assert gap[~spheres, 10:15].max() < 5e-3
    assert gap[~spheres].max() < 1e-2


def test_reset_touches_only_the_mask(warp: WarpEngine) -> None:
    warp.reset()
    warp.step(5)
    moved = warp.field("qpos").clone()
    warp.reset(torch.tensor([True, False, False, True]))
    assert torch.equal(warp.field("qpos")[1:3], moved[1:3])
    assert not torch.equal(warp.field("qpos")[0], moved[0])


def test_fields_are_live_views(warp: WarpEngine) -> None:
    warp.field("qpos")[2, 0] = 0.25
    assert warp._d.qpos.numpy()[2, 0] == np.float32(0.25)


def test_overflow_is_found_and_said(models) -> None:
    tight = WarpEngine(models[:1], 2, "cpu", njmax=1)
    tight.step(5)
    with pytest.raises(BatchOverflow, match="NEFC.*2 of 2 simulations.*njmax"):
        tight.check()
    tight.check()


def test_different_topologies_and_devices_are_refused() -> None:
    apart = [fixture_model(FixtureCfg(name)) for name in ("coke can", "sponge")]
    with pytest.raises(UsageError, match="geom_type.*candidates=True"):
        WarpEngine(apart, 2, "cpu")
    with pytest.raises(EnvironmentFault, match="no device 'cuda:7'"):
        WarpEngine(apart[0], 1, "cuda:7")
