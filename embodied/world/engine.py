"""The batch protocol: many simulations of one layout, seen as torch tensors.

World, task and reward code is written once against `BatchEngine`. The CPU engine runs
`mujoco.batch.Batch`, a threaded C++ pool whose results are bit-identical at any thread count; its
tensors are views of the pool's memory. A GPU engine fits behind the same methods.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Sequence
from typing import Protocol

import mujoco
import numpy as np
import torch
from mujoco import batch

from embodied.errors import EmbodiedError
from embodied.outputs import usable_cores


class BatchOverflow(EmbodiedError):
    """A world needed more contacts or constraints than were allocated: its physics is wrong."""


class BatchEngine(Protocol):
    """nsim simulations. Fields are named as in MjData and have shape (nsim, ...), live."""

    nsim: int
    model: mujoco.MjModel
    device: torch.device

    def field(self, name: str) -> torch.Tensor:
        """A live view of a field. State fields (qpos, qvel, ctrl, ...) are written in place."""
        ...

    def parameter(self, name: str) -> torch.Tensor:
        """A live view (nsim, ...) of a model field, named as in MjModel, to give each simulation its
        own values. Nothing that MuJoCo derives from it follows: write that, too."""
        ...

    def step(self, nstep: int) -> None:
        """Advances all simulations; afterwards derived fields describe the new state."""
        ...

    def forward(self, mask: torch.Tensor | None = None) -> None:
        """Recomputes derived fields after writes to the state of the simulations in mask (nsim,)."""
        ...

    def reset(self, mask: torch.Tensor | None = None) -> None:
        """Puts the simulations in mask (nsim,) to the model's default state, without forward."""
        ...

    def data(self, index: int) -> mujoco.MjData:
        """One simulation as plain MuJoCo data, to render it or cast rays in it."""
        ...

    def variant(self, index: int) -> mujoco.MjModel:
        """The model of one simulation, as `parameter` has changed it."""
        ...

    def check(self) -> None:
        """Raises `BatchOverflow` if the physics outgrew what was allocated for it."""
        ...


Engines = Callable[[mujoco.MjModel | Sequence[mujoco.MjModel], int, int], BatchEngine]
"""Makes the engine of a task: models, number of simulations, CPU threads. `CpuEngine` is one."""


class CpuEngine:
    """`BatchEngine` on `mujoco.batch`; float64 views.

    Args:
        models: one model for all simulations, or one each, all with the same layout.
        nsim: number of simulations; models are dealt out in turn.
        threads: of the pool; 0 takes one per core that this process may use.
        autoreset: let MuJoCo put a simulation whose state is no number to its default state; else it
            stays as it is, for `faults.Watch` to find.
    """

    def __init__(
        self,
        models: mujoco.MjModel | Sequence[mujoco.MjModel],
        nsim: int = 1,
        threads: int = 0,
        autoreset: bool = False,
    ) -> None:
        variants = [models] if isinstance(models, mujoco.MjModel) else list(models)
        for model in variants if not autoreset else ():
            model.opt.disableflags |= int(mujoco.mjtDisableBit.mjDSBL_AUTORESET)
        threads = min(threads or usable_cores(), nsim)
        self.nsim, self.model, self.device = nsim, copy.copy(variants[0]), torch.device("cpu")
        if len(variants) > 1:  # the one thing that differs and cannot be given per simulation
            self.model.opt.disableflags |= int(mujoco.mjtDisableBit.mjDSBL_MIDPHASE)
        # persistent: the next step goes on from the stages that fresh sensors needed anyway
        self._batch = batch.Batch(self.model, nsim, threads, persistent=True)
        _spread(self._batch, [variants[i % len(variants)] for i in range(nsim)])
        self._fields: dict[str, torch.Tensor] = {}
        self._parameters: dict[str, torch.Tensor] = {}
        self._stage = int(mujoco.mjtStage.mjSTAGE_VEL)

    def field(self, name: str) -> torch.Tensor:
        """See `BatchEngine.field`."""
        if name not in self._fields:
            with (
                warnings.catch_warnings()
            ):  # outputs are read-only arrays, which torch has no word for
                warnings.simplefilter("ignore", UserWarning)
                self._fields[name] = torch.from_numpy(self._batch.bind(name))
        return self._fields[name]

    def parameter(self, name: str) -> torch.Tensor:
        """See `BatchEngine.parameter`."""
        if name not in self._parameters:
            self._parameters[name] = torch.from_numpy(self._batch.expand(name))
        return self._parameters[name]

    def step(self, nstep: int) -> None:
        """See `BatchEngine.step`."""
        self._batch.step(nstep=nstep, stage=self._stage)

    def forward(self, mask: torch.Tensor | None = None) -> None:
        """See `BatchEngine.forward`."""
        self._batch.forward(None if mask is None else mask.numpy(), stage=self._stage)

    def reset(self, mask: torch.Tensor | None = None) -> None:
        """See `BatchEngine.reset`."""
        none = int(mujoco.mjtStage.mjSTAGE_NONE)
        self._batch.reset(None if mask is None else mask.numpy(), stage=none)

    def data(self, index: int) -> mujoco.MjData:
        """See `BatchEngine.data`."""
        return self._batch.get_data(index)

    def variant(self, index: int) -> mujoco.MjModel:
        """See `BatchEngine.variant`."""
        return self._batch.get_model(index)

    def check(self) -> None:
        """See `BatchEngine.check`: this engine allocates as it goes."""


def _spread(pool: batch.Batch, models: Sequence[mujoco.MjModel]) -> None:
    """Gives each simulation its model's values of every field in which the models differ."""
    distinct = list({id(model): model for model in models}.values())
    for name in batch.MODEL_FIELDS if len(distinct) > 1 else ():
        if "." in name:  # options: one physics for all
            continue
        first = getattr(distinct[0], name)
        if any(not np.array_equal(getattr(model, name), first) for model in distinct[1:]):
            pool.expand(name)[:] = np.stack([getattr(model, name) for model in models])
