"""Drives of the whole robot: touches are seen when they happen, and what is counted is what was driven."""

import numpy as np
import pytest
import torch

from embodied.world.kitchen import Kitchen
from policies.drives import Touches, drives
from policies.library import SHIPPED
from policies.skill import Skill

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def kitchen() -> Kitchen:
    kitchen = Kitchen(["sponge"], seed=1)
    kitchen.arrange({"sponge": "table"}, "user")
    return kitchen


def test_touches_are_of_base_arm_and_load(kitchen: Kitchen) -> None:
    watch = Touches(kitchen)
    assert watch.now(None) == set()

    def too_far(name: str, ahead: float) -> np.ndarray:
        x, y, yaw = kitchen.place(name).stand(kitchen.place(name).centre)
        return np.array([x + ahead * np.cos(yaw), y + ahead * np.sin(yaw), yaw])

    kitchen.set_robot(too_far("table", 0.25))
    assert watch.now(None) == {"solid/table"}, "the base stands in it"
    kitchen.set_robot(too_far("table", 0.0))
    assert watch.now(None) == set()
    assert watch.now("sponge") == {"solid/table"}, "the sponge stands on it"
    kitchen.set_robot(too_far("user", 0.35))
    assert "solid/user" in watch.now(None), "the arm reaches into the person"


def test_every_other_drive_carries_something_and_arrives() -> None:
    driven = list(drives(Skill.load(SHIPPED / "navigate"), 8, seed=5))
    assert {drive.carried is None for drive in driven} == {True, False}
    assert len({drive.label for drive in driven}) > 2
    assert sum(drive.success for drive in driven) >= 7
    assert all(not drive.touched for drive in driven)
