"""A video frame: the room on the left, and a panel on the right that tells what is going on.

The panel holds the head camera's view, the instruction, the running skill with its scores, and the
outcome. Nothing is drawn over the room. With a room of 4:3 the frame is 16:9. Colours are RGB.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

import cv2
import numpy as np

Color = tuple[int, int, int]

INK: Color = (236, 239, 244)
MUTED: Color = (150, 160, 176)
PANEL: Color = (18, 22, 30)
TRACK: Color = (48, 55, 68)
LANGUAGE: Color = (96, 165, 250)
AFFORDANCE: Color = (251, 191, 36)
PRODUCT: Color = (74, 222, 128)
GOOD, BAD, WARN = PRODUCT, (248, 113, 113), (251, 191, 36)
CHIPS: dict[str, Color] = {
    "running": LANGUAGE,
    "success": GOOD,
    "failure": BAD,
    "failed": BAD,
    "error": BAD,
    "refused": WARN,
    "asked": WARN,
    "interrupted": WARN,
    "step limit": WARN,
}
_STRIP = 36  # px, below a captioned picture
_HEIGHT, _PAD = 540, 14  # px: all other sizes below are those of a frame this high, and scale


@dataclass(frozen=True)
class Overlay:
    """What the panel says. Probabilities in [0, 1] or None when there is none; `sim_time` in s.

    outcome: one of `CHIPS`, or nothing.
    """

    instruction: str
    step: int = 0
    skill: str = ""
    p_lm: float | None = None
    affordance: float | None = None
    product: float | None = None
    outcome: str = ""
    detail: str = ""
    sim_time: float = 0.0


def frame_size(room: tuple[int, int]) -> tuple[int, int]:
    """Return the even (width, height) of a composed frame for a room view of (width, height)."""
    width, height = room[0] + _panel_width(room[1]), room[1]
    return width + width % 2, height + height % 2


def compose(room: np.ndarray, head: np.ndarray | None, overlay: Overlay) -> np.ndarray:
    """Return a new frame, (height, width, 3) uint8 RGB, of the size that `frame_size` gives.

    Args:
        room: the room view, (h, w, 3) uint8 RGB.
        head: the head camera's view, any size; None leaves it out.
        overlay: what the panel says.
    """
    high, wide = room.shape[:2]
    width, height = frame_size((wide, high))
    scale = high / _HEIGHT
    frame = np.empty((height, width, 3), np.uint8)
    frame[:] = PANEL
    frame[:high, :wide] = room
    frame[:, wide:] = _panel(width - wide, height, scale, replace(overlay, sim_time=0.0))
    if head is not None:
        _view(frame[:, wide:], head, scale)
    clock = f"{overlay.sim_time:.1f} s"
    x, y = width - round(_PAD * scale), round(_STEP * scale)
    _text(frame, clock, x, y, 12 * scale, MUTED, align="right")
    return frame


def captioned(picture: np.ndarray, text: str, outcome: str = "") -> np.ndarray:
    """The picture, (h, w, 3) uint8 RGB, above a strip with a line of text; even in width and height.

    Args:
        outcome: one of `CHIPS`, or nothing.
    """
    high, wide = picture.shape[:2]
    width, height = wide + wide % 2, high + _STRIP + (high + _STRIP) % 2
    frame = np.empty((height, width, 3), np.uint8)
    frame[:] = PANEL
    frame[:high, :wide] = picture
    _text(frame, text, _PAD, high + 23, 14, INK, 500)
    if outcome:
        chip = _width(outcome, 12, 700) + 18
        _chip(frame, outcome, width - _PAD - chip, high + _STRIP // 2, 1.0)
    return frame


def _panel_width(height: int) -> int:
    """Return how wide the panel is beside a room view of that height."""
    return round(height * 4 / 9)


_VIEW, _STEP, _FIRST = 180, 204, 232  # from the panel's top: the view's end, two base lines
_ROW = 1.3  # from base line to base line, of the size


@lru_cache(maxsize=8)
def _panel(width: int, height: int, scale: float, overlay: Overlay) -> np.ndarray:
    """Return the panel without view and clock. Drawn once per change of what it says."""
    panel = np.full((height, width, 3), PANEL, np.uint8)
    pad = round(_PAD * scale)

    def lines(text: str, y: float, most: int, size: float, color: Color, weight: int) -> float:
        wrapped = _wrapped(text, size * scale, weight, width - 2 * pad, most)
        for i, line in enumerate(wrapped):
            base = round((y + _ROW * size * i) * scale)
            _text(panel, line, pad, base, size * scale, color, weight)
        return y + _ROW * size * len(wrapped)

    if overlay.step:
        _text(panel, f"step {overlay.step}", pad, round(_STEP * scale), 12 * scale, MUTED)
    y = lines(overlay.instruction, _FIRST, 3, 15, INK, 600)
    panel[round(y * scale), pad:-pad] = TRACK
    y += 26
    if overlay.outcome:
        _chip(panel, overlay.outcome, pad, round(y * scale), scale)
        y += 36
    y = lines(overlay.skill, y, 2, 17, INK, 700) + 10
    rows = (
        ("language", overlay.p_lm, LANGUAGE),
        ("affordance", overlay.affordance, AFFORDANCE),
        ("product", overlay.product, PRODUCT),
    )
    for name, value, color in rows:
        if value is not None:
            _bar(panel, name, value, color, round(y * scale), scale)
            y += 22
    lines(overlay.detail, y + 8, 9 if overlay.product is None else 5, 13, MUTED, 400)
    panel.setflags(write=False)
    return panel


def _bar(panel: np.ndarray, name: str, value: float, color: Color, y: int, scale: float) -> None:
    """Draw one labelled bar whose middle is at height `y`: name, track, filling, number."""
    pad, right = round(_PAD * scale), panel.shape[1] - round(_PAD * scale)
    left, end = pad + round(76 * scale), right - round(44 * scale)
    half, base = max(2, round(3 * scale)), y + round(4 * scale)
    _text(panel, name, pad, base, 12 * scale, MUTED)
    _pill(panel, left, y - half, end, y + half, TRACK)
    filled = round((end - left) * min(max(value, 0.0), 1.0))
    if filled >= 1:
        _pill(panel, left, y - half, left + max(filled, 2 * half), y + half, color)
    _text(panel, f"{value:.3f}", right, base, 12 * scale, INK, 500, align="right")


def _chip(panel: np.ndarray, outcome: str, x: int, y: int, scale: float) -> None:
    """Draw the outcome as a coloured pill with its middle at height `y`."""
    size, half = 12 * scale, round(10 * scale)
    width = _width(outcome, size, 700) + round(18 * scale)
    _pill(panel, x, y - half, x + width, y + half, CHIPS[outcome])
    _text(panel, outcome, x + round(9 * scale), y + round(4 * scale), size, PANEL, 700)


def _pill(image: np.ndarray, x0: int, y0: int, x1: int, y1: int, color: Color) -> None:
    """Fill a rectangle with round ends, anti-aliased."""
    r = (y1 - y0) // 2
    middle = y0 + r
    cv2.line(image, (x0 + r, middle), (max(x1 - r, x0 + r), middle), color, 2 * r, cv2.LINE_AA)


def _view(panel: np.ndarray, head: np.ndarray, scale: float) -> None:
    """Draw the head camera's view with a caption into the panel's top."""
    width, height = panel.shape[1], min(round(_VIEW * scale), panel.shape[0])
    shrinks = head.shape[1] > width
    small = cv2.resize(
        head, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    )
    strip = round(18 * scale)
    small[-strip:] = (small[-strip:] * 0.35).astype(np.uint8)
    base = height - round(5 * scale)
    _text(small, "head camera", round(_PAD * scale), base, 11 * scale, INK, 500)
    panel[:height] = small


def _wrapped(text: str, size: float, weight: int, room: int, most: int) -> list[str]:
    """Return `text` in at most `most` lines that fit `room` pixels, the last one shortened."""
    lines, words = [], text.split()
    while words and len(lines) < most:
        count = len(words) if len(lines) == most - 1 else 1
        while count < len(words) and _width(" ".join(words[: count + 1]), size, weight) <= room:
            count += 1
        lines.append(_fitted(" ".join(words[:count]), size, weight, room))
        words = words[count:]
    return lines


def _fitted(text: str, size: float, weight: int, room: int) -> str:
    """Return `text`, shortened to `room` pixels."""
    text = text[:200]  # more never fits, and measuring takes time
    if _width(text, size, weight) <= room:
        return text
    while text and _width(text + "…", size, weight) > room:
        text = text[:-1]
    return text.rstrip() + "…"


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
    align: Literal["left", "right"] = "left",
) -> None:
    """Draw one line of text with its base line at `y`."""
    if align == "right":
        x -= _width(text, size, weight)
    cv2.putText(image, text, (x, y), color, _font(), round(size), weight)
