"""Geometry of a good grasp with the Fetch's pads, from above. Metres."""

from __future__ import annotations

import torch

FINGERTIP = 0.0275
"""The pads end this far below the tcp; a grasp stays above the surface by it."""
GRASP_DEPTH = 0.035
"""How far below an object's top the tcp grasps tall things."""
STAND = 0.66
"""From the base's centre to the object or spot in front of which the robot stands."""


def grasp_offset(half: torch.Tensor) -> torch.Tensor:
    """(M,) height of an upright object's centre above the tcp in a good grasp; half extents (M, 3)."""
    return -torch.maximum((half[:, 2] - GRASP_DEPTH).clamp_min(0), FINGERTIP - half[:, 2])
