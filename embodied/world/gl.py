"""Choose a graphics back end that really renders, before MuJoCo is imported.

MuJoCo reads `MUJOCO_GL` once, when it is first imported, and a broken driver can take the process
down with it. So every candidate is tried in a process of its own, and MuJoCo is not imported here.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass

INSTALL = "apt-get install libegl1 libgl1-mesa-dri"

_RENDER = """
import mujoco
model = mujoco.MjModel.from_xml_string(
    '<mujoco><worldbody><light pos="0 0 2"/><geom size=".3"/></worldbody></mujoco>')
data = mujoco.MjData(model)
mujoco.mj_forward(model, data)
renderer = mujoco.Renderer(model, 32, 32)
renderer.update_scene(data)
assert renderer.render().any(), "the picture is black"
from OpenGL import GL
print("device:", GL.glGetString(GL.GL_RENDERER).decode())
"""


@dataclass(frozen=True)
class GlChoice:
    """The back end to render with: "egl", "osmesa" or "glfw"; None when none works."""

    backend: str | None
    reason: str
    device: str = ""


def candidates(env: Mapping[str, str]) -> list[str]:
    """Return the back ends worth trying: the one `MUJOCO_GL` names, or all, likeliest first."""
    asked = env.get("MUJOCO_GL", "").strip().lower()
    if asked:
        return [asked]
    return ["egl", "osmesa", *(["glfw"] if env.get("DISPLAY") else [])]


def choose(env: Mapping[str, str] | None = None, timeout_s: float = 60.0) -> GlChoice:
    """Return the first candidate that renders a picture, with the reason for the choice."""
    env = os.environ if env is None else env
    failures = []
    for backend in candidates(env):
        device, failure = try_backend(backend, env, timeout_s)
        if device is not None:
            asked = "MUJOCO_GL asks for it" if env.get("MUJOCO_GL") else "first that rendered"
            skipped = "".join(f"; {text}" for text in failures)
            return GlChoice(backend, asked + skipped, device)
        failures.append(f"{backend} fails: {failure}")
    hint = "unset MUJOCO_GL, or " if env.get("MUJOCO_GL") else ""
    return GlChoice(None, f"{'; '.join(failures)}. For pictures and video, {hint}{INSTALL}")


def try_backend(
    backend: str, env: Mapping[str, str], timeout_s: float = 60.0
) -> tuple[str | None, str]:
    """Render a picture with `backend` in a new process; return (device, "") or (None, why not)."""
    if backend in ("off", "disable", "disabled", "0", "false"):
        return None, "rendering is switched off"
    try:
        done = subprocess.run(
            [sys.executable, "-c", _RENDER],
            env={**env, "MUJOCO_GL": backend},
            capture_output=True,
            text=True,
            timeout=timeout_s,
        )
    except subprocess.TimeoutExpired:
        return None, f"no picture within {timeout_s:.0f} s"
    for line in done.stdout.splitlines():
        if line.startswith("device: ") and done.returncode == 0:
            return line.removeprefix("device: "), ""
    errors = [line for line in done.stderr.splitlines() if line and not line.startswith(" ")]
    return None, errors[-1] if errors else f"exit code {done.returncode}"
