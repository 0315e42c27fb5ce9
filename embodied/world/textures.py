"""Textures drawn in memory: labels for the objects, surfaces for the kitchen. No image files.

Every function returns uint8 (H, W, 3) RGB, or (H, W, 4) where it says so. Colours go in as
floats in [0, 1]. All of it is deterministic.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

Color = Sequence[float]
_FONT = cv2.FONT_HERSHEY_DUPLEX
LID, CRIMP = 0.16, 0.07  # shares of the texture's rows: a can's lid, one crimped end of a bag


def letters(name: str) -> list[str]:
    """What is printed on a product: its name without the word for its shape, one word a line."""
    words = [word for word in name.split() if word not in ("can", "bottle", "bag", "box")]
    return [word.upper() for word in words or name.split()]


def can(name: str, base: Color, extras: Sequence[Color], side: int = 288) -> np.ndarray:
    """Lid in the top `LID` rows, then the printed side, thrice around: swash, roundel, name."""
    image = _plain(side, side, base)
    top = int(side * LID)
    accent = extras[0] if extras else _contrast(base)
    half = image[top:, : side // 3]
    x = np.arange(half.shape[1])
    centre = half.shape[0] * (0.70 + 0.07 * np.sin(2 * np.pi * x / half.shape[1]))
    rows = np.arange(half.shape[0])[:, None]
    half[np.abs(rows - centre) < half.shape[0] * 0.075] = _rgb(accent)
    if len(extras) > 1:
        middle = (half.shape[1] // 2, int(half.shape[0] * 0.70))
        cv2.circle(half, middle, side // 11, _rgb(extras[1]), -1, cv2.LINE_AA)
        cv2.circle(half, middle, side // 11, _rgb(accent), 3, cv2.LINE_AA)
    _write(half, letters(name), (0.06, 0.94, 0.12, 0.56), _ink(base, extras))
    half[:5] = half[-5:] = (196, 200, 206)
    image[top:] = np.tile(half, (1, 3, 1))
    lid = _plain(top, side, (0.80, 0.82, 0.85))
    lid[int(top * 0.75) :] = (150, 154, 160)
    cv2.ellipse(lid, (side // 6, top // 2), (side // 12, top // 4), 0, 0, 360, (90, 94, 100), -1)
    image[:top] = lid
    return image


def bottle(name: str, liquid: Color, extras: Sequence[Color], side: int = 288) -> np.ndarray:
    """Rows: cap 0-0.2, neck and shoulder to 0.4, label to 0.75, body. Has alpha if liquid has."""
    label = extras[0] if extras else (0.97, 0.96, 0.92)
    cap = extras[1] if len(extras) > 1 else _contrast(liquid)
    image = _plain(side, side, liquid[:3])
    x = np.arange(side)
    image[: side // 5] = _rgb(cap)
    image[side // 20 : side // 5, x % 8 < 3] = _rgb(_mix(cap, (0, 0, 0), 0.25))
    glint = (x % (side // 2) > side // 12) & (x % (side // 2) < side // 7)
    image[:, glint] = np.clip(image[:, glint] * 1.15, 0, 255).astype(np.uint8)
    top, end = int(side * 0.40), int(side * 0.75)
    part = _plain(end - top, side // 3, label)
    part[:6] = part[-6:] = _rgb(_mix(cap, label, 0.2))
    _write(part, letters(name), (0.08, 0.92, 0.18, 0.82), _contrast(label))
    image[top:end] = np.tile(part, (1, 3, 1))
    if len(liquid) < 4 or liquid[3] == 1:
        return image
    alpha = np.full((side, side), 255, np.uint8)
    alpha[side // 5 : top], alpha[end:] = (int(255 * liquid[3]),) * 2
    return np.dstack([image, alpha])


def bag(name: str, base: Color, extras: Sequence[Color], aspect: float = 1.55) -> np.ndarray:
    """A pillow bag, front and back: crimped ends, the name on a panel, a heap of chips below."""
    width = 160
    height = int(width * aspect)
    accent = extras[0] if extras else _contrast(base)
    front = _plain(height, width, base)
    front[int(0.14 * height) : int(0.50 * height), 8:-8] = _rgb(accent)
    _write(front, letters(name), (0.09, 0.91, 0.16, 0.48), _contrast(accent))
    chips = np.random.default_rng(0).uniform([0.2, 0.60], [0.8, 0.84], (14, 2))
    for i, (x, y) in enumerate(chips):
        at, turn = (int(x * width), int(y * height)), 40 * i
        cv2.ellipse(front, at, (width // 8, width // 12), turn, 0, 360, (150, 96, 30), -1, 16)
        cv2.ellipse(front, at, (width // 9, width // 15), turn, 0, 360, (243, 200, 104), -1, 16)
    return np.tile(_crimped(front, base), (1, 2, 1))


def bar(name: str, base: Color, extras: Sequence[Color], aspect: float = 2.6) -> np.ndarray:
    """A lying bar's wrapper, top and underside; the bar's length runs along the rows."""
    height = 100
    width = int(height * aspect)
    accent = extras[0] if extras else _contrast(base)
    top = _plain(height, width, base)
    corners = np.array([[0.30, 0], [0.92, 0], [0.80, 1], [0.18, 1]]) * [width, height]
    cv2.fillPoly(top, [corners.astype(np.int32)], _rgb(accent), cv2.LINE_AA)
    _write(top, letters(name), (0.26, 0.84, 0.14, 0.86), base[:3])
    upright = _crimped(np.ascontiguousarray(np.rot90(top)), base)
    return np.tile(upright, (1, 2, 1))


def sponge(base: Color, extras: Sequence[Color], side: int = 128) -> np.ndarray:
    """Rows: scouring pad on top 0-0.3, its edge to 0.45, then foam with pores."""
    rng = np.random.default_rng(1)
    pad = extras[0] if extras else _mix(base, (0, 0, 0), 0.4)
    image = _plain(side, side, base[:3])
    pore = _rgb(_mix(base, (0.5, 0.3, 0), 0.35))
    for x, y in rng.integers(0, side, (150, 2)):
        cv2.circle(
            image,
            (int(x), int(y)),
            int(rng.integers(1, 4)),
            pore,
            -1,
        )
    image[: int(side * 0.45)] = _rgb(pad)
    grain = rng.integers(-16, 16, (int(side * 0.45), side, 1))
    image[: int(side * 0.45)] = np.clip(image[: int(side * 0.45)] + grain, 0, 255)
    return image


def fruit(base: Color, extras: Sequence[Color], side: int = 128) -> np.ndarray:
    """Skin with freckles, paler around the stem (first row)."""
    rng = np.random.default_rng(2)
    rows = np.linspace(0, 1, side)[:, None, None]
    skin = np.array(base[:3]) * np.ones((side, side, 1))
    pale = np.array(_mix(base, (1.0, 0.85, 0.35), 0.55))
    skin += (pale - skin) * np.clip(1 - rows / 0.22, 0, 1)
    skin *= 1 - 0.12 * np.clip((rows - 0.6) / 0.4, 0, 1)
    image = _bytes(skin)
    for x, y in rng.integers(0, side, (130, 2)):
        cv2.circle(image, (int(x), int(y)), 1, _rgb(_mix(base, (1, 0.9, 0.6), 0.35)), -1)
    if len(extras) == 1:  # a calyx instead of a stem with a leaf
        image[:7] = _rgb(extras[0])
    return image


def label(name: str, base: Color, extras: Sequence[Color], side: int = 192) -> np.ndarray:
    """For a look this file does not know: the main colour with a band that names the thing."""
    accent = extras[0] if extras else _contrast(base)
    half = _plain(side, side // 2, base)
    half[int(side * 0.35) : int(side * 0.7)] = _rgb(accent)
    _write(half, letters(name), (0.06, 0.94, 0.38, 0.67), _contrast(accent))
    return np.tile(half, (1, 2, 1))


def _crimped(image: np.ndarray, base: Color) -> np.ndarray:
    rows, columns = int(image.shape[0] * CRIMP), np.arange(image.shape[1])
    seal = _plain(rows, image.shape[1], _mix(base, (0.85, 0.86, 0.88), 0.55))
    seal[:, columns % 6 < 2] = _rgb(_mix(base, (0.5, 0.5, 0.52), 0.5))
    image[:rows] = image[-rows:] = seal
    return image


def _write(
    image: np.ndarray, lines: list[str], box: tuple[float, float, float, float], color: Color
) -> None:
    """Fits lines of text into box = (left, right, top, bottom), shares of the image."""
    height, width = image.shape[:2]
    left, right, top, bottom = (
        int(v * s) for v, s in zip(box, (width, width, height, height), strict=True)
    )
    row = (bottom - top) / len(lines)
    sizes = [cv2.getTextSize(line, _FONT, 1.0, 2)[0] for line in lines]
    scale = min(min((right - left) / w for w, _ in sizes), row * 0.74 / max(h for _, h in sizes))
    weight = max(1, round(scale * 2.6))
    for k, (line, (w, h)) in enumerate(zip(lines, sizes, strict=True)):
        at = (
            round((left + right - w * scale) / 2),
            round(top + row * (k + 0.5) + h * scale / 2),
        )
        cv2.putText(image, line, at, _FONT, scale, _rgb(color), weight, cv2.LINE_AA)


def _ink(base: Color, extras: Sequence[Color]) -> Color:
    """The extra colour that reads best on the base, or black or white."""
    ground = _brightness(base)
    return max([*extras, _contrast(base)], key=lambda color: abs(_brightness(color) - ground))


def _contrast(color: Color) -> Color:
    return (0.13, 0.13, 0.15) if _brightness(color) > 0.55 else (0.98, 0.98, 0.96)


def _brightness(color: Color) -> float:
    return 0.30 * color[0] + 0.59 * color[1] + 0.11 * color[2]


def _mix(a: Color, b: Color, share: float) -> tuple[float, ...]:
    return tuple(float(x * (1 - share) + y * share) for x, y in zip(a[:3], b[:3], strict=True))


def _rgb(color: Color) -> tuple[int, int, int]:
    r, g, b = (round(255 * float(v)) for v in color[:3])
    return r, g, b


def _bytes(image: np.ndarray) -> np.ndarray:
    return np.clip(image * 255 + 0.5, 0, 255).astype(np.uint8)


def _plain(height: int, width: int, color: Color) -> np.ndarray:
    return np.full((height, width, 3), _rgb(color), np.uint8)
