"""What the shipped success heads say in the kitchen, where they were never trained."""

import numpy as np
import pytest
import torch

from embodied.tasks import labels
from embodied.world.kitchen import Kitchen
from embodied.world.navigation import Map
from policies.library import load_library
from policies.values import Values

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def library() -> dict:
    return load_library()


def worth(library: dict, kitchen: Kitchen, *calls: labels.SkillCall) -> np.ndarray:
    return Values(library, Map.from_model(kitchen.model))(kitchen, calls)


def before(kitchen: Kitchen, name: str) -> None:
    """Puts the robot in front of an object."""
    place = kitchen.place(kitchen.facts().at[name] or "")
    kitchen.set_robot(place.stand(kitchen.position(name)))
    kitchen.settle(5)


@pytest.mark.parametrize("name", ["sponge", "coke can", "apple", "kettle chips"])
def test_picking_is_worth_what_distance_makes_it(library: dict, name: str) -> None:
    kitchen = Kitchen([name], seed=2)
    kitchen.arrange({name: "far counter"}, "user")
    assert worth(library, kitchen, labels.pick_up(name))[0] < 0.05, "across the kitchen"
    before(kitchen, name)
    assert worth(library, kitchen, labels.pick_up(name))[0] > 0.9, "in front of it"


def test_a_full_gripper_cannot_pick_and_an_empty_one_cannot_place(library: dict) -> None:
    kitchen = Kitchen(["sponge", "apple"], seed=2)
    kitchen.arrange({"sponge": "table", "apple": "table"}, "table")
    before(kitchen, "sponge")
    assert worth(library, kitchen, labels.place("sponge", "table"))[0] < 0.1
    kitchen.set_held("apple")
    calls = labels.pick_up("sponge"), labels.place("sponge", "table")
    assert worth(library, kitchen, *calls).max() < 0.15
    counter = kitchen.place("far counter")
    kitchen.set_robot(counter.stand(counter.centre))
    kitchen.settle(5)
    assert kitchen.holding() == "apple"
    assert worth(library, kitchen, labels.place("apple", "far counter"))[0] > 0.8


def test_absent_shut_away_and_thrown_away_things_are_out_of_reach(library: dict) -> None:
    kitchen = Kitchen(["rice chips", "tea"], seed=2)
    kitchen.arrange({"rice chips": "drawer", "tea": "trash"}, "user")
    kitchen.set_robot(kitchen.stand("drawer"))
    kitchen.settle(5)
    assert worth(library, kitchen, labels.pick_up("rice chips"))[0] < 0.1
    before(kitchen, "tea")
    assert worth(library, kitchen, labels.pick_up("tea"))[0] < 0.1
    absent = worth(library, kitchen, labels.pick_up("sponge"), labels.find("sponge"))
    assert absent.max() < 0.05


def test_in_an_empty_kitchen_nothing_can_be_picked_or_placed(library: dict) -> None:
    kitchen = Kitchen([], seed=2)
    kitchen.arrange({}, "user")
    calls = labels.pick_up("sponge"), labels.place("sponge", "table"), labels.find("sponge")
    assert worth(library, kitchen, *calls).max() < 0.05
    assert worth(library, kitchen, labels.go_to("table"))[0] > 0.9


def test_all_labels_at_once_equal_one_by_one(library: dict) -> None:
    kitchen = Kitchen(["sponge", "apple"], seed=2)
    kitchen.arrange({"sponge": "table", "apple": "far counter"}, "user")
    calls = labels.enumerate_calls(kitchen.index)
    together = worth(library, kitchen, *calls)
    assert together.shape == (len(calls),)
    for i in range(0, len(calls), 17):
        assert worth(library, kitchen, calls[i])[0] == pytest.approx(together[i], abs=1e-5)


def test_the_drawer_is_worth_opening_when_shut_before_it_and_with_an_empty_gripper(
    library: dict,
) -> None:
    kitchen = Kitchen(["sponge", "apple"], seed=2)
    kitchen.arrange({"sponge": "drawer", "apple": "table"}, "drawer")
    opening, closing = worth(library, kitchen, labels.OPEN, labels.CLOSE)
    assert opening > 0.9 and closing < 0.1
    kitchen.set_drawer(kitchen.travel)
    kitchen.settle()
    opening, closing = worth(library, kitchen, labels.OPEN, labels.CLOSE)
    assert opening < 0.1 and closing > 0.9
    kitchen.set_held("apple")
    assert worth(library, kitchen, labels.OPEN, labels.CLOSE).max() < 0.1
    kitchen.open_gripper()
    kitchen.set_robot(kitchen.stand("table"))
    kitchen.settle()
    assert worth(library, kitchen, labels.OPEN, labels.CLOSE).max() < 0.05
