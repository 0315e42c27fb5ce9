"""A skill of your own as one file: read, tried out, made a family.

A task file is a Python file with one class that extends `PickTask`, `PlaceTask`, `OpenTask` or `CloseTask`
and has a `name` and a `label`, the template of its labels (see `own`). It changes what it likes of reset,
observation, reward terms and success; what it observes and judges by has to be in `self.state`, `self.goal`
and `self.control`, which the kitchen has, too. `aliases` (templates of other ways to ask for it), `steps`,
`horizon`, `gamma` and `ppo` may be set.
"""

from __future__ import annotations

import hashlib
import re
import sys
import types
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from embodied.errors import UsageError
from embodied.tasks import own
from embodied.tasks.labels import parse_label
from embodied.tasks.registry import Family, families

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


def _family(made: Any, base: Family, file: Path, source: str) -> Family:
    """What a class says of itself, and what its base says where it does not."""
    taken = (*families(), *RESERVED)
    if not re.fullmatch(r"[a-z][a-z0-9_]*", made.name) or made.name in taken:
        raise UsageError(
            f"A skill of your own cannot be called '{made.name}' ({file}); take a name of small "
            f"letters that is none of {', '.join(taken)}."
        )
    aliases = tuple(getattr(made, "aliases", ()))
    for template in (made.label, *aliases):
        own.check_label(template, base.name)
    _check_apart(made.name, made.label)
    return replace(
        base,
        name=made.name,
        make=made,
        steps=int(getattr(made, "steps", STEPS)),
        gamma=float(getattr(made, "gamma", base.gamma)),
        ppo=dict(getattr(made, "ppo", base.ppo)),
        label=made.label,
        aliases=aliases,
        base=base.name,
        file=file,
        source=source,
    )


def _check_apart(name: str, label: str) -> None:
    """Whether a template reads like no other skill's.

    Raises:
        UsageError: it does.
    """
    sample = label.format(object="sponge", place="table")
    try:
        call = parse_label(sample)
    except UsageError:
        return
    if call.family != name:
        raise UsageError(f"The label '{label}' reads like those of '{call.family}': take another.")


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
    except Exception as error:
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


def _line(error: BaseException, file: Path) -> int | None:
    """The line of the file in which an error arose."""
    line, tb = None, error.__traceback__
    while tb is not None:
        if tb.tb_frame.f_code.co_filename == str(file):
            line = tb.tb_lineno
        tb = tb.tb_next
    return line


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
        same = [getattr(elsewhere, name)() for name in told]
    except Exception as error:
        line = _line(error, spec.file) if spec.file else None
        at = f" (line {line})" if line else ""
        raise UsageError(f"{where} fails{at}: {type(error).__name__}: {error}") from error
    shapes = {"observe": (n, task.obs_dim), "success": (n,), "failure": (n,)}
    for name, shape in shapes.items():
        if tuple(told[name].shape) != shape:
            raise UsageError(f"{name} of {where} gives {tuple(told[name].shape)}, not {shape}.")
    for name, term in terms.items():
        if tuple(term.shape) != (n,) or not bool(torch.isfinite(term).all()):
            raise UsageError(
                f"The reward term '{name}' of {where} has to be ({n},) finite numbers."
            )
    if any(not torch.equal(a, b) for a, b in zip(told.values(), same, strict=True)):
        raise UsageError(
            f"{where} observes or judges by more than self.state, self.goal and self.control; the "
            "kitchen has nothing else."
        )
