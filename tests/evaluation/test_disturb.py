"""What happens to the world in mid-task is real in the simulation, and the loop notices it."""

import pytest

from embodied.evaluation.disturb import Disturber
from embodied.ideal import IdealExecutor
from embodied.scenes import build
from embodied.suites import Deed, Disturbance, Start
from embodied.tasks.grounding import ground
from embodied.tasks.labels import OPEN, find, go_to, pick_up
from embodied.world.kitchen import Kitchen
from policies.execute import Executor
from policies.library import load_library

START = Start({"sponge": "far counter", "coke can": "table", "coke can#2": "close counter"}, "user")


def event(label: str, do: Deed, during: bool = False, **fields: object) -> Disturbance:
    return Disturbance(label, during, do, **fields)  # type: ignore[arg-type]


def ideal(kitchen: Kitchen, *events: Disturbance) -> Disturber:
    return Disturber(kitchen, IdealExecutor(kitchen).run, events)


def quiet(seconds: float) -> None:
    pass


@pytest.fixture
def kitchen() -> Kitchen:
    return build(START, 3)


def test_somebody_moves_what_was_found_once(kitchen: Kitchen) -> None:
    world = ideal(kitchen, event("find the sponge", "move", object="sponge", place="table"))
    world.run(go_to("table"), quiet)
    assert kitchen.facts().at["sponge"] == "far counter"
    world.run(find("sponge"), quiet)
    assert kitchen.facts().at["sponge"] == "table"
    world.run(find("sponge"), quiet)
    assert world.happened == ["the sponge was put by somebody at the table"]
    assert kitchen.facts().robot_at == "table"


def test_what_is_taken_away_is_not_in_the_scene_any_more(kitchen: Kitchen) -> None:
    world = ideal(kitchen, event("find the sponge", "take", object="sponge"))
    world.run(find("sponge"), quiet)
    assert "sponge" not in kitchen.facts().instances
    assert not ground(pick_up("sponge"), kitchen).present
    assert not world.run(find("sponge"), quiet).success


def test_of_equal_things_the_one_that_the_robot_is_after_is_meant(kitchen: Kitchen) -> None:
    world = ideal(kitchen, event("find the coke can", "take", object="coke can"))
    world.run(find("coke can#2"), quiet)
    assert kitchen.facts().instances == ("sponge", "coke can")


@pytest.mark.parametrize("place", [None, "table"])
def test_what_is_dropped_lies_somewhere_else(kitchen: Kitchen, place: str | None) -> None:
    world = ideal(kitchen, event("go to the user", "drop", True, place=place))
    for call in (find("sponge"), pick_up("sponge")):
        assert world.run(call, quiet).success
    assert kitchen.facts().holding == "sponge"
    world.run(go_to("user"), quiet)
    facts = kitchen.facts()
    assert facts.holding is None
    assert facts.at["sponge"] == place or place is None
    assert kitchen.underside("sponge") < 0.9


def test_somebody_shuts_the_drawer(kitchen: Kitchen) -> None:
    world = ideal(kitchen, event(OPEN.label, "shut"))
    world.run(go_to("drawer"), quiet)
    world.run(OPEN, quiet)
    assert not kitchen.facts().open["drawer"]


def test_somebody_in_the_way_fails_drives_to_that_place_until_they_leave() -> None:
    kitchen = build(START, 3, bystander=True)
    world = ideal(kitchen, event("find the sponge", "block", place="table", tries=2))
    world.run(find("sponge"), quiet)
    tried = [world.run(call, quiet).success for call in (go_to("table"), find("coke can"))]
    assert tried == [False, False]
    assert world.run(go_to("close counter"), quiet).success
    assert world.run(go_to("table"), quiet).success


@pytest.mark.parametrize(
    ("do", "reason"), [("drop", "lost on the way"), ("take", "lost on the way")]
)
def test_a_drive_that_loses_what_it_carries_says_so(
    kitchen: Kitchen, do: Deed, reason: str
) -> None:
    executor = Executor(kitchen, load_library({}))
    kitchen.arrange({"coke can": "table", "coke can#2": "close counter"}, "far counter", "sponge")
    thing = "sponge" if do == "take" else None
    world = Disturber(kitchen, executor.run, [event("go to the user", do, True, object=thing)])
    outcome = world.run(go_to("user"), quiet)
    assert not outcome.success
    assert reason in outcome.reason
    assert kitchen.facts().holding is None
    assert ("sponge" in kitchen.facts().instances) == (do == "drop")


def test_the_robot_stops_before_somebody_and_gets_through_when_they_have_left() -> None:
    kitchen = build(START, 3, bystander=True)
    executor = Executor(kitchen, load_library({}))
    world = Disturber(
        kitchen, executor.run, [event("go to the close counter", "block", place="table")]
    )
    world.run(go_to("close counter"), quiet)
    outcome = world.run(go_to("table"), quiet)
    assert (outcome.success, outcome.reason) == (False, "somebody stands in the way")
    assert world.run(go_to("table"), quiet).success


def test_events_of_other_skills_leave_everything_alone(kitchen: Kitchen) -> None:
    seen: list[float] = []
    world = ideal(kitchen, event("pick up the sponge", "take", object="sponge"))
    world.run(find("coke can"), seen.append)
    assert seen == [0.0]
    assert world.happened == []
