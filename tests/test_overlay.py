"""The band tells what happens and covers nothing of the room but the head camera's corner."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from embodied.overlay import CHIPS, Overlay, compose, frame_size

ROOM = np.random.default_rng(0).integers(0, 255, (480, 640, 3), np.uint8)
HEAD = np.full((120, 160, 3), (10, 200, 30), np.uint8)
TOP = frame_size((640, 480))[1] - 480  # the band's height
FULL = Overlay(
    "bring a sponge", 3, "pick up the sponge", 0.4, 0.9, 0.36, "running", "closing", 12.3
)


def test_the_room_stays_as_it_was_outside_the_inset() -> None:
    assert np.array_equal(compose(ROOM, None, FULL)[TOP:], ROOM)
    framed = compose(ROOM, HEAD, FULL)[TOP:]
    changed = np.argwhere((framed != ROOM).any(-1))
    assert changed[:, 0].max() < 480 // 3
    assert changed[:, 1].min() > 640 * 2 // 3
    assert (framed == HEAD[0, 0]).all(-1).sum() > 15_000, "the head camera is there"


@pytest.mark.parametrize("room", [(640, 480), (321, 241), (1280, 720), (160, 120)])
def test_frames_are_even_and_of_the_promised_size(room: tuple[int, int]) -> None:
    width, height = frame_size(room)
    frame = compose(np.zeros((room[1], room[0], 3), np.uint8), HEAD, FULL)
    assert frame.shape == (height, width, 3)
    assert width % 2 == height % 2 == 0


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
    assert not np.array_equal(
        compose(ROOM, None, FULL), compose(ROOM, None, replace(FULL, **change))
    )


@pytest.mark.parametrize("outcome", CHIPS)
def test_the_outcome_has_its_colour(outcome) -> None:
    band = compose(ROOM, None, Overlay("x", skill="find the sponge", outcome=outcome))[:TOP]
    assert (band == CHIPS[outcome]).all(-1).sum() > 300


def test_long_and_strange_texts_stay_in_their_place() -> None:
    short = compose(ROOM, None, replace(FULL, skill="a", detail="b", instruction="c"))
    long = replace(FULL, skill="日本 ☃ é " * 40, detail="w" * 500, instruction="m\n\x00" * 400)
    framed = compose(ROOM, None, long)
    assert np.array_equal(framed[30:TOP, 420:], short[30:TOP, 420:]), "the bars stay legible"
    assert np.array_equal(framed[:30, 560:], short[:30, 560:]), "step and clock too"


@pytest.mark.parametrize("value", [-1.0, 0.0, 1.0, 7.0])
def test_bars_stay_on_their_track(value: float) -> None:
    band = compose(ROOM, None, Overlay("x", p_lm=value, affordance=value, product=value))
    left = band[30 : TOP - 1, :400]
    assert np.array_equal(left, np.full_like(left, band[40, 0]))
