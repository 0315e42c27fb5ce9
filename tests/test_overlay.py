"""The panel tells what happens beside the room, and never over it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from embodied.overlay import CHIPS, PANEL, Overlay, compose, frame_size

ROOM = np.random.default_rng(0).integers(0, 255, (540, 720, 3), np.uint8)
HEAD = np.full((120, 160, 3), (10, 200, 30), np.uint8)
FULL = Overlay(
    "bring a sponge", 3, "pick up the sponge", 0.4, 0.9, 0.36, "running", "closing", 12.3
)


def panel(head: np.ndarray | None, overlay: Overlay) -> np.ndarray:
    return compose(ROOM, head, overlay)[:, 720:]


def test_nothing_covers_the_room() -> None:
    assert np.array_equal(compose(ROOM, HEAD, FULL)[:, :720], ROOM)
    assert (panel(HEAD, FULL) == HEAD[0, 0]).all(-1).sum() > 30_000, "the head camera is there"


@pytest.mark.parametrize("room", [(720, 540), (321, 241), (1280, 720), (160, 120)])
def test_frames_are_even_and_of_the_promised_size(room: tuple[int, int]) -> None:
    width, height = frame_size(room)
    frame = compose(np.zeros((room[1], room[0], 3), np.uint8), HEAD, FULL)
    assert frame.shape == (height, width, 3)
    assert width % 2 == height % 2 == 0


def test_a_usual_camera_makes_a_usual_frame() -> None:
    assert frame_size((720, 540)) == (960, 540)


@pytest.mark.parametrize(
    "change",
    [
        {"instruction": "throw away the apple"},
        {"step": 4},
        {"skill": "find the sponge"},
        {"p_lm": 0.8},
        {"affordance": None},
        {"product": 0.9},
        {"outcome": "failure"},
        {"detail": "slipped"},
        {"sim_time": 13.0},
    ],
)
def test_every_field_shows(change: dict) -> None:
    assert not np.array_equal(panel(None, FULL), panel(None, replace(FULL, **change)))


@pytest.mark.parametrize("outcome", CHIPS)
def test_the_outcome_has_its_colour(outcome: str) -> None:
    drawn = panel(None, Overlay("x", skill="find the sponge", outcome=outcome))
    assert (drawn == CHIPS[outcome]).all(-1).sum() > 300


def test_long_and_strange_texts_stay_in_their_place() -> None:
    long = replace(FULL, skill="日本 ☃ é " * 40, detail="w" * 500, instruction="m\n\x00" * 400)
    drawn = panel(HEAD, long)
    assert np.array_equal(drawn[:205], panel(HEAD, FULL)[:205]), "view, step and clock as ever"
    assert (drawn[:, -10:][205:] == PANEL).all(), "a margin stays free"
    assert (drawn[-14:] == PANEL).all(), "and the room that players lay their controls over"


@pytest.mark.parametrize("value", [-1.0, 0.0, 1.0, 7.0])
def test_bars_stay_on_their_track(value: float) -> None:
    drawn = panel(None, Overlay("x", p_lm=value, affordance=value, product=value))
    without = panel(None, Overlay("x"))
    changed = np.argwhere((drawn != without).any(-1))
    assert changed[:, 1].min() >= 13
    assert changed[:, 1].max() < 240 - 10
