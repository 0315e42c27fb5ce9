"""A skill of your own as one file: read, tried out, made a family.

A task file is a Python file with one class that extends `PickTask`, `PlaceTask`, `OpenTask` or `CloseTask`
and has a `name` and a `label`, the template of its labels (see `own`). It changes what it likes of reset,
observation, reward terms and success; what it observes and judges by has to be in `self.state`, `self.goal`
and `self.control`, which the kitchen has, too. `aliases` (templates of other ways to ask for it), `steps`,
`horizon`, `gamma` and `ppo` may be set.
"""

from __future__ import annotations

import hashlib
import sys
import traceback
import types
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from embodied.errors import UsageError
from embodied.tasks import own
from embodied.tasks.labels import parse_label
from embodied.tasks.registry import Family, families
from embodied.world.facts import WHEREABOUTS

STEPS = 2_000_000
"""Environment steps of the training of a family that does not say."""
RESERVED = ("all", "planner", "done")
_TRIED = 4  # simulations

READ: dict[str, Family] = {}
"""Families whose task files were read, by name: the one read last."""


def read(file: Path) -> Family:
    """The family of a task file.

    Raises:
        UsageError: it cannot be read or run, or what it holds is no task of your own.
    """
    source = _text(file)
    for spec in READ.values():
        if (spec.file, spec.source) == (file, source):
            return spec
    made = _task_class(file, source)
    spec = _family(made, _base(made, file), file, source)
    _check(spec)
    READ[spec.name] = spec
    return spec


def _base(made: Any, file: Path) -> Family:
    """The shipped family whose task a class extends."""
    arms = [shipped for shipped in families().values() if shipped.name != "navigate"]
    for shipped in arms:
        if issubclass(made, shipped.make):  # type: ignore[arg-type]
            return shipped
    names = ", ".join(shipped.make.__name__ for shipped in arms)
    raise UsageError(f"{made.__name__} in {file} extends none of {names}; let it extend one.")


class _Said(BaseModel):
    """What a class may say of itself besides its methods."""

    model_config = ConfigDict(strict=True)
    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    label: str
    aliases: tuple[str, ...] = ()
    steps: int = Field(STEPS, gt=0)
    horizon: int = Field(gt=0)
    gamma: float = Field(gt=0, lt=1)
    ppo: dict[str, Any]


def _family(made: Any, base: Family, file: Path, source: str) -> Family:
    """What a class says of itself, and what its base says where it does not."""
    where = f"{made.__name__} in {file}"
    unsaid = {"gamma": base.gamma, "ppo": dict(base.ppo)}
    says = {name: getattr(made, name) for name in _Said.model_fields if hasattr(made, name)}
    try:
        said = _Said(**unsaid | says)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise UsageError(f"The {first['loc'][0]} of {where}: {first['msg']}.") from error
    taken = (*families(), *RESERVED)
    if said.name in taken:
        raise UsageError(
            f"A skill of your own cannot be called '{said.name}' ({where}); take a name that is none "
            f"of {', '.join(taken)}."
        )
    for template in (said.label, *said.aliases):
        own.check_label(template, base.name)
        _check_apart(said.name, template)
    return replace(
        base, name=said.name, make=made, steps=said.steps, gamma=said.gamma, ppo=said.ppo,
        label=said.label, aliases=said.aliases, base=base.name, file=file, source=source,
    )  # fmt: skip


def _check_apart(name: str, template: str) -> None:
    """Whether a template reads like no other skill's.

    Raises:
        UsageError: it does.
    """
    for place in WHEREABOUTS:
        try:
            call = parse_label(template.format(object="sponge", place=place))
        except UsageError:
            continue
        if call.family != name:
            raise UsageError(
                f"The label '{template}' reads like those of '{call.family}': take another."
            )


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"There is no task file {file} that can be read: {error}") from error


def _task_class(file: Path, source: str) -> Any:
    """The one class with a label that a file defines."""
    module = f"embodied_own_{hashlib.sha256(source.encode()).hexdigest()[:12]}"
    held = types.ModuleType(module)
    held.__file__ = str(file)
    sys.modules[module] = held  # where dataclasses and pickles look a class's module up
    try:
        exec(compile(source, str(file), "exec"), vars(held))
    except (Exception, SystemExit) as error:
        line = getattr(error, "lineno", None) or _line(error, file)
        raise UsageError(
            f"The task file {file} cannot be run: {type(error).__name__}: {error} (line {line})."
        ) from error
    found = [
        value
        for value in vars(held).values()
        if isinstance(value, type) and value.__module__ == module and hasattr(value, "label")
    ]
    if len(found) != 1:
        raise UsageError(
            f"{file} has to define one class with a label, and defines {len(found)}; a label is a "
            'text such as label = "hover over the {object}".'
        )
    return found[0]


def blame(error: BaseException) -> UsageError | None:
    """The sentence for an error that arose in the code of a task file; None if it arose elsewhere."""
    for spec in READ.values():
        line = _line(error, spec.file) if spec.file else None
        if line is not None:
            return UsageError(
                f"The task file {spec.file} fails in line {line}: {type(error).__name__}: {error}"
            )
    return None


def _line(error: BaseException, file: Path) -> int | None:
    """The last line of the file that an error passed through."""
    frames = [
        frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(file)
    ]
    return frames[-1].lineno if frames else None


def _check(spec: Family) -> None:
    """Tries a task of your own out, in training and over a state from elsewhere.

    Raises:
        UsageError: saying what it returns or reads that it must not.
    """
    n, where = _TRIED, f"{spec.make.__name__} in {spec.file}"
    try:
        task = spec.make(n, 0, 1)
        task.reset(torch.ones(n, dtype=torch.bool), torch.Generator().manual_seed(0))
        task.step(torch.zeros(n, task.act_dim))
        told = {"observe": task.observe(), "success": task.success(), "failure": task.failure()}
        terms = dict(task.rewards())
        elsewhere = spec.make.over(task.state, task.goal, task.control)  # type: ignore[attr-defined]
        same = {name: getattr(elsewhere, name)() for name in told}
    except (Exception, SystemExit) as error:
        line = _line(error, spec.file) if spec.file else None
        at = f" (line {line})" if line else ""
        raise UsageError(f"{where} fails{at}: {type(error).__name__}: {error}") from error
    _check_tensor(f"observe of {where}", told["observe"], (n, task.obs_dim), torch.float32)
    for name in ("success", "failure"):
        _check_tensor(f"{name} of {where}", told[name], (n,), torch.bool)
    for name, term in terms.items():
        _check_tensor(f"The reward term '{name}' of {where}", term, (n,), torch.float32)
    if any(not torch.equal(told[name], same[name]) for name in told):
        raise UsageError(
            f"{where} observes or judges by more than self.state, self.goal and self.control; the "
            "kitchen has nothing else."
        )


def _check_tensor(what: str, value: Any, shape: tuple[int, ...], dtype: torch.dtype) -> None:
    have = (tuple(value.shape), value.dtype) if isinstance(value, torch.Tensor) else type(value)
    if have != (shape, dtype):
        told = type(value).__name__ if isinstance(have, type) else f"{value.dtype} {have[0]}"
        raise UsageError(f"{what} has to be a tensor, {dtype} {shape}, and is {told}.")
    if not bool(torch.isfinite(value).all()):
        raise UsageError(f"{what} has to be finite numbers.")
