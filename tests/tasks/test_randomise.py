"""Randomised training: model fields, senses and latency really vary, as the generator says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from embodied.tasks import registry
from embodied.tasks.arm import Fixtures, fixtures_of
from embodied.tasks.pick import PickTask
from embodied.tasks.randomise import NONE, RandomiseCfg, Randomiser
from embodied.world.scene import FixtureCfg, fixture_model
from embodied.world.state import StateReader
from embodied.world.tensors import Rows
from policies.vec_env import TaskVecEnv

N = 4
ALL = RandomiseCfg()


def fixtures(name: str = "coke can") -> Fixtures:
    return fixtures_of([FixtureCfg(name, "surface", 0.7)] * N, 1)


def rows(*chosen: bool) -> Rows:
    return Rows(torch.tensor(chosen or [True] * N))


def test_a_simulation_becomes_what_compiling_it_so_would_have_made() -> None:
    fixed = fixtures()
    original = fixture_model(fixed.cfgs[0])
    nominal, body = fixed.half.clone(), original.body("object").id
    random = Randomiser(fixed.engine, replace(ALL, gains=0.0, friction=0.0), half=fixed.half)
    random.begin(rows(), torch.Generator().manual_seed(0))
    size = (fixed.half / nominal)[:, 0]
    mass = fixed.engine.parameter("body_mass")[:, body] / original.body_mass[body]
    assert len(set(size.tolist())) == len(set(mass.tolist())) == N
    for i in range(N):
        cfg = replace(fixed.cfgs[0], size_scale=float(size[i]), mass_scale=float(mass[i]))
        wanted = fixture_model(cfg)
        for name in (
            "geom_size", "geom_rbound", "geom_aabb", "body_mass", "body_inertia",
            "body_invweight0", "dof_M0", "dof_invweight0",
        ):  # fmt: skip
            found = fixed.engine.parameter(name)[i].numpy()
            np.testing.assert_allclose(found, getattr(wanted, name), rtol=1e-5, err_msg=name)


def test_only_the_simulations_that_begin_anew_change_and_none_drifts() -> None:
    fixed = fixtures()
    random, rng = Randomiser(fixed.engine, ALL, half=fixed.half), torch.Generator().manual_seed(0)
    gain = fixed.engine.parameter("actuator_gainprm")
    nominal = gain.clone()
    for _ in range(30):
        random.begin(rows(True, False, True, False), rng)
    ratio = (gain / nominal)[..., 0]
    assert bool((ratio[[1, 3]] == 1).all()) and bool((ratio[[0, 2]] != 1).all())
    assert bool(((ratio - 1).abs() <= ALL.gains + 1e-6).all()), "factors are of the nominal value"


def test_senses_are_off_by_a_bias_that_lasts_and_a_blur_that_does_not() -> None:
    fixed = fixtures()
    fixed.engine.forward()
    state = StateReader(fixed.engine).read()
    random = Randomiser(fixed.engine, replace(NONE, bias=0.01, touch=0.3))
    random.begin(rows(), torch.Generator().manual_seed(0))
    once, twice = random.sense(state), random.sense(state)
    assert torch.equal(once.object_pos, twice.object_pos)
    assert bool(((once.object_pos - state.object_pos).norm(dim=-1) > 1e-3).all())
    random = Randomiser(fixed.engine, replace(NONE, blur=0.01))
    random.begin(rows(), torch.Generator().manual_seed(0))
    assert not torch.equal(random.sense(state).object_pos, random.sense(state).object_pos)


def test_late_simulations_do_what_was_asked_a_step_ago() -> None:
    random = Randomiser(fixtures().engine, replace(NONE, late=1.0))
    random.begin(rows(), torch.Generator().manual_seed(0))
    first, second, third = (torch.full((N, 5), value) for value in (0.1, 0.2, 0.3))
    assert [random.delay(a)[0, 0].item() for a in (first, second, third)] == pytest.approx(
        [0.1, 0.1, 0.2]
    )
    random.begin(rows(True, False, False, False), torch.Generator().manual_seed(0))
    assert random.delay(first)[:2, 0].tolist() == pytest.approx([0.1, 0.3])


def test_pushes_move_what_they_push_and_slips_open_the_gripper() -> None:
    task = PickTask(N, easy=0.0, fixtures=fixtures(), randomise=replace(NONE, nudge=20.0))
    env = TaskVecEnv(task)
    env.reset()
    task.random._cfg = replace(NONE, nudge=20.0, nudge_rate=1.0)
    before = task.state.object_pos[:, 0].clone()
    for _ in range(3):
        task.step(torch.zeros(N, 5))
    assert bool(((task.state.object_pos[:, 0] - before)[:, :2].norm(dim=-1) > 1e-3).all())
    task.random._cfg = replace(NONE, slip_rate=1.0)
    task.random.push(torch.ones(N, dtype=torch.bool), slips=True)
    assert bool((task.random.delay(torch.full((N, 5), -1.0))[:, -1] == 1).all())


@pytest.mark.parametrize("family", ["navigate", "pick", "open"])
def test_a_seed_reproduces_what_is_observed(family: str) -> None:
    def observed(seed: int, cfg: RandomiseCfg) -> torch.Tensor:
        env = TaskVecEnv(registry.family(family).make(N, 0, 1, randomise=cfg), seed=seed)
        env.reset()
        actions = torch.full((N, env.task.act_dim), 0.3)
        return torch.stack([env.step_tensors(actions)[0] for _ in range(4)])

    assert torch.equal(observed(1, ALL), observed(1, ALL))
    assert not torch.equal(observed(1, ALL), observed(2, ALL))
    assert not torch.equal(observed(1, ALL), observed(1, NONE))
