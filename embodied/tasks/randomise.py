"""Domain randomisation: every episode has physics, senses and a latency of its own.

It is meant for training. What varies between fixtures anyway (sizes by 8 %, masses by 30 %, friction,
heights; `arm.build_fixtures`) is there in measurements too; this comes on top and is off unless asked.
Model fields are written per simulation through the engine (`BatchEngine.parameter`); rewards, success
and failure go by the true state, only what the policy observes is noisy.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
import torch

from embodied.world.engine import BatchEngine
from embodied.world.state import State, turn
from embodied.world.tensors import Rows


@dataclass(frozen=True)
class RandomiseCfg:
    """How far things vary. Factors are drawn within 1 ± the given share, noise is Gaussian."""

    friction: float = 0.2
    """Of the object."""
    mass: float = 0.25
    """Of the object, or of the base where there is none."""
    size: float = 0.03
    """Of the object; the observation tells its new size."""
    gains: float = 0.15
    """Of each servo."""
    bias: float = 0.003
    """Of where objects are seen, one error an episode [m]."""
    blur: float = 0.001
    """Of positions of objects, base and drawer, a new error each control step [m]."""
    heading: float = 0.03
    """Of how objects are seen to be turned, one error an episode [rad]."""
    touch: float = 0.3
    """Of each pad's force sensor."""
    late: float = 0.25
    """Share of the episodes in which each action takes effect one control step late."""
    push: float = 8.0
    """Horizontal acceleration up to which the object is pushed while it is carried [m/s2]."""
    push_rate: float = 0.03
    """Share of the control steps in which a carried object is pushed."""
    nudge: float = 4.0
    """As `push`, for an object that is not carried [m/s2]."""
    nudge_rate: float = 0.004
    """As `push_rate`, for an object that is not carried."""
    slip_rate: float = 0.006
    """Share of the control steps with an object in its grip in which the gripper starts to open by
    itself, where a task has a way to go on from there."""

    @classmethod
    def none(cls) -> RandomiseCfg:
        """Nothing varies."""
        return cls(**{field.name: 0.0 for field in fields(cls)})


NONE = RandomiseCfg.none()
_SLIP = 6  # control steps that the gripper opens for when it slips

_FIELDS = (
    "geom_friction", "geom_size", "geom_rbound", "geom_aabb", "body_mass", "body_inertia",
    "body_subtreemass", "body_invweight0", "dof_M0", "dof_invweight0", "actuator_gainprm", "actuator_biasprm",
)  # fmt: skip


class Randomiser:
    """Draws what `RandomiseCfg` says for the simulations of one task.

    All randomness comes from the generator that the last `begin` was given, so that whoever keeps its
    state can go on. With `RandomiseCfg.none` nothing is drawn and nothing changed.

    Args:
        body: name of the body whose mass varies; where it is a free object, its size, friction and
            what pushes it do so too.
        half: (N, 3) the objects' half extents as observed, kept up to date in place.
    """

    def __init__(
        self,
        engine: BatchEngine,
        cfg: RandomiseCfg,
        body: str = "object",
        half: torch.Tensor | None = None,
    ) -> None:
        self._engine, self._cfg, self._half = engine, cfg, half
        self.on = cfg != NONE
        n, self._rng = engine.nsim, torch.Generator()
        self._bias, self._heading = torch.zeros(n, 3), torch.zeros(n)
        self._touch, self._late = torch.ones(n, 2), torch.zeros(n, dtype=torch.bool)
        self._slipping = torch.zeros(n, dtype=torch.long)
        self._last: torch.Tensor | None = None
        if not self.on:
            return
        model = engine.model
        self._body = int(model.body(body).id)
        self._bodies = torch.tensor([self._body])
        self._geoms = torch.tensor(np.flatnonzero(model.geom_bodyid == self._body))
        self._dofs = torch.tensor(np.flatnonzero(model.dof_bodyid == self._body))
        self._servos = torch.arange(model.nu)
        self._nominal = {name: engine.parameter(name).clone() for name in _FIELDS}
        self._nominal_half = None if half is None else half.clone()

    def begin(self, rows: Rows, rng: torch.Generator) -> None:
        """New draws for the simulations of rows, before their states are written."""
        self._rng = rng
        if not self.on:
            return
        cfg, count = self._cfg, len(rows)

        def factor(share: float, columns: int = 1) -> torch.Tensor:
            return 1 + share * (2 * torch.rand(count, columns, generator=rng) - 1)

        size = factor(cfg.size if self._half is not None else 0.0)
        mass, gain = factor(cfg.mass), factor(cfg.gains, len(self._servos))
        self._scale("geom_friction", rows, self._geoms, factor(cfg.friction))
        for name in ("geom_size", "geom_rbound", "geom_aabb"):
            self._scale(name, rows, self._geoms, size)
        self._weigh(rows, mass, size)
        for name in ("actuator_gainprm", "actuator_biasprm"):
            self._scale(name, rows, self._servos, gain)
        if self._half is not None and self._nominal_half is not None:
            rows.put(self._half, self._nominal_half[rows.index] * size)
        rows.put(self._bias, cfg.bias * torch.randn(count, 3, generator=rng))
        rows.put(self._heading, cfg.heading * torch.randn(count, generator=rng))
        rows.put(self._touch, factor(cfg.touch, 2))
        rows.put(self._late, torch.rand(count, generator=rng) < cfg.late)
        rows.put(self._slipping, 0)
        if self._last is not None:
            rows.put(self._last, torch.nan)  # the first action has none before it and is not late

    def _weigh(self, rows: Rows, mass: torch.Tensor, size: torch.Tensor) -> None:
        """Scales the body's mass and size, factors (M, 1), and what MuJoCo derives of a free body's."""
        only, inertia = self._bodies, mass * size.square()
        for name in ("body_mass", "body_subtreemass"):
            self._scale(name, rows, only, mass)
        self._scale("body_inertia", rows, only, inertia)
        if len(self._dofs) == 6:  # three of translation, three of rotation
            weight = torch.cat([mass, inertia], -1)
            self._scale("body_invweight0", rows, only, 1 / weight[:, None])
            weight = weight.repeat_interleave(3, -1)
            self._scale("dof_M0", rows, self._dofs, weight)
            self._scale("dof_invweight0", rows, self._dofs, 1 / weight)

    def _scale(self, name: str, rows: Rows, columns: torch.Tensor, factor: torch.Tensor) -> None:
        """Sets a model field's columns (C,) in rows to factor (M, C or 1, ...) of the nominal."""
        nominal = self._nominal[name][rows.index[:, None], columns]
        factor = factor.view(*factor.shape, *[1] * (nominal.dim() - factor.dim()))
        rows.put(self._engine.parameter(name), nominal * factor, columns)

    def delay(self, action: torch.Tensor) -> torch.Tensor:
        """What of action (N, A) takes effect now: in late simulations the one before. A gripper that
        slips opens, whatever was asked of it."""
        if not self.on:
            return action
        last = self._last if self._last is not None else torch.full_like(action, torch.nan)
        self._last = action.clone()
        acted = torch.where(self._late[:, None] & ~last.isnan(), last, action)
        slips = self._slipping > 0
        self._slipping -= slips.long()
        grip = torch.where(slips, 1.0, acted[:, -1])
        return torch.cat([acted[:, :-1], grip[:, None]], -1)

    def push(self, carried: torch.Tensor, slips: bool = False) -> None:
        """Forces for the next control step on the objects, which are held where carried (N,) bool.

        Args:
            slips: the gripper may open by itself.
        """
        if not self.on:
            return
        cfg, unit = self._cfg, torch.rand(len(carried), 4, generator=self._rng)
        rate = torch.where(carried, cfg.push_rate, cfg.nudge_rate)
        strength = torch.where(carried, cfg.push, cfg.nudge) * unit[:, 1] * (unit[:, 0] < rate)
        force = self._engine.parameter("body_mass")[:, self._body] * strength
        angle = 2 * torch.pi * unit[:, 2]
        applied = self._engine.field("xfrc_applied")
        applied[:, self._body, :2] = (
            torch.stack([force * torch.cos(angle), force * torch.sin(angle)], -1)
        ).to(applied.dtype)
        if slips:
            starts = carried & (self._slipping == 0) & (unit[:, 3] < cfg.slip_rate)
            self._slipping.masked_fill_(starts, _SLIP)

    def sense(self, state: State) -> State:
        """The state as the robot's senses tell it."""
        if not self.on:
            return state
        n, objects = state.object_pos.shape[:2]
        blur = self._cfg.blur * torch.randn(n, objects + 2, 3, generator=self._rng)
        turned = self._heading[:, None].expand(n, objects).reshape(-1)
        quat = turn(state.object_quat.reshape(-1, 4), turned).reshape(n, objects, 4)
        return replace(
            state,
            base_pose=state.base_pose + blur[:, 0],
            object_pos=state.object_pos + self._bias[:, None] + blur[:, 2:],
            object_quat=quat,
            touch=state.touch * self._touch,
            drawer=state.drawer + blur[:, 1, 0] * (state.drawer > 0),
        )
