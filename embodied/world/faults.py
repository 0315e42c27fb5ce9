"""Simulations that break: found after the step that broke them, kept as a file that plays it again.

A state that is no number any more, or is beyond `HUGE`, never recovers; what learns from it learns
nonsense. `Watch` keeps each step's start, so that a break can be looked into:

    python -m embodied.world.faults outputs/train/.../faults/fault_0000.npz
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import mujoco
import numpy as np
import torch

from embodied.errors import EmbodiedError, UsageError
from embodied.outputs import atomic
from embodied.world.engine import BatchEngine
from embodied.world.scene import SUBSTEPS

HUGE = 1e10
"""MuJoCo's own limit of what counts as a state."""
_STATE = ("qpos", "qvel", "qacc_warmstart")
_ACTING = ("ctrl", "xfrc_applied")
"""What acts during the step, set within it: controls, and pushes of a randomised training."""


@dataclass(frozen=True)
class Fault:
    """The control step in which a simulation broke: its model, the state before it, what acted on it."""

    row: int
    model: mujoco.MjModel
    before: dict[str, np.ndarray]

    def save(self, path: Path) -> str:
        """Writes the file, whole or not at all; returns the command that plays it again."""
        with tempfile.NamedTemporaryFile(suffix=".mjb") as file:
            mujoco.mj_saveModel(self.model, file.name)
            model = np.frombuffer(Path(file.name).read_bytes(), np.uint8)
        with atomic(path) as file:
            np.savez_compressed(file, model=model, row=self.row, **self.before)  # type: ignore[arg-type]
        return f"python -m embodied.world.faults {path}"


class Watch:
    """Finds an engine's broken simulations. `begin` before a control step, `broken` after it."""

    def __init__(self, engine: BatchEngine) -> None:
        self._engine = engine
        self._before = {name: engine.field(name).clone() for name in _STATE}
        self._first = {name: torch.zeros_like(value[0]) for name, value in self._fields().items()}
        self._row = torch.full((), -1, dtype=torch.long, device=engine.device)

    def begin(self) -> None:
        """Keeps the state that the step starts from."""
        for name, kept in self._before.items():
            kept.copy_(self._engine.field(name))

    def broken(self) -> torch.Tensor:
        """(N,) bool; never waits for the device."""
        size = [self._engine.field(name).abs().amax(-1) for name in ("qpos", "qvel")]
        return ~(torch.maximum(*size) < HUGE)  # so that NaN counts

    def fault(self, row: int) -> Fault:
        """What happened to a simulation in the last step; ask before it is reset."""
        before = {n: value[row].double().numpy().copy() for n, value in self._fields().items()}
        return Fault(row, self._engine.variant(row), before)

    def keep(self, broken: torch.Tensor) -> None:
        """Keeps the first of the broken simulations (N,) since `kept`, on the device, without waiting."""
        row = broken.byte().argmax()
        new = broken.any() & (self._row < 0)
        for name, value in self._fields().items():
            found = value.index_select(0, row[None])[0]
            self._first[name] = torch.where(new, found, self._first[name])
        self._row = torch.where(new, row, self._row)

    def kept(self) -> Fault | None:
        """What `keep` has kept, if anything. Waits for the device."""
        row = int(self._row)
        if row < 0:
            return None
        self._row = torch.full_like(self._row, -1)
        before = {name: value.double().cpu().numpy() for name, value in self._first.items()}
        return Fault(row, self._engine.variant(row), before)

    def _fields(self) -> dict[str, torch.Tensor]:
        return {**self._before, **{name: self._engine.field(name) for name in _ACTING}}


def load(path: Path) -> Fault:
    """Reads a file of `Fault.save`.

    Raises:
        UsageError: it is none.
    """
    try:
        with np.load(path, allow_pickle=False) as held:
            before = {name: held[name] for name in (*_STATE, *_ACTING)}
            row, image = int(held["row"]), held["model"].tobytes()
        with tempfile.NamedTemporaryFile(suffix=".mjb") as file:
            Path(file.name).write_bytes(image)
            model = mujoco.MjModel.from_binary_path(file.name)
    except (OSError, KeyError, ValueError, BadZipFile) as error:
        raise UsageError(f"{path} is no fault that a training has kept ({error}).") from error
    return Fault(row, model, before)


def replay(fault: Fault) -> tuple[int, str] | None:
    """The substep, from 1, at which the simulation breaks, and where; None if it does not."""
    model, data = fault.model, mujoco.MjData(fault.model)
    for name, value in fault.before.items():
        getattr(data, name)[:] = value
    for substep in range(1, SUBSTEPS + 1):
        mujoco.mj_step(model, data)
        for name in ("qacc", "qvel", "qpos"):
            bad = np.flatnonzero(~(np.abs(getattr(data, name)) < HUGE))
            if len(bad):
                return substep, f"{name} of {_joint(model, int(bad[0]), name == 'qpos')}"
    return None


def _joint(model: mujoco.MjModel, index: int, is_position: bool) -> str:
    starts = model.jnt_qposadr if is_position else model.jnt_dofadr
    joint = int(np.searchsorted(starts, index, side="right")) - 1
    return f"joint '{model.joint(joint).name}'"


def main(argv: Sequence[str] | None = None) -> int:
    """Plays a kept fault again on the CPU; exit code 0 if the simulation breaks again."""
    parser = argparse.ArgumentParser(
        prog="python -m embodied.world.faults", description=main.__doc__
    )
    parser.add_argument("file", type=Path, help="fault_....npz of a training's folder 'faults'")
    try:
        fault = load(parser.parse_args(argv).file)
    except EmbodiedError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    found = replay(fault)
    if found is None:
        print(f"simulation {fault.row} does not break again on this machine's CPU engine")
        return 1
    print(f"simulation {fault.row} breaks again in substep {found[0]} of {SUBSTEPS}: {found[1]}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
