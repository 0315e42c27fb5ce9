"""The Fetch mobile manipulator, made from the meshes that gymnasium-robotics installs.

Nothing is copied: the MJCF fragments and meshes are read from the installed package and reworked
with `mujoco.MjSpec` into a robot that reinforcement learning can drive:

* base: slide x, slide y (world frame) and hinge yaw, velocity actuators [m/s, rad/s];
* arm: seven joints with gravity compensation, driven by six task-space position servos between the
  site ``tcp`` and the reference site ``arm_base`` on the base: translation [m] and rotation vector
  [rad], all in the base frame. No inverse kinematics is solved anywhere;
* gripper: two mirrored finger slides with position servos [m];
* torso and head: fixed (the torso raised by `TORSO_LIFT`, the head tilted down to see the counter).

Frames: the base frame has its origin on the floor under the base's centre, x forward, y left, z up.
The tcp frame coincides in orientation with the base frame when the gripper points straight down
with its fingers closing along y.

Not covered: wheels (the base is holonomic), self collisions, the head's two joints.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import mujoco
import numpy as np

from embodied.errors import EnvironmentFault

TORSO_LIFT = 0.37  # m, of the 0.386 m the real torso has
HEAD_TILT = 0.62  # rad, downwards
BASE_RADIUS = 0.29  # m, of the collision cylinder
BASE_JOINTS = ("base_x", "base_y", "base_yaw")
ARM_JOINTS = (
    "shoulder_pan", "shoulder_lift", "upperarm_roll", "elbow_flex",
    "forearm_roll", "wrist_flex", "wrist_roll",
)  # fmt: skip
FINGER_JOINTS = ("finger_r", "finger_l")
NU = 3 + 6 + 2  # base velocities, tcp pose, fingers
FINGER_OPEN = 0.05  # m, each finger; the pads are then 10 cm apart
PAD_HALF = (0.0385, 0.007, 0.0135)  # m: along the approach, closing, width
# arm joints [rad] with the gripper pointing down at `REST_TCP`;
# `settle` in tests proves that the servos hold it
HOME_ARM = (0.0, -1.21, 0.0, 1.40, 0.0, 1.41, 0.0)
REST_TCP = (
    0.58,
    0.0,
    1.10,
)  # m, base frame: where every skill starts and ends, clear of the counters

# Gains of the trial in docs/benchmarks.md: softer ones lose grasps, stiffer ones tilt the gripper.
_KP_POS, _KP_ROT, _F_POS, _F_ROT = 5000.0, 300.0, 300.0, 100.0
_FINGER_KP, _FINGER_FORCE = 1500.0, 30.0
_VISUAL_GROUP, _COLLISION_GROUP = 2, 4  # solids and objects collide in group 3


def fetch_spec(visuals: bool = True) -> mujoco.MjSpec:
    """Returns the robot alone as a spec, its base at the world's origin.

    Args:
        visuals: keep the meshes. Training scenes leave them out; the physics is the same.
    """
    spec = mujoco.MjSpec.from_string(_source())
    _strip(spec, visuals)
    _shape_base(spec)
    _shape_arm(spec)
    _shape_gripper(spec)
    _add_actuators(spec)
    _add_sensors(spec)
    return spec


def assets_dir() -> Path:
    """Folder with the Fetch MJCF fragments of the installed gymnasium-robotics."""
    found = find_spec("gymnasium_robotics")  # not imported: it registers hundreds of environments
    if found is None or found.origin is None:
        raise EnvironmentFault(
            "gymnasium-robotics is missing; run: pip install gymnasium-robotics==1.4.2"
        )
    return Path(found.origin).parent / "envs" / "assets"


def _source() -> str:
    root = assets_dir()
    return f"""
    <mujoco model="fetch">
      <compiler angle="radian" meshdir="{root / "stls" / "fetch"}"
                texturedir="{root / "textures"}" autolimits="true"/>
      <include file="{root / "fetch" / "shared.xml"}"/>
      <worldbody><include file="{root / "fetch" / "robot.xml"}"/></worldbody>
    </mujoco>"""


def _strip(spec: mujoco.MjSpec, visuals: bool) -> None:
    """Removes the mocap weld, the textures of the toy scenes, and the names' prefix."""
    for equality in list(spec.equalities):
        spec.delete(equality)
    for exclude in list(spec.excludes):
        spec.delete(exclude)
    spec.delete(spec.body("robot0:mocap"))
    spec.delete(spec.body("robot0:external_camera_body_0"))
    for camera in list(spec.cameras):
        if camera.name != "head_camera_rgb":
            spec.delete(camera)
    for texture in list(spec.textures):
        spec.delete(texture)
    for name in ("floor_mat", "table_mat", "block_mat", "puck_mat"):
        spec.delete(spec.material(name))
    for geom in list(spec.geoms):
        if int(geom.type) != int(mujoco.mjtGeom.mjGEOM_MESH):
            continue
        geom.contype = geom.conaffinity = 0
        geom.group = _VISUAL_GROUP
        geom.mass = 0.0
        if not visuals:
            spec.delete(geom)
    used = {geom.meshname for geom in spec.geoms}
    for mesh in list(spec.meshes):
        if mesh.name not in used:
            spec.delete(mesh)
    for group in (spec.bodies, spec.joints, spec.geoms, spec.sites, spec.meshes, spec.materials):
        for element in list(group):
            element.name = element.name.replace("robot0:", "").removesuffix("_joint")
    default = spec.find_default("robot0:fetch").geom
    default.material, default.margin = "geomMat", 0.0
    for geom in spec.geoms:
        geom.meshname = geom.meshname.replace("robot0:", "")
        geom.material = geom.material.replace("robot0:", "")
    for body in spec.bodies:
        body.gravcomp = 1.0


def _shape_base(spec: mujoco.MjSpec) -> None:
    base = spec.body("base_link")
    base.pos = [0, 0, 0]
    for joint in list(base.joints):
        spec.delete(joint)
    axes = {"base_x": [1, 0, 0], "base_y": [0, 1, 0], "base_yaw": [0, 0, 1]}
    for name, axis in axes.items():
        kind = mujoco.mjtJoint.mjJNT_HINGE if name == "base_yaw" else mujoco.mjtJoint.mjJNT_SLIDE
        base.add_joint(name=name, type=kind, axis=axis, armature=0.1)
    base.add_site(name="arm_base", pos=[0, 0, 0], group=4)
    _collider(
        base, "base_collision", mujoco.mjtGeom.mjGEOM_CYLINDER, [BASE_RADIUS, 0.17, 0], [0, 0, 0.20]
    )
    torso = spec.body("torso_lift_link")
    torso.pos = torso.pos + np.array([0, 0, TORSO_LIFT])
    for name in ("torso_lift", "head_pan", "head_tilt"):
        spec.delete(spec.joint(name))
    tilt = spec.body("head_tilt_link")
    tilt.quat = [np.cos(HEAD_TILT / 2), 0, np.sin(HEAD_TILT / 2), 0]
    spec.camera("head_camera_rgb").fovy = 62


def _shape_arm(spec: mujoco.MjSpec) -> None:
    for name, angle in zip(ARM_JOINTS, HOME_ARM, strict=True):
        joint = spec.joint(name)
        joint.armature, joint.frictionloss = 0.1, 0.0
        joint.damping = [2.0, 0, 0]
        joint.stiffness = [2.0, 0, 0]  # a faint pull to the home posture resolves the redundancy
        joint.springref = angle
    capsule = mujoco.mjtGeom.mjGEOM_CAPSULE
    _collider(
        spec.body("forearm_roll_link"),
        "forearm_collision",
        capsule,
        [0.06, 0.08, 0],
        [0.07, 0, 0],
        along_x=True,
    )
    _collider(
        spec.body("wrist_flex_link"),
        "wrist_collision",
        capsule,
        [0.055, 0.06, 0],
        [0.07, 0, 0],
        along_x=True,
    )


def _shape_gripper(spec: mujoco.MjSpec) -> None:
    gripper = spec.body("gripper_link")
    _collider(
        gripper, "palm_collision", mujoco.mjtGeom.mjGEOM_BOX, [0.045, 0.060, 0.035], [-0.090, 0, 0]
    )
    # the tcp frame is the base frame's orientation when the gripper's x axis points down
    spec.delete(spec.site("grip"))
    gripper.add_site(
        name="tcp", pos=[0.015, 0, 0], quat=[np.sqrt(0.5), 0, -np.sqrt(0.5), 0], group=4
    )
    for name, side in (("finger_r", 1), ("finger_l", -1)):
        body = spec.body(f"{name[-1]}_gripper_finger_link")
        body.mass, body.inertia = 0.1, [1e-4, 1e-4, 1e-4]
        joint = body.joints[0]
        joint.name, joint.range = name, [0.0, FINGER_OPEN]
        joint.armature, joint.damping = 0.5, [5.0, 0, 0]
        joint.solref_limit, joint.solimp_limit = [0.02, 1], [0.9, 0.95, 0.001, 0.5, 2]
        pad = body.geoms[0]
        pad.name, pad.group, pad.contype, pad.conaffinity = f"pad_{name[-1]}", _VISUAL_GROUP, 1, 1
        pad.condim, pad.priority, pad.friction = 4, 1, [1.2, 0.02, 0.001]
        pad.margin, pad.solref, pad.solimp = 0.0, [0.008, 1], [0.9, 0.95, 0.001, 0.5, 2]
        pad.size = PAD_HALF
        # a touch sensor's zone: the pad's inner side, 2 mm beyond it all round, because boxes touch
        # at the pad's very edges and a zone that ends there flickers
        site = body.add_site(name=f"touch_{name[-1]}", type=mujoco.mjtGeom.mjGEOM_BOX, group=4)
        site.pos = [0, side * -0.0130, 0]
        site.size = [PAD_HALF[0] + 0.002, 0.0040, PAD_HALF[2] + 0.002]
        spec.add_sensor(
            name=f"touch_{name[-1]}", type=mujoco.mjtSensor.mjSENS_TOUCH,
            objtype=mujoco.mjtObj.mjOBJ_SITE, objname=f"touch_{name[-1]}",
        )  # fmt: skip


def _add_actuators(spec: mujoco.MjSpec) -> None:
    for name, kv, force in (("base_x", 2500, 2000), ("base_y", 2500, 2000), ("base_yaw", 600, 800)):
        actuator = spec.add_actuator(name=name, target=name, trntype=mujoco.mjtTrn.mjTRN_JOINT)
        actuator.set_to_velocity(kv=kv)
        actuator.forcerange, actuator.forcelimited = [-force, force], True
    for axis, name in enumerate(("tcp_x", "tcp_y", "tcp_z", "tcp_rx", "tcp_ry", "tcp_rz")):
        kp, force = (_KP_POS, _F_POS) if axis < 3 else (_KP_ROT, _F_ROT)
        actuator = spec.add_actuator(name=name, target="tcp", trntype=mujoco.mjtTrn.mjTRN_SITE)
        actuator.refsite = "arm_base"
        actuator.set_to_position(kp=kp, dampratio=1.0)
        gear = np.zeros(6)
        gear[axis] = 1
        actuator.gear = gear
        actuator.forcerange, actuator.forcelimited = [-force, force], True
    for name in FINGER_JOINTS:
        actuator = spec.add_actuator(name=name, target=name, trntype=mujoco.mjtTrn.mjTRN_JOINT)
        actuator.set_to_position(kp=_FINGER_KP, dampratio=1.0)
        actuator.forcerange, actuator.forcelimited = [-_FINGER_FORCE, _FINGER_FORCE], True


def _add_sensors(spec: mujoco.MjSpec) -> None:
    """The tcp's pose and velocity in the base frame, as the servos see it."""
    kinds = {
        "tcp_pos": mujoco.mjtSensor.mjSENS_FRAMEPOS,
        "tcp_xaxis": mujoco.mjtSensor.mjSENS_FRAMEXAXIS,
        "tcp_zaxis": mujoco.mjtSensor.mjSENS_FRAMEZAXIS,
        "tcp_vel": mujoco.mjtSensor.mjSENS_FRAMELINVEL,
    }
    site = mujoco.mjtObj.mjOBJ_SITE
    for name, kind in kinds.items():
        spec.add_sensor(
            name=name, type=kind, objtype=site, objname="tcp", reftype=site, refname="arm_base"
        )


def _collider(
    body: mujoco.MjsBody,
    name: str,
    kind: mujoco.mjtGeom,
    size: list[float],
    pos: list[float],
    along_x: bool = False,
) -> None:
    """Adds an invisible collision primitive. Bit 2 keeps the robot's own parts from each other."""
    geom = body.add_geom(name=name, type=kind, size=size, pos=pos, mass=0.0)
    geom.contype, geom.conaffinity, geom.group = 2, 1, _COLLISION_GROUP
    geom.rgba = [1, 0, 0, 0.3]
    if along_x:
        geom.quat = [np.sqrt(0.5), 0, np.sqrt(0.5), 0]
