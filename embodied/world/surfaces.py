"""Textures of the room itself, drawn in memory: floor with contact shadows, wood, tiles, doors.

`paint` gives them to the materials of kitchen.xml by name. Images are uint8 (H, W, 3) RGB.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import cv2
import mujoco
import numpy as np

Color = Sequence[float]
_RESOLUTION = 128  # floor pixels per metre
_SHADE_RESOLUTION = 32  # of the shadows on it


@dataclass(frozen=True)
class Surface:
    """draw: the image, from the material's own colour. repeat: per metre; None is once a face."""

    draw: Callable[[Color], np.ndarray]
    repeat: tuple[float, float] | None = None


def paint(spec: mujoco.MjSpec) -> None:
    """Draws the textures of the kitchen's materials and takes their plain colours away."""
    for name, surface in _SURFACES.items():
        material = spec.material(name)
        add_texture(spec, material, surface.draw(material.rgba))
        if surface.repeat is not None:
            material.texuniform, material.texrepeat = True, surface.repeat
    material, floor = spec.material("floor"), spec.geom("floor")
    add_texture(spec, material, _floor(spec, material.rgba, floor.size[:2]))


def add_texture(spec: mujoco.MjSpec, material: mujoco.MjsMaterial, image: np.ndarray) -> None:
    """Gives a material its image, (H, W, 3) or with alpha (H, W, 4), in place of its colour."""
    name = material.name
    texture = spec.add_texture(name=name, type=mujoco.mjtTexture.mjTEXTURE_2D)
    texture.height, texture.width, texture.nchannel = image.shape
    texture.data = np.ascontiguousarray(image).tobytes()
    material.textures[mujoco.mjtTextureRole.mjTEXROLE_RGB] = name
    # an alpha below 1 tells the renderer to blend
    material.rgba = [1, 1, 1, 1 if image.shape[2] == 3 else 0.99]


def planks(color: Color, height: int, width: int, rows: int, length: int, seed: int) -> np.ndarray:
    """Boards along x: `rows` over the height, `length` pixels each, with grain and joints."""
    rng = np.random.default_rng(seed)
    image = np.empty((height, width, 3))
    edges = np.linspace(0, height, rows + 1).astype(int)
    for low, high in pairwise(edges):
        start = -int(rng.integers(0, length))
        while start < width:
            left, right = max(start, 0), min(start + length, width)
            if right > left:
                image[low:high, left:right] = np.array(color[:3]) * rng.uniform(0.90, 1.06)
                image[low:high, left : left + 1] *= 0.80
            start += length
        image[low : low + 1] *= 0.82
    grain = cv2.GaussianBlur(rng.normal(size=(height, width)), (0, 0), sigmaX=14, sigmaY=0.7)
    return image * (1 + 0.16 * grain[..., None])


def _floor(spec: mujoco.MjSpec, color: Color, half: Sequence[float]) -> np.ndarray:
    width, height = (int(2 * side * _RESOLUTION) for side in half)
    image = planks(color, height, width, rows=28, length=150, seed=3)
    _rug(image, half)
    return _bytes(image * _contact_shadow(spec, half, image.shape[:2])[..., None])


def _rug(image: np.ndarray, half: Sequence[float]) -> None:
    """A woven rug with a border in the middle of the room."""
    rng = np.random.default_rng(4)
    for inset, color in (
        (0.0, (0.80, 0.78, 0.73)),
        (0.05, (0.36, 0.45, 0.55)),
        (0.09, (0.86, 0.83, 0.77)),
    ):
        x0, y0 = _pixel(half, -0.75 + inset, 0.60 - inset)
        x1, y1 = _pixel(half, 1.05 - inset, -0.62 + inset)
        weave = 1 + 0.05 * rng.normal(size=(y1 - y0, x1 - x0, 1))
        weave[::3] *= 0.97
        image[y0:y1, x0:x1] = np.array(color) * weave


def _contact_shadow(
    spec: mujoco.MjSpec, half: Sequence[float], shape: tuple[int, ...]
) -> np.ndarray:
    """Soft darkening (H, W) under and around every box that stands low above the floor.

    Computed at a fraction of the floor's resolution, which blurring hides.
    """
    width, height = (int(2 * side * _SHADE_RESOLUTION) for side in half)
    shade = np.ones((height, width), np.float32)
    for geom in spec.geoms:
        low = max(0.0, geom.pos[2] - geom.size[2])
        is_box = int(geom.type) == int(mujoco.mjtGeom.mjGEOM_BOX)
        if geom.classname.name != "look" or not is_box or low > 0.8 or geom.parent.joints:
            continue
        centre = (geom.pos + geom.parent.pos)[:2]
        x0, y0 = (centre - geom.size[:2] + half) * _SHADE_RESOLUTION
        x1, y1 = (centre + geom.size[:2] + half) * _SHADE_RESOLUTION
        mask = np.zeros_like(shade)
        mask[_span(height - y1, height - y0), _span(x0, x1)] = 1
        mask = cv2.GaussianBlur(mask, (0, 0), _SHADE_RESOLUTION * (0.06 + 0.16 * low))
        shade = np.minimum(shade, 1 - (0.62 - 0.40 * low) * mask)
    return cv2.resize(shade, shape[1::-1], interpolation=cv2.INTER_CUBIC)


def _span(low: float, high: float) -> slice:
    return slice(max(round(low), 0), max(round(high), 0))


def _pixel(half: Sequence[float], x: float, y: float) -> tuple[int, int]:
    """Column and row of a floor point [m]; the first row is the far side, +y."""
    return round((x + half[0]) * _RESOLUTION), round((half[1] - y) * _RESOLUTION)


def _door(color: Color) -> np.ndarray:
    """A shaker door: frame, recessed panel, lit from above."""
    image = np.ones((96, 96, 3)) * np.array(color[:3])
    image[14:82, 14:82] *= 0.94
    image[14:17, 14:82] *= 0.78
    image[14:82, 14:16] *= 0.84
    image[79:82, 14:82] *= 1.14
    image[:1], image[-1:], image[:, :1], image[:, -1:] = (image[0, 0] * 0.8,) * 4
    return _bytes(image)


def _panel(color: Color) -> np.ndarray:
    image = np.ones((32, 64, 3)) * np.array(color[:3])
    image[:, :2] *= 0.72
    image[:, 2:4] *= 0.9
    image[:, -2:] *= 1.08
    return _bytes(image)


def _tiles(color: Color) -> np.ndarray:
    """A wall of brick-laid tiles: 24 x 18 on the splashback, so 4 cm high in 10 cm lengths."""
    rng = np.random.default_rng(5)
    image = np.ones((64, 160, 3)) * np.array(color[:3])
    for row in range(2):
        for k in range(-1, 2):
            left = k * 80 + row * 40
            span = slice(max(left, 0), max(min(left + 80, 160), 0))
            image[row * 32 : row * 32 + 32, span] *= rng.uniform(0.97, 1.03)
            if 0 <= left < 160:
                image[row * 32 : row * 32 + 32, left : left + 3] = 0.78
        image[row * 32 : row * 32 + 3] = 0.78
    return _bytes(np.tile(image[::2, ::2], (9, 12, 1)))


def _stone(color: Color) -> np.ndarray:
    rng = np.random.default_rng(6)
    noise = sum(
        cv2.GaussianBlur(rng.normal(size=(256, 256)), (0, 0), sigma) * sigma for sigma in (1, 6)
    )
    return _bytes(np.array(color[:3]) * (1 + 0.018 * np.asarray(noise)[..., None]))


def _view(color: Color) -> np.ndarray:
    """A bright sky over trees."""
    rows = np.linspace(0, 1, 128)[:, None, None]
    image = np.array([0.66, 0.83, 0.97]) * (1 - rows) + np.array([0.97, 0.97, 0.93]) * rows
    image = np.repeat(image, 128, 1)
    for x, y, r in ((30, 34, 11), (44, 30, 14), (60, 36, 10), (96, 52, 9), (106, 50, 11)):
        cv2.ellipse(image, (x, y), (r, r * 2 // 3), 0, 0, 360, (1, 1, 1), -1, cv2.LINE_AA)
    rng = np.random.default_rng(7)
    for x in range(-4, 134, 7):
        shade = float(rng.uniform(0.8, 1.15))
        leaf = (0.42 * shade, 0.60 * shade, 0.38 * shade)
        cv2.circle(image, (x, 120 - int(rng.integers(0, 16))), int(rng.integers(12, 22)), leaf, -1)
    return _bytes(image)


def _art(color: Color) -> np.ndarray:
    """Hills at sunset, in the kitchen's own colours."""
    image = np.ones((104, 152, 3)) * np.array([0.97, 0.90, 0.78])
    cv2.circle(image, (104, 44), 20, (0.90, 0.50, 0.34), -1, cv2.LINE_AA)
    x = np.arange(152)
    y = np.arange(104)[:, None]
    for height, swing, phase, shade in (
        (58, 9, 0.0, (0.56, 0.66, 0.62)),
        (74, 8, 2.0, (0.32, 0.45, 0.50)),
        (90, 6, 4.2, (0.20, 0.28, 0.40)),
    ):
        image[y > height + swing * np.sin(x / 24 + phase)] = shade
    image[:7] = image[-7:] = 0.99
    image[:, :7] = image[:, -7:] = 0.99
    return _bytes(image)


def _bin_sign(color: Color) -> np.ndarray:
    """A pictogram of a trash can."""
    image = np.ones((96, 96, 3)) * np.array([0.93, 0.94, 0.95])
    ink = (0.22, 0.30, 0.38)
    body = np.array([[28, 34], [68, 34], [63, 82], [33, 82]], np.int32)
    cv2.fillPoly(image, [body], ink, cv2.LINE_AA)
    cv2.rectangle(image, (22, 23), (74, 29), ink, -1)
    cv2.rectangle(image, (40, 15), (56, 23), ink, 4)
    for x in (40, 48, 56):
        cv2.line(image, (x, 42), (x, 74), (0.93, 0.94, 0.95), 3, cv2.LINE_AA)
    return _bytes(image)


def _soft_shadow(color: Color) -> np.ndarray:
    """(64, 64, 4) black, fading out from the centre to a circle."""
    rows, columns = np.mgrid[:64, :64]
    fade = np.clip(1 - np.hypot(rows - 31.5, columns - 31.5) / 31.5, 0, 1)
    alpha = np.minimum(1, 1.6 * fade) ** 1.5
    return _bytes(np.dstack([np.zeros((64, 64, 3)), alpha]))


def _bytes(image: np.ndarray) -> np.ndarray:
    return np.clip(np.asarray(image) * 255 + 0.5, 0, 255).astype(np.uint8)


_SURFACES: dict[str, Surface] = {
    "oak": Surface(lambda color: _bytes(planks(color, 256, 512, 8, 220, 8)), (1.2, 2.4)),
    "walnut": Surface(lambda color: _bytes(planks(color, 256, 512, 5, 520, 9)), (1.0, 2.0)),
    "stone": Surface(_stone, (2.5, 2.5)),
    "tiles": Surface(_tiles),
    "door": Surface(_door),
    "panel": Surface(_panel, (10.0, 5.0)),
    "view": Surface(_view),
    "art": Surface(_art),
    "bin sign": Surface(_bin_sign),
    "soft shadow": Surface(_soft_shadow),
}
