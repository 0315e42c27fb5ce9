"""The kitchen: what is placed somewhere is read back from the state as being there."""

import numpy as np
import pytest

from embodied.errors import UsageError
from embodied.world import catalogue
from embodied.world.kitchen import Kitchen

SCENE = {
    "sponge": "far counter",
    "coke can": "table",
    "coke can#2": "table",
    "apple": "user",
    "rice chips": "drawer",
    "tea": "trash",
}


@pytest.fixture(scope="module")
def kitchen() -> Kitchen:
    made = Kitchen(list(SCENE), seed=3)
    made.arrange(SCENE, "close counter")
    return made


def test_facts_say_where_everything_was_put(kitchen: Kitchen) -> None:
    facts = kitchen.facts()
    assert dict(facts.at) == SCENE
    assert facts.robot_at == "close counter"
    assert facts.holding is None
    assert facts.open == {"drawer": False}


def test_only_the_drawer_covers(kitchen: Kitchen) -> None:
    assert {name for name in SCENE if kitchen.covered(name)} == {"rice chips"}


def test_the_drawer_takes_its_contents_along_and_the_robot_need_not_move() -> None:
    kitchen = Kitchen(["sponge", "tea"], seed=0)
    kitchen.arrange({"sponge": "drawer", "tea": "close counter"}, "drawer")
    stand, inside = kitchen.stand("drawer", kitchen.position("sponge")), kitchen.position("sponge")
    assert kitchen.facts().robot_at == "drawer" and not kitchen.facts().open["drawer"]
    kitchen.set_drawer(kitchen.travel)
    kitchen.settle()
    facts = kitchen.facts()
    assert facts.open == {"drawer": True} and facts.robot_at == "drawer"
    assert dict(facts.at) == {"sponge": "drawer", "tea": "close counter"}
    assert not kitchen.covered("sponge")
    moved = kitchen.position("sponge") - inside
    assert np.allclose(moved, [0, kitchen.travel, 0], atol=0.02)
    assert np.allclose(kitchen.stand("drawer", kitchen.position("sponge")), stand, atol=0.02)


def test_held_object_travels_with_the_robot() -> None:
    kitchen = Kitchen(["water bottle"], seed=0)
    kitchen.arrange({"water bottle": "table"}, "user", holding="water bottle")
    assert kitchen.facts().holding == "water bottle"
    assert kitchen.facts().at["water bottle"] is None
    kitchen.set_robot(np.array([0.3, 0.1, 1.0]))
    kitchen.settle()
    assert kitchen.facts().holding == "water bottle"


@pytest.mark.parametrize("place", ["close counter", "far counter", "table", "trash", "user"])
def test_every_object_rests_at_every_place(place: str) -> None:
    for name in catalogue.objects():
        kitchen = Kitchen([name], seed=1)
        kitchen.arrange({name: place}, None)
        kitchen.settle(25)
        assert kitchen.facts().at[name] == place, f"{name} does not stay at {place}"


def test_visited_remembers_places_in_order() -> None:
    kitchen = Kitchen(["sponge"], seed=0)
    kitchen.arrange({"sponge": "table"}, "user")
    for name in ("table", "trash"):
        place = kitchen.place(name)
        kitchen.set_robot(place.stand(place.centre))
        kitchen.settle(2)
    assert kitchen.facts().visited == ("user", "table", "trash")


def test_same_seed_same_layout() -> None:
    def spots(seed: int) -> np.ndarray:
        kitchen = Kitchen(["sponge", "apple"], seed=seed)
        kitchen.arrange({"sponge": "table", "apple": "far counter"}, "user")
        return np.stack([kitchen.position("sponge"), kitchen.position("apple")])

    assert np.array_equal(spots(4), spots(4))
    assert not np.array_equal(spots(4), spots(5))


def test_unknown_object_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match="no 'spunge'.*sponge"):
        Kitchen(["spunge"])


def test_free_spots_keep_clear_of_what_stands_there(kitchen: Kitchen) -> None:
    spots = kitchen.free_spots("table", 0.19)
    taken = np.stack([kitchen.position("coke can"), kitchen.position("coke can#2")])
    assert len(spots) > 0
    assert np.linalg.norm(spots[:, None, :2] - taken[None, :, :2], axis=-1).min() >= 0.19
