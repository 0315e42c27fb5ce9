"""One simulated kitchen, one or many of it: models, engines, state, control, what is true, pictures."""

from __future__ import annotations

import os

# MuJoCo raises at import when MUJOCO_GL names no back end. Physics needs none, so an unknown name
# only costs the pictures: whoever wants one is told by `render.Cameras`.
GL_OFF = ("disable", "disabled", "off", "false", "0")
_GL = ("", "egl", "osmesa", "glfw", "glx", "enable", "enabled", "on", "true", "1", *GL_OFF)
UNKNOWN_GL = os.environ.get("MUJOCO_GL", "").strip().lower()
"""What MUJOCO_GL named if that was no back end, else empty."""
if UNKNOWN_GL in _GL:
    UNKNOWN_GL = ""
else:
    os.environ["MUJOCO_GL"] = "disabled"
