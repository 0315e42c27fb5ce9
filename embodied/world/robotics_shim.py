"""Make gymnasium-robotics 1.4.2 work with MuJoCo 3.12 and newer. Goes when upstream is mended.

Since MuJoCo 3.12 `numpy.int32 in (mjtJoint…)` is false, because the enum answers such a comparison
itself, strictly. The joint accessors of `gymnasium_robotics.utils.mujoco_utils` rest on it, so
`gymnasium.make` dies in an AssertionError for Fetch, FrankaKitchen, HandReach and HandManipulate.
`apply` replaces the four accessors by MuJoCo's own named access, which also reads the velocity of
a ball joint as three numbers where upstream reads four. AdroitHand and the mazes need no mending.
"""

from __future__ import annotations

from typing import Any

import mujoco
import numpy as np

_HINGE = '<mujoco><worldbody><body><joint name="j"/><geom size="1"/></body></worldbody></mujoco>'


def needs_mending() -> bool:
    """Return whether upstream's joint accessors fail with the MuJoCo that is installed."""
    from gymnasium_robotics.utils import mujoco_utils as upstream

    model = mujoco.MjModel.from_xml_string(_HINGE)
    data = mujoco.MjData(model)
    try:
        upstream.set_joint_qpos(model, data, "j", 0.5)
        return upstream.get_joint_qpos(model, data, "j").tolist() != [0.5]
    except AssertionError:
        return True


def apply() -> bool:
    """Replace upstream's accessors when they fail; return whether that was necessary now.

    Call it before `gymnasium.make` of a gymnasium-robotics environment. A second call, and a call
    with a mended upstream, changes nothing.
    """
    if not needs_mending():
        return False
    from gymnasium_robotics.utils import mujoco_utils as upstream

    for accessor in (get_joint_qpos, set_joint_qpos, get_joint_qvel, set_joint_qvel):
        setattr(upstream, accessor.__name__, accessor)
    return True


def make(env_id: str, **kwargs: Any) -> Any:
    """Return `gymnasium.make(env_id, **kwargs)` with gymnasium-robotics registered and mended."""
    import gymnasium

    apply()
    _register(env_id)
    return gymnasium.make(env_id, **kwargs)


def horizon(env_id: str) -> int:
    """Return after how many steps an episode of an environment is cut off; 0 if it never is."""
    import gymnasium

    _register(env_id)
    return gymnasium.spec(env_id).max_episode_steps or 0


def _register(env_id: str) -> None:
    import gymnasium
    import gymnasium_robotics

    if env_id not in gymnasium.registry:
        gymnasium.register_envs(gymnasium_robotics)


def get_joint_qpos(model: mujoco.MjModel, data: mujoco.MjData, name: str) -> np.ndarray:
    """Return a copy of a joint's position: (1,) hinge or slide, (4,) ball, (7,) free."""
    return data.joint(name).qpos.copy()


def set_joint_qpos(model: mujoco.MjModel, data: mujoco.MjData, name: str, value: Any) -> None:
    """Set a joint's position; shapes as in `get_joint_qpos`, a scalar fits a hinge or slide."""
    data.joint(name).qpos[:] = value


def get_joint_qvel(model: mujoco.MjModel, data: mujoco.MjData, name: str) -> np.ndarray:
    """Return a copy of a joint's velocity: (1,) hinge or slide, (3,) ball, (6,) free."""
    return data.joint(name).qvel.copy()


def set_joint_qvel(model: mujoco.MjModel, data: mujoco.MjData, name: str, value: Any) -> None:
    """Set a joint's velocity; shapes as in `get_joint_qvel`, a scalar fits a hinge or slide."""
    data.joint(name).qvel[:] = value
