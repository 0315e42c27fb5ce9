"""The batch protocol on a GPU: MuJoCo Warp behind the same five methods as the CPU engine.

A control step's physics is captured once in a CUDA graph and replayed; fields are zero-copy torch
views of the device's memory, float32. On Warp's CPU device, which CI uses, the same kernels run
without graphs. The first use on a machine compiles them (about a minute; cached afterwards).

Worlds share one topology: the kinds of geoms, joints and sensors. Sizes, masses, friction and every
other field that MuJoCo Warp can batch may differ from world to world. `scene.fixture_model` makes
such models with `candidates=True`. Not covered: bit-equality with the CPU engine (float32, another
solver order), and models with different topologies in one batch.
"""

from __future__ import annotations

import copy
import dataclasses
import gc
from collections.abc import Callable, Sequence
from typing import Any

import mujoco
import numpy as np
import torch

from embodied.errors import EnvironmentFault, UsageError
from embodied.world.engine import BatchOverflow, Engines

NCONMAX, NJMAX = 48, 160
"""Contacts and constraint rows allocated per world: over twice what a training scene was seen to need."""


_AUTORESET = int(mujoco.mjtDisableBit.mjDSBL_AUTORESET)


def warp_engines(device: str) -> Engines:
    """Makes engines on a device, as tasks ask for them; the number of CPU threads has no meaning."""

    def make(
        models: mujoco.MjModel | Sequence[mujoco.MjModel], nsim: int, threads: int
    ) -> WarpEngine:
        return WarpEngine(models, nsim, device)

    return make


class WarpEngine:
    """`BatchEngine` on MuJoCo Warp.

    Args:
        models: one model for all worlds, or several of one topology, dealt out in turn.
        nsim: number of worlds.
        device: as torch calls it: ``cuda``, ``cuda:1`` or ``cpu``.
        nconmax: contacts per world on average. njmax: constraint rows per world at most.
    Raises:
        EnvironmentFault: warp is not installed, or there is no such device.
        UsageError: the models differ in something that worlds must share.
    """

    def __init__(
        self,
        models: mujoco.MjModel | Sequence[mujoco.MjModel],
        nsim: int = 1,
        device: str = "cuda",
        nconmax: int = NCONMAX,
        njmax: int = NJMAX,
    ) -> None:
        wp, mjw = self._wp, self._mjw = _warp()
        variants = [models] if isinstance(models, mujoco.MjModel) else list(models)
        self.nsim, self.model, self.device = nsim, variants[0], torch.device(device)
        self._variants, self._fields = variants, dict[str, torch.Tensor]()
        self._where = _device(wp, device)
        with wp.ScopedDevice(self._where):
            unique = list({id(model): model for model in variants}.values())
            place = {id(model): row for row, model in enumerate(unique)}
            rows = [place[id(variants[i % len(variants)])] for i in range(nsim)]
            for model in unique:  # Warp knows no such flag: it never resets by itself
                model.opt.disableflags &= ~_AUTORESET
            self._m = _batched(wp, mjw, unique, rows)
            self._m.opt.warn_overflow = 0  # `check` reports it, once per rollout
            self._d = mjw.make_data(self.model, nworld=nsim, nconmax=nconmax, njmax=njmax)
            self._mask = wp.zeros(nsim, dtype=bool)
            self._place_static(unique, rows)
        self._parameters: dict[str, torch.Tensor] = {}
        self._graphs: dict[str, Any] = {}
        self.reset()
        self.forward()

    def field(self, name: str) -> torch.Tensor:
        """See `BatchEngine.field`; float32."""
        if name not in self._fields:
            self._fields[name] = self._wp.to_torch(getattr(self._d, name))
        return self._fields[name]

    def parameter(self, name: str) -> torch.Tensor:
        """See `BatchEngine.parameter`; ask for it before the first step, which may be captured."""
        if name not in self._parameters:
            self._parameters[name] = self._own(name)
        return self._parameters[name]

    def _own(self, name: str) -> torch.Tensor:
        """A model field made to hold one row per world."""
        shared = getattr(self._m, name, None)
        if shared is None:  # MuJoCo Warp computes it anew in every step
            models = [self._variants[i % len(self._variants)] for i in range(self.nsim)]
            values = np.stack([getattr(model, name) for model in models])
            return torch.tensor(values, dtype=torch.float32, device=self.device)
        with self._wp.ScopedDevice(self._where):
            values = shared.numpy()[np.arange(self.nsim) % shared.shape[0]]
            setattr(self._m, name, self._wp.array(values, dtype=shared.dtype))
        return self._wp.to_torch(getattr(self._m, name))

    def step(self, nstep: int) -> None:
        """See `BatchEngine.step`."""

        def physics() -> None:
            for _ in range(nstep):
                self._mjw.step(self._m, self._d)
            self._derive()

        self._launch(f"step {nstep}", physics)

    def forward(self, mask: torch.Tensor | None = None) -> None:
        """See `BatchEngine.forward`. Derived fields of all worlds are computed; that changes no state."""
        self._launch("forward", self._derive)

    def reset(self, mask: torch.Tensor | None = None) -> None:
        """See `BatchEngine.reset`."""
        chosen = self._wp.to_torch(self._mask)
        chosen.fill_(True) if mask is None else chosen.copy_(mask)
        self._launch("reset", lambda: self._mjw.reset_data(self._m, self._d, reset=self._mask))

    def data(self, index: int) -> mujoco.MjData:
        """See `BatchEngine.data`; a copy on the host, of the first model."""
        data = mujoco.MjData(self.model)
        self._mjw.get_data_into(data, self.model, self._d, world_id=index)
        return data

    def variant(self, index: int) -> mujoco.MjModel:
        """See `BatchEngine.variant`; a copy, with the world's own values of what `parameter` handed out."""
        model = copy.copy(self._variants[index % len(self._variants)])
        for name, values in self._parameters.items():
            own = getattr(model, name)
            own[...] = values[index].cpu().numpy().reshape(own.shape)
        return model

    def check(self) -> None:
        """Whether contacts and constraints fitted since the last check; costs one synchronisation.

        Raises:
            BatchOverflow: naming what overflowed, in how many worlds, and the cure.
        """
        kinds = self._mjw.OverflowType
        # a solver that stops at its last iteration is what MuJoCo's own does, too
        memory = ~int(kinds.ITERATIONS | kinds.LS_ITERATIONS)
        flags = self.field("overflow")
        hit = (flags & memory) != 0
        if not bool(hit.any()):
            return
        bits = int(np.bitwise_or.reduce(flags[hit].cpu().numpy())) & memory
        flags.zero_()
        raise BatchOverflow(
            f"{kinds(bits)!r} in {int(hit.sum())} of {self.nsim} simulations: "
            "allocate more with nconmax (contacts) or njmax (constraint rows)."
        )

    def _place_static(self, models: Sequence[mujoco.MjModel], rows: Sequence[int]) -> None:
        """Poses of geoms that never move: Warp computes them once, and for the first model alone."""
        poses = []
        for model in models:
            data = mujoco.MjData(model)
            mujoco.mj_kinematics(model, data)
            poses.append(data)
        for name in ("geom_xpos", "geom_xmat"):
            values = np.stack([getattr(data, name) for data in poses])[list(rows)]
            view = self.field(name)
            view.copy_(torch.as_tensor(values).reshape(view.shape))

    def _derive(self) -> None:
        """Positions, velocities and their sensors of the present state; contact forces stay as solved."""
        m, d, mjw = self._m, self._d, self._mjw
        mjw.kinematics(m, d)
        mjw.com_pos(m, d)
        mjw.com_vel(m, d)
        mjw.sensor_pos(m, d)
        mjw.sensor_vel(m, d)

    def _launch(self, name: str, work: Callable[[], None]) -> None:
        """Runs work; on a GPU as a graph that is captured at the second call, when all is compiled.

        Everything runs on torch's stream, in order with what tasks and policy do there.
        """
        wp = self._wp
        with wp.ScopedDevice(self._where):
            if not self._where.is_cuda:
                work()
                return
            stream = wp.stream_from_torch(torch.cuda.current_stream(self.device))
            if name not in self._graphs:
                self._graphs[name] = None
                with wp.ScopedStream(stream):
                    work()
                return
            if self._graphs[name] is None:
                self._graphs[name] = self._capture(work)
            wp.capture_launch(self._graphs[name], stream=stream)

    def _capture(self, work: Callable[[], None]) -> Any:
        """The work as a graph, on a stream of Warp's own: torch's usual one cannot be captured."""
        torch.cuda.synchronize(self.device)
        gc.disable()  # what is collected while capturing would be captured, too
        try:
            with self._wp.ScopedCapture() as capture:
                work()
        finally:
            gc.enable()
        return capture.graph


def _warp() -> tuple[Any, Any]:
    try:
        import warp

        warp.config.log_level = warp.LOG_WARNING  # before the next import, which starts it
        import mujoco_warp
    except ImportError as error:
        raise EnvironmentFault(
            "The Warp engine needs the extra 'gpu': pip install 'embodied-llm-rl[gpu]'."
        ) from error
    return warp, mujoco_warp


def _device(wp: Any, name: str) -> Any:
    try:
        return wp.get_device(name)
    except Exception as error:  # warp raises RuntimeError or ValueError, by version
        raise EnvironmentFault(
            f"Warp has no device '{name}' here; 'embodied info' lists what there is. ({error})"
        ) from error


def _batched(wp: Any, mjw: Any, models: Sequence[mujoco.MjModel], rows: Sequence[int]) -> Any:
    """A Warp model whose batched fields hold row `rows[i]` of `models` for world i.

    Raises:
        UsageError: the models differ in a field that has no place for it.
    """
    made = [mjw.put_model(model) for model in models]
    first = made[0]
    if len(made) == 1:
        return first
    _check_same(models)
    for target, others in ((first, made[1:]), (first.opt, [other.opt for other in made[1:]])):
        for spec in dataclasses.fields(target):
            shape = getattr(spec.type, "shape", ())
            if not shape or shape[0] != "*":
                continue
            arrays = [getattr(part, spec.name) for part in (target, *others)]
            if any(not isinstance(array, wp.array) or array.shape[0] != 1 for array in arrays):
                continue
            values = np.concatenate([array.numpy() for array in arrays])
            if len(values) and not (values == values[:1]).all():
                batch = wp.array(values[list(rows)], dtype=arrays[0].dtype)
                setattr(target, spec.name, batch)
    return first


_SHARED = (
    "geom_type", "geom_condim", "geom_contype", "geom_conaffinity", "geom_priority", "geom_bodyid",
    "jnt_type", "body_parentid", "sensor_type", "sensor_objid", "actuator_trnid", "dof_bodyid",
)  # fmt: skip


def _check_same(models: Sequence[mujoco.MjModel]) -> None:
    for name in _SHARED:
        values = [getattr(model, name) for model in models]
        if any(
            value.shape != values[0].shape or (value != values[0]).any() for value in values[1:]
        ):
            raise UsageError(
                f"The models differ in {name}, which all simulations of a Warp batch share; make "
                "them with fixture_model(..., candidates=True)."
            )
