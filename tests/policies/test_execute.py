"""The shipped skills in the real kitchen: driving, grasping, placing, and saying why not."""

import numpy as np
import pytest
import torch

from embodied.tasks import labels
from embodied.tasks.grounding import ground
from embodied.world.kitchen import Kitchen
from policies.execute import Executor
from policies.library import load_library
from policies.values import Values

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def library() -> dict:
    return load_library()


def scene(**places: str) -> Kitchen:
    objects = {name.replace("_", " "): place for name, place in places.items()}
    kitchen = Kitchen(list(objects), seed=7)
    kitchen.arrange(objects, "user")
    return kitchen


def robot_contacts(kitchen: Kitchen) -> set[str]:
    """Names of the solids that any part of the robot touches now."""
    model, data = kitchen.model, kitchen.engine.data(0)
    touched = set()
    for i in range(data.ncon):
        bodies = [int(model.geom_bodyid[g]) for g in data.contact[i].geom]
        names = [model.geom(int(g)).name for g in data.contact[i].geom]
        for k in (0, 1):
            if model.body(bodies[k]).name.startswith("robot/") and names[1 - k].startswith(
                "solid/"
            ):
                touched.add(names[1 - k])
    return touched


@pytest.mark.parametrize(
    ("name", "source", "target"),
    [
        ("sponge", "far counter", "user"),
        ("water bottle", "table", "close counter"),
        ("kettle chips", "close counter", "trash"),
        ("apple", "far counter", "table"),
    ],
)
def test_fetch_and_deliver(library: dict, name: str, source: str, target: str) -> None:
    kitchen = scene(
        **{
            name.replace(" ", "_"): source,
            "tea": "table",
            "orange": "close_counter".replace("_", " "),
        }
    )
    executor = Executor(kitchen, library)
    touched: set[str] = set()
    calls = [
        labels.find(name),
        labels.pick_up(name),
        labels.go_to(target),
        labels.place(name, target),
    ]
    for call in calls:
        driving = call.family == "navigate"
        outcome = executor.run(
            call, lambda seconds, d=driving: touched.update(robot_contacts(kitchen)) if d else None
        )
        assert outcome.success, f"{call.label}: {outcome.reason}"
    assert kitchen.facts().at[name] == target
    assert kitchen.facts().holding is None
    assert not touched, "driving must not touch anything"


def test_what_cannot_be_done_says_why(library: dict) -> None:
    kitchen = scene(sponge="far counter")
    executor = Executor(kitchen, library)
    assert "no apple here" in executor.run(labels.pick_up("apple")).reason
    assert "gripper is empty" in executor.run(labels.BRING).reason
    assert "gripper is empty" in executor.run(labels.put_down("sponge")).reason


def test_pick_from_across_the_room_fails_and_comes_back_to_rest(library: dict) -> None:
    kitchen = scene(sponge="far counter")
    outcome = Executor(kitchen, library).run(labels.pick_up("sponge"))
    assert not outcome.success
    rest = np.array([0.58, 0.0, 1.10])
    assert np.linalg.norm(kitchen.state.tcp_pos[0].numpy() - rest) < 0.08


def test_after_a_placement_the_next_pick_is_as_likely_as_it_is(library: dict) -> None:
    kitchen = scene(orange="table", tea="close counter")
    executor = Executor(kitchen, library)
    values = Values(library, executor.map)
    carried = [labels.find("orange"), labels.pick_up("orange"), labels.go_to("close counter")]
    for call in (*carried, labels.place("orange", "close counter"), labels.find("tea")):
        assert executor.run(call).success, call.label
    assert values(kitchen, [labels.pick_up("tea")])[0] > 0.9
    assert executor.run(labels.pick_up("tea")).success


def test_grounding_finds_room_on_a_crowded_place() -> None:
    kitchen = scene(sponge="table", tea="table", apple="table", coke_can="far counter")
    request = ground(labels.place("coke can", "table"), kitchen)
    assert request.goal is not None
    spot = request.goal.spot[0].numpy()
    for other in ("sponge", "tea", "apple"):
        assert np.linalg.norm(spot[:2] - kitchen.position(other)[:2]) > 0.12


def test_the_drawer_is_opened_and_closed_with_what_is_in_it(library: dict) -> None:
    kitchen = scene(sponge="drawer", tea="table")
    executor = Executor(kitchen, library)
    for call, opened in ((labels.go_to("drawer"), False), (labels.OPEN, True)):
        assert executor.run(call).success
        assert kitchen.facts().open["drawer"] == opened
    assert kitchen.facts().robot_at == "drawer" and not kitchen.covered("sponge")
    assert executor.run(labels.CLOSE).success
    facts = kitchen.facts()
    assert not facts.open["drawer"] and facts.at["sponge"] == "drawer"
    assert float(kitchen.state.drawer[0]) < 0.01


def test_a_full_gripper_opens_nothing(library: dict) -> None:
    kitchen = scene(sponge="table")
    kitchen.set_held("sponge")
    outcome = Executor(kitchen, library).run(labels.OPEN)
    assert not outcome.success and "holds the sponge" in outcome.reason


@pytest.mark.parametrize("name", ["sponge", "coke can", "apple"])
def test_stored_in_the_drawer_and_fetched_again(library: dict, name: str) -> None:
    kitchen = scene(**{name.replace(" ", "_"): "table", "tea": "far counter"})
    executor = Executor(kitchen, library)
    store = [
        labels.go_to("drawer"), labels.OPEN, labels.find(name), labels.pick_up(name),
        labels.go_to("drawer"), labels.place(name, "drawer"), labels.CLOSE,
    ]  # fmt: skip
    for call in store:
        outcome = executor.run(call)
        assert outcome.success, f"{call.label}: {outcome.reason}"
    facts = kitchen.facts()
    assert facts.at[name] == "drawer" and not facts.open["drawer"]
    for call in (labels.OPEN, labels.pick_up(name), labels.go_to("user")):
        outcome = executor.run(call)
        assert outcome.success, f"{call.label}: {outcome.reason}"
    executor.run(labels.BRING)
    assert kitchen.facts().at[name] == "user"
