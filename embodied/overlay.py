"""What is drawn onto a video frame: the head camera, and a band that tells what is going on.

Nothing covers the action: the head camera sits in the upper right corner of the room view, and the
band is added above it, because players lay their controls over the lower edge. Colours are RGB.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

import cv2
import numpy as np

Outcome = Literal["", "running", "success", "failure"]
Color = tuple[int, int, int]

INK: Color = (236, 239, 244)
MUTED: Color = (150, 160, 176)
BAND: Color = (18, 22, 30)
TRACK: Color = (48, 55, 68)
LANGUAGE: Color = (96, 165, 250)
AFFORDANCE: Color = (251, 191, 36)
PRODUCT: Color = (74, 222, 128)
CHIPS: dict[str, Color] = {
    "running": (96, 165, 250),
    "success": (74, 222, 128),
    "failure": (248, 113, 113),
}
BAND_HEIGHT = 84  # of a picture 640 wide; scales with the width


@dataclass(frozen=True)
class Overlay:
    """What the band says. Probabilities in [0, 1] or None when there is none; `sim_time` in s."""

    instruction: str
    step: int = 0
    skill: str = ""
    p_lm: float | None = None
    affordance: float | None = None
    product: float | None = None
    outcome: Outcome = ""
    detail: str = ""
    sim_time: float = 0.0


def frame_size(room: tuple[int, int]) -> tuple[int, int]:
    """Return the even (width, height) of a composed frame for a room view of (width, height)."""
    width, height = room
    return width - width % 2, height + _band_height(width) + (height + _band_height(width)) % 2


def compose(room: np.ndarray, head: np.ndarray | None, overlay: Overlay) -> np.ndarray:
    """Return a new frame, (height, width, 3) uint8 RGB, of the size that `frame_size` gives.

    Args:
        room: the room view, (h, w, 3) uint8 RGB.
        head: the head camera's view, any size; None leaves it out.
        overlay: what the band says.
    """
    height, width = room.shape[:2]
    out_width, out_height = frame_size((width, height))
    frame = np.empty((out_height, out_width, 3), np.uint8)
    top = out_height - height
    frame[:top] = _band(out_width, top, replace(overlay, sim_time=0.0))
    frame[top:] = room[:, :out_width]
    scale = out_width / 640
    clock = f"{overlay.sim_time:.1f} s"
    x, y = out_width - round(14 * scale), round(22 * scale)
    _text(frame, clock, x, y, 12 * scale, MUTED, align="right")
    if head is not None:
        _inset(frame, head, top, scale)
    return frame


def _band_height(width: int) -> int:
    """Return the band's height for a picture of that width."""
    return round(BAND_HEIGHT * width / 640)


@lru_cache(maxsize=8)
def _band(width: int, height: int, overlay: Overlay) -> np.ndarray:
    """Return the band without its clock. Drawn once per change of what it says."""
    band = np.full((height, width, 3), BAND, np.uint8)
    scale, pad = width / 640, round(14 * width / 640)
    bars_x = width - round(236 * scale)
    band[-max(1, round(scale)) :] = TRACK

    _text(band, overlay.instruction, pad, round(22 * scale), 14 * scale, INK, 600,
          room=width - pad - round(130 * scale))  # fmt: skip
    if overlay.step:
        _text(band, f"step {overlay.step}", width - round(72 * scale), round(22 * scale),
              12 * scale, MUTED, align="right")  # fmt: skip

    if overlay.skill:
        x = pad
        if overlay.outcome:
            x = _chip(band, overlay.outcome, x, round(46 * scale), scale) + round(8 * scale)
        _text(
            band, overlay.skill, x, round(51 * scale), 16 * scale, INK, 700, room=bars_x - x - pad
        )
    _text(band, overlay.detail, pad, round(73 * scale), 12 * scale, MUTED, room=bars_x - 2 * pad)

    rows = (
        ("language", overlay.p_lm, LANGUAGE),
        ("affordance", overlay.affordance, AFFORDANCE),
        ("product", overlay.product, PRODUCT),
    )
    for row, (name, value, color) in enumerate(rows):
        if value is not None:
            _bar(band, name, value, color, bars_x, round((40 + 16 * row) * scale), scale)
    band.setflags(write=False)
    return band


def _bar(
    band: np.ndarray, name: str, value: float, color: Color, x: int, y: int, scale: float
) -> None:
    """Draw one labelled bar whose middle is at height `y`: name, track, filling, number."""
    left, length = x + round(72 * scale), round(106 * scale)
    half = max(2, round(3 * scale))
    _text(
        band, name, left - round(8 * scale), y + round(4 * scale), 11 * scale, MUTED, align="right"
    )
    _pill(band, left, y - half, left + length, y + half, TRACK)
    filled = round(length * min(max(value, 0.0), 1.0))
    if filled >= 1:
        _pill(band, left, y - half, left + max(filled, 2 * half), y + half, color)
    _text(band, f"{value:.3f}", left + length + round(8 * scale), y + round(4 * scale), 11 * scale,
          INK, 500)  # fmt: skip


def _chip(band: np.ndarray, outcome: str, x: int, y: int, scale: float) -> int:
    """Draw the outcome as a coloured pill with its middle at height `y`; return its right end."""
    size = 11 * scale
    width = _width(outcome, size, 700) + round(16 * scale)
    half = round(9 * scale)
    _pill(band, x, y - half, x + width, y + half, CHIPS[outcome])
    _text(band, outcome, x + round(8 * scale), y + round(4 * scale), size, BAND, 700)
    return x + width


def _pill(image: np.ndarray, x0: int, y0: int, x1: int, y1: int, color: Color) -> None:
    """Fill a rectangle with round ends, anti-aliased."""
    r = (y1 - y0) // 2
    middle = y0 + r
    cv2.line(image, (x0 + r, middle), (max(x1 - r, x0 + r), middle), color, 2 * r, cv2.LINE_AA)


def _inset(frame: np.ndarray, head: np.ndarray, top: int, scale: float) -> None:
    """Draw the head camera's view with a thin border and a caption, upper right below `top`."""
    width = round(176 * scale)
    height = round(width * head.shape[0] / head.shape[1])
    margin, border, strip = round(12 * scale), max(1, round(1.5 * scale)), round(17 * scale)
    x0, y0 = frame.shape[1] - margin - width, top + margin
    shrinks = head.shape[1] > width
    small = cv2.resize(
        head, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    )
    small[-strip:] = (small[-strip:] * 0.35).astype(np.uint8)
    _text(small, "head camera", round(7 * scale), height - round(5 * scale), 10.5 * scale, INK, 500)
    frame[y0 - border : y0 + height + border, x0 - border : x0 + width + border] = INK
    frame[y0 : y0 + height, x0 : x0 + width] = small


@lru_cache(maxsize=1)
def _font() -> cv2.FontFace:
    """Return OpenCV's built-in scalable sans-serif font."""
    return cv2.FontFace("sans")


def _width(text: str, size: float, weight: int) -> int:
    """Return how wide `text` gets [px]."""
    return cv2.getTextSize((0, 0), text, (0, 0), _font(), round(size), weight)[2]


def _text(
    image: np.ndarray,
    text: str,
    x: int,
    y: int,
    size: float,
    color: Color,
    weight: int = 400,
    *,
    room: int | None = None,
    align: Literal["left", "right"] = "left",
) -> None:
    """Draw one line of text with its base line at `y`, shortened to `room` pixels."""
    text = " ".join(text.split())
    if room is not None and _width(text, size, weight) > room:
        while text and _width(text + "…", size, weight) > room:
            text = text[:-1]
        text = text.rstrip() + "…"
    if align == "right":
        x -= _width(text, size, weight)
    cv2.putText(image, text, (x, y), color, _font(), round(size), weight)
