"""The first scene comes back from the history and the state.

Walks drive only to where the robot is not yet: with idle drives some histories fit two scenes.
"""

import random

import pytest

from embodied.tasks.labels import enumerate_calls, feasible, ideal_effect
from embodied.world.facts import Facts
from planners.embedded.progress import states

SCENE = {
    "sponge": "table",
    "coke can": "far counter",
    "coke can#2": "table",
    "apple": "close counter",
    "tea": "drawer",
}


@pytest.mark.parametrize("seed", range(60))
def test_every_state_of_a_random_walk_is_recovered(seed: int) -> None:
    rng = random.Random(seed)
    start = rng.choice([None, "table", "user"])
    now = Facts(at=SCENE, robot_at=start, visited=(start,) if start else ())
    done, walk = [], [now]
    for _ in range(rng.randint(0, 14)):
        likely = [c for c in enumerate_calls(now.at) if feasible(c, now) and c.kind != "done"]
        likely = [c for c in likely if c.family != "navigate" or ideal_effect(c, now) != now]
        hands = [c for c in likely if c.family != "navigate"]
        call = rng.choice(hands if hands and rng.random() < 0.5 else likely)
        now = ideal_effect(call, now)
        done.append(call)
        walk.append(now)
    trail = states(done, now)
    assert [dict(f.at) for f in trail] == [dict(f.at) for f in walk]
    assert [f.holding for f in trail] == [f.holding for f in walk]
    assert [f.open for f in trail] == [f.open for f in walk]
    assert trail[-1] == walk[-1]


def test_a_thing_that_fell_is_known_to_have_been_taken_from_its_place() -> None:
    calls = {c.label: c for c in enumerate_calls(SCENE)}
    now = Facts(at=SCENE | {"sponge": None}, robot_at="table", visited=("table",))
    trail = states([calls["find the sponge"], calls["pick up the sponge"]], now)
    assert trail[0].at["sponge"] == "table"
