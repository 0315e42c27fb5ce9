"""Where things can be: the geometry of the kitchen's places, read from its model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import mujoco
import numpy as np

from embodied.errors import UsageError
from embodied.world import catalogue
from embodied.world.grasp import STAND


@dataclass(frozen=True)
class Place:
    """A place's geometry, world frame, metres and radians."""

    name: str
    kind: str
    centre: np.ndarray
    """(3,) middle of the usable area, at its top; of a bin, the middle of the opening."""
    yaw: float
    """Heading of a robot that stands in front of it."""
    half: tuple[float, float]
    """Half the usable depth (along the heading) and width."""

    def local(self, point: np.ndarray) -> np.ndarray:
        """(..., 2) depth and side of world points (..., 2+) from the centre."""
        c, s = np.cos(self.yaw), np.sin(self.yaw)
        dx, dy = point[..., 0] - self.centre[0], point[..., 1] - self.centre[1]
        return np.stack([c * dx + s * dy, -s * dx + c * dy], -1)

    def point(self, depth: float, side: float) -> np.ndarray:
        """(3,) world point at a depth and side from the centre."""
        c, s = np.cos(self.yaw), np.sin(self.yaw)
        return self.centre + np.array([c * depth - s * side, s * depth + c * side, 0.0])

    def stand(self, point: np.ndarray) -> np.ndarray:
        """(3,) base pose x, y, yaw in front of a world point on this place."""
        return np.array(
            [point[0] - STAND * np.cos(self.yaw), point[1] - STAND * np.sin(self.yaw), self.yaw]
        )


def read_places(model: mujoco.MjModel) -> Mapping[str, Place]:
    """The places of a kitchen by name, as they are in its default state.

    Raises:
        UsageError: a place of the catalogue has no site in the model.
    """
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    places = {}
    for name, spec in catalogue.places().items():
        if mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_SITE, f"place/{name}") < 0:
            raise UsageError(
                f"sim_assets/places.yaml has a place '{name}', but sim_assets/kitchen.xml has no site "
                f"'place/{name}' that says where it is; add the site or take the entry out."
            )
        site = data.site(f"place/{name}")
        x_axis = site.xmat.reshape(3, 3)[:, 0]
        half = model.site(f"place/{name}").size
        places[name] = Place(
            name,
            spec.kind,
            site.xpos.copy(),
            float(np.arctan2(x_axis[1], x_axis[0])),
            (float(half[0]), float(half[1])),
        )
    return places
