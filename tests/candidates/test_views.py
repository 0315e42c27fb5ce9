"""State views are what the briefs say, for every family of tasks; a training is noted term by term."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from embodied.candidates import field, skills, training
from embodied.candidates.book import Book
from embodied.candidates.field_views import FIELD
from embodied.candidates.skill_views import SKILLS
from embodied.candidates.tasks import brief, names
from embodied.errors import EmbodiedError, UsageError
from embodied.tasks import registry
from planners.rewards.job import Job, Outcome
from planners.rewards.program import Program, ProgramError, Term, compile_program
from planners.rewards.views import Brief, Signal

FAMILIES = (
    "FetchReach-v4",
    "FetchPush-v4",
    "AdroitHandDoor-v1",
    "AdroitHandHammer-v1",
    "AdroitHandPen-v1",
    "AdroitHandRelocate-v1",
    "HandReach-v3",
    "HandManipulateBlock-v1",
    "HandManipulateBlockRotateZ-v1",
    "PointMaze_UMaze-v3",
    "PointMaze_Open_Diverse_GR-v3",
    "AntMaze_UMaze-v5",
)


@pytest.mark.parametrize("task", FAMILIES)
def test_field_views_have_the_documented_sizes(task: str) -> None:
    envs = field.make_envs(task, 1, 0)
    obs = field.tensors(envs.reset())
    actions = envs.action_space.shape or ()
    view = FIELD[task].view(obs, torch.zeros(1, *actions))
    assert {name: value.shape[1] for name, value in view.items()} == brief(task).sizes
    assert all(bool(value.isfinite().all()) for value in view.values())
    envs.close()


@pytest.mark.parametrize("task", ["FetchPush-v4", "AdroitHandDoor-v1"])
def test_field_views_read_what_the_simulation_holds(task: str) -> None:
    envs = field.make_envs(task, 1, 3)
    obs = field.tensors(envs.reset())
    view = FIELD[task].view(obs, torch.zeros(1, *(envs.action_space.shape or ())))
    inner = envs.envs[0].unwrapped  # type: ignore[attr-defined]
    if task == "FetchPush-v4":
        gripper, thing = (
            inner._utils.get_site_xpos(inner.model, inner.data, "robot0:grip"),
            "object0",
        )
        wanted = {
            "gripper_position": gripper,
            "object_position": inner._utils.get_site_xpos(inner.model, inner.data, thing),
            "goal_position": inner.goal,
        }
    else:
        sites = inner.data.site_xpos
        wanted = {
            "palm_position": sites[inner.grasp_site_id],
            "handle_position": sites[inner.handle_site_id],
            "door_angle": [inner.data.qpos[inner.door_hinge_addrs]],
        }
    for name, value in wanted.items():
        assert np.allclose(view[name][0].numpy(), np.ravel(value), atol=1e-5), name
    envs.close()


def test_velocities_of_fetch_are_those_of_the_world() -> None:
    """What is carried moves with the gripper; the environment tells its velocity relative to that."""
    envs, task = field.make_envs("FetchPickAndPlace-v4", 1, 3), FIELD["FetchPickAndPlace-v4"]
    action, views = torch.tensor([[0.5, -0.3, 0.2, 0.0]]), []
    envs.reset()
    inner = envs.envs[0].unwrapped  # type: ignore[attr-defined]
    for _ in range(8):
        obs, *_ = envs.step(action.numpy())
        views.append(task.view(field.tensors(obs), action))
    for name, site in (("gripper", "robot0:grip"), ("object", "object0")):
        wanted = inner._utils.get_site_xvelp(inner.model, inner.data, site)
        assert np.allclose(views[-1][f"{name}_velocity"][0].numpy(), wanted, atol=1e-3), name
    moved = views[-1]["gripper_position"] - views[-2]["gripper_position"]
    assert torch.cosine_similarity(moved, views[-1]["gripper_velocity"])[0] > 0.98
    envs.close()


@pytest.mark.parametrize("task", ["pick", "open", "navigate"])
def test_skill_views_have_the_documented_sizes(task: str) -> None:
    made = registry.family(task).make(4, 0, 1)
    rng = torch.Generator().manual_seed(0)
    made.reset(torch.ones(4, dtype=torch.bool), rng)
    made.step(torch.zeros(4, made.act_dim))
    view = SKILLS[task].view(made)
    assert {name: tuple(value.shape) for name, value in view.items()} == {
        name: (4, size) for name, size in brief(task).sizes.items()
    }
    assert all(bool(value.isfinite().all()) for value in view.values())


def test_no_brief_offers_success_or_reward() -> None:
    for task in names():
        for signal in brief(task).signals:
            assert not any(word in signal.name for word in ("success", "reward", "return", "done"))
    with pytest.raises(UsageError, match="FetchPush-v4"):
        brief("FetchPsh-v4")


LINE = Brief("x", "s", "d", (Signal("x", (1,), "m", "", "x."), Signal("y", (1,), "m", "", "y.")))
TERMS = (
    Term("near", "def near(s):\n    return s.x", 2.0),
    Term("flat", "def flat(s):\n    return clip(s.y, 0, 0.1)", -1.0),
)


def test_a_book_knows_what_each_term_did() -> None:
    book = Book(compile_program(Program(TERMS), LINE), steps=40)
    for step in range(10):
        x = torch.full((4, 1), step / 10)
        terms = book.rewards({"x": x, "y": torch.ones(4, 1)})
        assert torch.allclose(terms["near"], 2 * x[:, 0])
        book.episodes(2, 1)
        book.maybe_turn()
    stats = book.stats()
    assert len(stats["near"]["mean"]) == 10 and book.taken == 40
    assert stats["near"]["mean"][9] == pytest.approx(1.8)
    assert stats["near"]["share"][9] == pytest.approx(1.8 / 1.9)
    assert stats["flat"]["saturated"][5] == 1.0
    assert book.success[0] == (4, 0.5)


def test_a_reward_that_is_nan_ends_its_training_and_a_broken_simulation_does_not() -> None:
    root = Term("root", "def root(s):\n    return s.x / s.y", 1.0)
    book = Book(compile_program(Program((root,)), LINE), steps=10)
    x = torch.tensor([[1.0], [float("nan")]])
    assert book.rewards({"x": x, "y": torch.ones(2, 1)})["root"].tolist() == [1.0, 0.0]
    with pytest.raises(ProgramError, match="root"):
        book.rewards({"x": torch.zeros(2, 1), "y": torch.zeros(2, 1)})


def test_warming_up_takes_a_small_part_of_a_short_training() -> None:
    reach = field.least("FetchReach-v4")
    assert reach == 2040 and field.least("PointMaze_UMaze-v3") > 10_000
    assert training.least("pick") == 65_536 and 64 == skills.copies(7) < skills.copies(10**9) == 256
    for steps in (100, 500, 1000, reach, 10 * reach):
        count = field.copies(steps, 50)
        assert 1 <= count <= field.ENVS and (count == 1 or 51 * count <= steps / 8)
    assert field.copies(10 * reach, 50) == field.ENVS


def test_equal_jobs_have_equal_outcomes_that_survive_json() -> None:
    source = "def reach(s):\n    return -norm(s.gripper_position - s.goal_position)"
    job = Job("FetchReach-v4", Program((Term("reach", source),)), 0, 240, 2, episodes=2)
    first, again = training.run(job), training.run(job)
    assert (first.success, first.terms, first.final) == (again.success, again.terms, again.final)
    assert first.env_steps == 240 and not first.error
    assert Outcome.from_plain(job, first.plain()) == replace(first, weights=None)
    assert Job.from_plain(job.plain()) == job


@pytest.mark.parametrize(
    "lie",
    [
        {"success": [[1, float("nan")]]},
        {"success": [["x", 1]]},
        {"env_steps": float("inf")},
        {"stats": {"near": {"mean": ["<script>"]}}},
        {"stats": {"near": 3}},
        {"net": None},
        {"net": 3},
    ],
)
def test_figures_that_are_none_are_refused(lie: dict[str, object]) -> None:
    honest = {"net": {}, "success": [], "stats": {}, "env_steps": 1, "seconds": 1.0, "error": ""}
    job = Job("pick", Program(TERMS), 0, 1)
    with pytest.raises((EmbodiedError, ArithmeticError, AttributeError, TypeError, ValueError)):
        training.outcome(job, {**honest, **lie}, "")
