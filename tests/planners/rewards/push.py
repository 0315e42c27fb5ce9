"""A small real task to search rewards for: a hand pushes a puck to a goal in the plane.

The learner is real too: the cross-entropy method over four numbers of a linear policy, which
sees nothing but the sums of the reward under test. Success is the puck within `NEAR` metres of
the goal at the end of an episode.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch

from planners.rewards.checks import check
from planners.rewards.funnel import Bank
from planners.rewards.job import Job, Outcome
from planners.rewards.program import Compiled, Program, Term, compile_program
from planners.rewards.views import Brief, Signal

RADIUS, STEP, HORIZON, NEAR = 0.1, 0.08, 40, 0.08
EPISODES, POPULATION, ELITE = 12, 20, 5
PER_ROUND = EPISODES * POPULATION * HORIZON  # environment steps of one round of the learner

BRIEF = Brief(
    "push",
    "Push the puck to the goal.",
    "The puck is within 0.08 m of the goal at the end.",
    (
        Signal("hand", (2,), "m", "table", "position of the hand"),
        Signal("puck", (2,), "m", "table", "position of the puck"),
        Signal("goal", (2,), "m", "table", "where the puck is wanted"),
        Signal("action", (2,), "1", "table", "what the policy did, in [-1, 1]"),
    ),
)
POOR = Program((Term("hover", "def hover(s):\n    return -norm(s.hand - s.goal)\n", 1.0),))


class Push:
    """`n` simulations at once, `times` over: all policies of a round get the same starts."""

    def __init__(self, n: int, times: int, rng: np.random.Generator) -> None:
        hand, puck = rng.uniform(-0.5, 0.5, (n, 2)), rng.uniform(-0.3, 0.3, (n, 2))
        turn = rng.uniform(0, 2 * np.pi, n)
        goal = puck + 0.3 * np.stack([np.cos(turn), np.sin(turn)], -1)
        self.hand, self.puck, self.goal = (np.tile(x, (times, 1)) for x in (hand, puck, goal))
        self.action = np.zeros((n * times, 2))

    def step(self, action: np.ndarray) -> None:
        self.action = action
        self.hand = self.hand + STEP * action
        away = self.puck - self.hand
        gap = np.linalg.norm(away, axis=-1, keepdims=True) + 1e-9
        self.puck = np.where(gap < RADIUS, self.hand + away / gap * RADIUS, self.puck)

    def state(self) -> dict[str, np.ndarray]:
        return {"hand": self.hand, "puck": self.puck, "goal": self.goal, "action": self.action}

    def success(self) -> np.ndarray:
        return np.linalg.norm(self.puck - self.goal, axis=-1) < NEAR


def rollout(
    weights: np.ndarray, program: Compiled, rng: np.random.Generator, episodes: int
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Means per step of every term, and success, each (policies, episodes).

    weights: (P, 2, 2) scale and rotation of the offsets hand to puck and puck to goal.
    """
    policies = len(weights)
    world = Push(episodes, policies, rng)
    states = []
    for _ in range(HORIZON):
        world.step(policy(world, weights))
        states.append(world.state())
    view = {
        name: torch.as_tensor(
            np.concatenate([state[name] for state in states]), dtype=torch.float32
        )
        for name in BRIEF.sizes
    }
    means = {
        name: value.numpy().reshape(HORIZON, policies, episodes).mean(0)
        for name, value in program.weighted(view).items()
    }
    return means, world.success().reshape(policies, episodes)


def train(job: Job) -> Outcome:
    """Learn for about `job.steps` steps, and evaluate on 60 episodes of other seeds."""
    compiled = compile_program(job.program, BRIEF)
    rng = np.random.default_rng(job.seed)
    mean, spread = np.zeros((2, 2)), np.full((2, 2), 4.0)
    curves: dict[str, list[float]] = {term.name: [] for term in job.program.terms}
    success, steps = [], 0
    while steps < job.steps:
        tried = mean + spread * rng.standard_normal((POPULATION, 2, 2))
        means, done = rollout(tried, compiled, rng, EPISODES)
        best = np.argsort(-sum(means.values()).mean(-1))[:ELITE]
        mean, spread = tried[best].mean(0), tried[best].std(0) + 0.1
        steps += PER_ROUND
        success.append((steps, float(done.mean())))
        for name in curves:
            curves[name].append(float(means[name].mean()))
    fresh = np.random.default_rng([job.seed, 1])
    final = float(rollout(mean[None], compiled, fresh, 60)[1].mean())
    terms = {name: tuple(values) for name, values in curves.items()}
    shown = bank(lambda world: policy(world, mean[None]), job.seed)
    return Outcome(
        job, tuple(success), final, 60, terms, steps, 0.0, rollouts=shown.plain()
    )  # fmt: skip


def policy(world: Push, weights: np.ndarray) -> np.ndarray:
    """Actions (N, 2) of the policies (P, 2, 2), whose simulations follow each other."""
    turned = np.stack([weights, weights[..., ::-1] * [-1, 1]], -2)  # (P, 2, 2, 2) as matrices
    seen = np.stack([world.puck - world.hand, world.goal - world.puck], -2)
    seen = seen.reshape(len(weights), -1, 2, 2)
    return np.tanh(np.einsum("peof,poaf->pea", seen, turned)).reshape(-1, 2)


def bank(act: Callable[[Push], np.ndarray], seed: int) -> Bank:
    """Eight episodes with so many signals a step."""
    world, states = Push(8, 1, np.random.default_rng([seed, 2])), []
    for _ in range(HORIZON):
        world.step(act(world))
        states.append(world.state())
    views = {name: np.stack([state[name] for state in states], 1) for name in BRIEF.sizes}
    return Bank(views, world.success())


def gather(task: str, act: Callable[[torch.Tensor], torch.Tensor], seed: int) -> Bank:
    """As `embodied.candidates.training.gather`."""
    return bank(lambda world: act(torch.as_tensor(world.hand)).numpy(), seed)


def evaluate(jobs: Sequence[Job]) -> Iterator[Outcome]:
    """The evaluator that a search is given."""
    return map(train, jobs)


def problems(program: Program) -> list[str]:
    """What keeps a program from being trained with."""
    return [str(problem) for problem in check(program, BRIEF).problems]
