"""One kitchen at run time: the scene, its places, what is true in it, and placing things in it.

The success detector, the planner's scene text and the goals are all read from here, and all of it is
read from the simulation's state: nothing remembers what was commanded. What *is* remembered is the
list of places the robot has stood at.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import mujoco
import numpy as np
import torch

from embodied.errors import UsageError
from embodied.world import catalogue, people
from embodied.world.control import FINGER_OPEN, Controller
from embodied.world.engine import CpuEngine
from embodied.world.facts import Facts
from embodied.world.grasp import STAND, grasp_offset
from embodied.world.places import Place, read_places
from embodied.world.predicates import bottom, held, vertical_half
from embodied.world.robot import HOME_ARM, REST_TCP
from embodied.world.scene import kitchen_spec, lies_in_drawer
from embodied.world.state import State, StateReader
from embodied.world.tensors import Rows

SHAPES = ("cylinder", "sphere", "box")
SPACING = 0.19  # m between the centres of things that stand side by side
AT_MARGIN = (0.14, 0.12)  # m beyond a place's usable depth and width that still count as on it
DRAWER_INSIDE = ((-0.14, 0.365), 0.245)  # m: from front to back, and to either side of its centre
_SETTLE = 15  # control steps after placing things


class Kitchen:
    """A kitchen with object instances in it, one simulation, stepped at 25 Hz.

    Args:
        instances: the objects that exist in this scene.
        seed: of the layout (where on its place each object stands).
        visuals: build what a camera needs.
        bystander: build somebody who can stand in the robot's way (`people`).
    """

    def __init__(
        self,
        instances: Sequence[str],
        seed: int = 0,
        visuals: bool = False,
        bystander: bool = False,
    ) -> None:
        self.spec = kitchen_spec(instances, visuals)
        if bystander:
            people.add_bystander(self.spec)
        self.engine = CpuEngine(self.spec.compile(), 1, 1, autoreset=True)
        self.model = self.engine.model
        self.reader, self.control = StateReader(self.engine), Controller(self.engine)
        self.index: Mapping[str, int] = self.reader.layout.objects
        specs = [catalogue.objects()[catalogue.kind(name)] for name in self.index]
        self.half = torch.tensor([spec.half_extents for spec in specs]).reshape(-1, 3)
        shapes = torch.tensor([SHAPES.index(spec.shape) for spec in specs], dtype=torch.long)
        self.shape = torch.nn.functional.one_hot(shapes, len(SHAPES)).float()
        self._static = read_places(self.model)
        self.travel = float(self.model.joint("drawer").range[1])
        """How far the drawer can be pulled out [m]."""
        self._visited: list[str] = []
        self.did: list[str] = []
        """Labels of skills of your own that have succeeded, in order, as the executor notes them."""
        self._memo: dict[str, Any] = {}  # readings of the present state that are asked for often
        self.restart(np.random.default_rng(seed))

    # ---- what is true ---------------------------------------------------------------------------

    def refresh(self) -> State:
        """Recomputes derived fields after writes, and reads the state anew."""
        self.engine.forward()
        self.state = self.reader.read()
        self._memo.clear()
        return self.state

    def step(self) -> State:
        """One control step; returns the new state and notes where the robot stands."""
        self.control.advance()
        self.state = self.reader.read()
        self._memo.clear()
        here = self.robot_at()
        if here is not None and here not in self._visited[-1:]:
            self._visited.append(here)
        return self.state

    def place(self, name: str) -> Place:
        """A place as it is now: the drawer's moves with it."""
        return self._drawn(name, float(self.state.drawer[0]))

    def _drawn(self, name: str, out: float) -> Place:
        """A place with the drawer that far out."""
        place = self._static[name]
        if place.kind != "drawer":
            return place
        shift = np.array([0.0, out, 0.0])
        return Place(place.name, place.kind, place.centre + shift, place.yaw, place.half)

    def stand(self, name: str, point: np.ndarray | None = None) -> np.ndarray:
        """(3,) base pose in front of a world point on a place, its centre if left out.

        There is one stand before the drawer, whatever lies in it: from there the robot pulls,
        reaches in and pushes without driving in between.
        """
        place = self._drawn(name, self.travel)
        return place.stand(place.centre if point is None or place.kind == "drawer" else point)

    def position(self, instance: str) -> np.ndarray:
        """(3,) centre of an object, world."""
        return self.state.object_pos[0, self.index[instance]].numpy().astype(float)

    def underside(self, instance: str) -> float:
        """Height of an object's lowest point [m]."""
        k = torch.tensor([self.index[instance]])
        return float(bottom(self.state, k, self.half[k], self.shape[k])[0])

    def has(self, instance: str | None) -> bool:
        """Whether the scene has this object: it exists and is within the walls."""
        if instance is None or instance not in self.index:
            return False
        half = self.model.geom("floor").size[:2]
        return bool((np.abs(self.position(instance)[:2]) < half).all())

    def holding(self) -> str | None:
        """The object between the pads, if any."""
        return self.memo("holding", self._read_holding)

    def memo(self, key: str, read: Callable[[], Any]) -> Any:
        """What `read` gives, read once in the present state however often it is asked for."""
        if key not in self._memo:
            self._memo[key] = read()
        return self._memo[key]

    def _read_holding(self) -> str | None:
        for name, k in self.index.items():
            at = torch.tensor([k])
            if bool(held(self.state, at, self.half[at])[0]):
                return name
        return None

    def place_of(self, instance: str) -> str | None:
        """The place an object stands or lies at; None when held or elsewhere."""
        return None if self.holding() == instance else self._whereabouts(instance)

    def _whereabouts(self, instance: str) -> str | None:
        return self.memo(f"at {instance}", lambda: self._read_whereabouts(instance))

    def _read_whereabouts(self, instance: str) -> str | None:
        position, under = self.position(instance), self.underside(instance)
        for name in self._static:
            if self._is_at(self.place(name), position, under):
                return name
        return None

    @staticmethod
    def _is_at(place: Place, position: np.ndarray, under: float) -> bool:
        ahead, side = place.local(position)
        depth, side = abs(ahead), abs(side)
        if place.kind == "bin":
            return bool(depth < 0.165 and side < 0.165 and position[2] < place.centre[2])
        if place.kind == "drawer":
            (near, far), wide = DRAWER_INSIDE
            within = near < ahead < far and side < wide
            return bool(within and -0.02 < under - place.centre[2] < 0.05)
        margin = (0.03, 0.03) if place.kind == "tray" else AT_MARGIN
        inside = depth < place.half[0] + margin[0] and side < place.half[1] + margin[1]
        return bool(inside and -0.02 < under - place.centre[2] < 0.05)

    def robot_at(self) -> str | None:
        """The place the robot stands in front of, facing it; None in the open."""
        x, y, yaw = self.state.base_pose[0].tolist()
        ahead = np.array([x + STAND * np.cos(yaw), y + STAND * np.sin(yaw)])
        for name in self._static:
            place = self._drawn(name, self.travel)
            turn = (yaw - place.yaw + np.pi) % (2 * np.pi) - np.pi
            depth, side = np.abs(place.local(ahead))
            if abs(turn) < 0.5 and depth < place.half[0] + 0.12 and side < place.half[1] + 0.12:
                return name
        return None

    def covered(self, instance: str) -> bool:
        """Whether something solid is right above an object: a ray upwards hits within 30 cm."""
        start = self.position(instance)
        k = torch.tensor([self.index[instance]])
        start[2] += float(vertical_half(self.state, k, self.half[k], self.shape[k])[0]) + 0.002
        groups = np.array(
            [1, 0, 0, 1, 0, 0], dtype=np.uint8
        )  # floor, solids and objects; not the robot
        hit = np.zeros(1, dtype=np.int32)
        distance = mujoco.mj_ray(
            self.model, self.engine.data(0), start, np.array([0.0, 0.0, 1.0]), groups, 1, -1, hit
        )
        return bool(0 <= distance < 0.30)

    def facts(self) -> Facts:
        """The symbolic reading of the state, for planner, goals and report."""
        carried, here = self.holding(), filter(self.has, self.index)
        return Facts(
            at={name: None if name == carried else self._whereabouts(name) for name in here},
            holding=carried,
            robot_at=self.robot_at(),
            open={"drawer": float(self.state.drawer[0]) > self.travel / 2},
            visited=tuple(self._visited),
            did=tuple(self.did),
        )

    # ---- putting things somewhere ----------------------------------------------------------------

    def restart(self, rng: np.random.Generator) -> None:
        """Back to the model's default state, with a new source of randomness."""
        self.rng = rng
        self._visited.clear()
        self.did.clear()
        self.engine.reset()
        self._rest_arm()
        self.refresh()

    def arrange(
        self, objects: Mapping[str, str], robot_at: str | None, holding: str | None = None
    ) -> None:
        """Puts every object on its place and the robot at one (or at a random free pose).

        Raises:
            UsageError: a place is too full.
        """
        for name in self.index:
            self._stow(name)
        for name, where in objects.items():
            if name != holding:
                self.set_object(
                    name, self.free_point(where, name), self.rng.uniform(-np.pi, np.pi), where
                )
        if robot_at is None:
            self.set_robot(self._random_pose())
        else:
            self.set_robot(self.stand(robot_at))
        if holding is not None:
            self.set_held(holding)
        self.settle()

    def settle(self, steps: int = _SETTLE) -> None:
        """Lets the physics come to rest, the robot standing still."""
        self.refresh()
        for _ in range(steps):
            self.control.move_base(torch.zeros(1, 3), self.state)
            self.step()

    def set_robot(self, pose: np.ndarray) -> None:
        """Puts the base at (3,) x, y, yaw; what is held comes along."""
        carried = self.holding()
        offset = self.position(carried) if carried else None
        before = self.state.base_pose[0].numpy().astype(float)
        self.engine.field("qpos")[0, self.reader.layout.base] = torch.as_tensor(
            pose, dtype=torch.float64
        )
        self.engine.field("qvel")[0, self.reader.layout.base_dof] = 0.0
        if carried and offset is not None:
            turn = pose[2] - before[2]
            c, s = np.cos(turn), np.sin(turn)
            dx, dy = offset[:2] - before[:2]
            quat = self.state.object_quat[0, self.index[carried]].numpy().astype(float)
            spin = np.array([np.cos(turn / 2), 0, 0, np.sin(turn / 2)])
            turned = np.zeros(4)
            mujoco.mju_mulQuat(turned, spin, quat)
            point = np.array([pose[0] + c * dx - s * dy, pose[1] + s * dx + c * dy, offset[2]])
            self._write_object(carried, point, turned)
        self.refresh()

    def set_object(
        self, instance: str, point: np.ndarray, yaw: float, where: str | None = None
    ) -> None:
        """Stands an object on a surface point (3,); what is too tall for the drawer lies across it."""
        half = self.half[self.index[instance]]
        if where == "drawer" and bool(lies_in_drawer(half)):
            place = self.place(where)
            side = float(np.clip(place.local(point)[1], -0.12, 0.12))
            point, yaw = place.point(0.0, side), place.yaw + np.pi / 2
            lying, turned = np.array([np.sqrt(0.5), 0, np.sqrt(0.5), 0]), np.zeros(4)
            upright = np.array([np.cos(yaw / 2), 0, 0, np.sin(yaw / 2)])
            mujoco.mju_mulQuat(turned, upright, lying)
            self._write_object(instance, point + np.array([0, 0, float(half[0]) + 0.002]), turned)
            return
        quat = np.array([np.cos(yaw / 2), 0, 0, np.sin(yaw / 2)])
        self._write_object(instance, point + np.array([0, 0, float(half[2]) + 0.002]), quat)

    def set_held(self, instance: str) -> None:
        """Puts an object upright into the gripper, the arm at rest, the fingers closed on it."""
        half = self.half[self.index[instance]]
        self._rest_arm(opening=float(half[1]))
        self.refresh()
        pose = self.state.base_pose[0]
        tcp = self.state.tcp_pos[0]
        c, s = torch.cos(pose[2]), torch.sin(pose[2])
        x, y = pose[0] + c * tcp[0] - s * tcp[1], pose[1] + s * tcp[0] + c * tcp[1]
        z = tcp[2] + grasp_offset(half[None])[0]
        yaw = float(pose[2] + self.state.tcp_yaw[0])
        self._write_object(
            instance, np.array([x, y, z], float), np.array([np.cos(yaw / 2), 0, 0, np.sin(yaw / 2)])
        )
        self.control.opening[:] = max(float(half[1]) - 0.02, 0.0)
        self.settle(5)

    def set_drawer(self, out: float) -> None:
        """Pulls the drawer that far out [m] at once; what is in it comes along."""
        moved = [name for name in self.index if self.place_of(name) == "drawer"]
        shift = np.array([0.0, out - float(self.state.drawer[0]), 0.0])
        places = [(name, self.position(name) + shift) for name in moved]
        quats = [
            self.state.object_quat[0, self.index[name]].numpy().astype(float) for name in moved
        ]
        self.engine.field("qpos")[0, self.reader.layout.drawer] = out
        for (name, point), quat in zip(places, quats, strict=True):
            self._write_object(name, point, quat)
        self.refresh()

    def open_gripper(self) -> None:
        """Opens the gripper at once, the arm at rest."""
        self._rest_arm()
        self.refresh()

    def free_spots(self, name: str, spacing: float = SPACING) -> np.ndarray:
        """(M, 3) points of a place that keep `spacing` from what stands there; a bin's is its centre."""
        place = self.place(name)
        if place.kind == "bin":
            return place.centre[None]
        room = 0.02 if place.kind != "tray" else 0.05
        depths = np.linspace(-1, 1, 5) * max(place.half[0] - room, 0.0)
        sides = np.arange(-place.half[1] + room, place.half[1] - room + 1e-9, 0.03)
        grid = np.stack([place.point(d, s) for d in depths for s in sides])
        taken = [self.position(other) for other in self.index if self.place_of(other) == name]
        if not taken:
            return grid
        gaps = np.linalg.norm(grid[:, None, :2] - np.stack(taken)[None, :, :2], axis=-1).min(1)
        return grid[gaps >= spacing]

    def free_point(self, where: str, instance: str) -> np.ndarray:
        """(3,) a random free point of a place; trash and drawer take things in their middle."""
        place = self.place(where)
        if place.kind == "bin":
            jitter = self.rng.uniform(-0.07, 0.07, 2)
            return np.array([place.centre[0] + jitter[0], place.centre[1] + jitter[1], 0.04])
        for spacing in (SPACING, 0.15, 0.12):
            free = self.free_spots(where, spacing)
            if len(free):
                self.refresh()
                return free[self.rng.integers(len(free))]
        raise UsageError(
            f"There is no room for '{instance}' on the {where}; put fewer objects there."
        )

    def _random_pose(self) -> np.ndarray:
        """(3,) a base pose in the open, away from furniture and walls."""
        return np.array(
            [
                self.rng.uniform(-1.0, 0.9),
                self.rng.uniform(-0.6, 0.6),
                self.rng.uniform(-np.pi, np.pi),
            ]
        )

    def _stow(self, instance: str) -> None:
        """Keeps an object that has no place yet out of the way, high above its future."""
        self._write_object(
            instance, np.array([0.0, 0.0, 3.0 + self.index[instance]]), np.array([1.0, 0, 0, 0])
        )

    def _write_object(self, instance: str, point: np.ndarray, quat: np.ndarray) -> None:
        k, layout = self.index[instance], self.reader.layout
        q, v = layout.object_q[k], layout.object_v[k]
        self.engine.field("qpos")[0, q : q + 7] = torch.as_tensor(np.concatenate([point, quat]))
        self.engine.field("qvel")[0, v : v + 6] = 0.0
        self.refresh()

    def _rest_arm(self, opening: float = FINGER_OPEN) -> None:
        qpos, layout = self.engine.field("qpos"), self.reader.layout
        qpos[0, layout.arm] = torch.tensor(HOME_ARM, dtype=torch.float64)
        qpos[0, layout.fingers] = opening
        one = Rows(torch.ones(1, dtype=torch.bool))
        self.control.reset(one, torch.tensor([[*REST_TCP, 0.0]]), torch.tensor([opening]))
