"""The room camera's cameraman: where to look, from how far, from which side.

While the robot drives, the view stays wide; where it stands and works, the view comes close and
swings to a side from which the robot does not hide its own gripper. Every quantity follows its
target through a low-pass filter in simulated time, so the same states give the same pictures.
"""

from __future__ import annotations

from dataclasses import dataclass

import mujoco
import numpy as np

# one shot: lookat x, y, z [m], distance [m], azimuth, elevation [deg], as in mujoco.MjvCamera
_Shot = np.ndarray
_NEW_TAKE = 5.0  # s: after a longer gap the view jumps instead of panning


@dataclass(frozen=True)
class FollowCfg:
    """Distances in metres, angles in degrees (mujoco.MjvCamera's), times in simulated seconds."""

    center: tuple[float, float] = (-0.1, 0.0)  # of the room
    azimuth: float = 248.0  # looks south-west; the north and east walls are not drawn
    azimuth_range: tuple[float, float] = (208.0, 285.0)
    clear: float = 58.0  # least angle between the view and the robot's heading
    far: tuple[float, float] = (5.1, -36.0)  # distance and elevation while driving
    near: tuple[float, float] = (2.85, -33.0)  # ... while working
    driving: float = 0.25  # m/s: faster than this counts fully as driving
    lag: float = 0.7  # s, of the filter


class Follow:
    """Fills an MjvCamera frame by frame."""

    def __init__(self, model: mujoco.MjModel, cfg: FollowCfg | None = None) -> None:
        self._cfg = cfg or FollowCfg()
        joints = [model.joint(f"robot/base_{axis}") for axis in ("x", "y", "yaw")]
        self._qpos = [int(joint.qposadr[0]) for joint in joints]
        self._qvel = [int(joint.dofadr[0]) for joint in joints]
        self._tcp = int(model.site("robot/tcp").id)
        self._shot: _Shot | None = None
        self._time = 0.0

    def update(self, data: mujoco.MjData, camera: mujoco.MjvCamera) -> None:
        """Moves on to the state's time. A state from the past starts a new take, without a pan."""
        shot, passed = self._goal(data), data.time - self._time
        if self._shot is not None and 0 <= passed <= _NEW_TAKE:
            kept = np.exp(-passed / self._cfg.lag)
            shot = kept * self._shot + (1 - kept) * shot
        self._shot, self._time = shot, data.time
        camera.type = mujoco.mjtCamera.mjCAMERA_FREE
        camera.lookat = shot[:3]
        camera.distance, camera.azimuth, camera.elevation = shot[3:]

    def _goal(self, data: mujoco.MjData) -> _Shot:
        cfg = self._cfg
        x, y, yaw = (float(data.qpos[i]) for i in self._qpos)
        speed = float(np.hypot(data.qvel[self._qvel[0]], data.qvel[self._qvel[1]]))
        wide = min(1.0, speed / cfg.driving)
        hand = data.site_xpos[self._tcp]
        working = np.array([(x + 2 * hand[0]) / 3, (y + 2 * hand[1]) / 3, 0.90])
        driving = np.array([(x + cfg.center[0]) / 2, (y + cfg.center[1]) / 2, 0.55])
        return np.append(
            wide * driving + (1 - wide) * working,
            [
                wide * cfg.far[0] + (1 - wide) * cfg.near[0],
                wide * cfg.azimuth + (1 - wide) * self._side(np.degrees(yaw)),
                wide * cfg.far[1] + (1 - wide) * cfg.near[1],
            ],
        )

    def _side(self, heading: float) -> float:
        """The azimuth nearest to the usual one that does not look over the robot's shoulder."""
        cfg = self._cfg
        off = (cfg.azimuth - heading + 180) % 360 - 180
        if abs(off) < cfg.clear:
            off = np.copysign(cfg.clear, off)
        azimuth = (heading + off - cfg.azimuth + 180) % 360 - 180 + cfg.azimuth
        return float(np.clip(azimuth, *cfg.azimuth_range))
