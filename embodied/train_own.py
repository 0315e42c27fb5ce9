"""What training a skill of your own takes besides: its task file tried out, the skill registered.

python -m embodied.train hover.py
"""

from __future__ import annotations

import inspect
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from embodied.errors import EnvironmentFault, UsageError

if TYPE_CHECKING:
    from embodied.tasks.registry import Family
    from policies.skill import Figure


def prepare(spec: Family) -> None:
    """Finds out before a training what would only be found out after it.

    Raises:
        UsageError: the policy's observation cannot be read elsewhere than in the training, or the
            settings are none of PPO's.
        EnvironmentFault: there is no folder that the skill could be kept in.
    """
    from stable_baselines3 import PPO

    from embodied.tasks import own
    from policies import layout

    unknown = set(spec.ppo) - set(inspect.signature(PPO.__init__).parameters)
    if unknown:
        raise UsageError(f"The ppo of {spec.file} has no settings of PPO's: {', '.join(unknown)}.")
    try:
        readings = layout.readings(spec)
    except Exception as error:
        raise UsageError(
            f"What {spec.file} observes cannot be read off a state, a goal and a controller's target, "
            f"opening and velocity alone: {type(error).__name__}: {error}"
        ) from error
    if any(value != value or abs(value) == float("inf") for value in readings):
        raise UsageError(f"What {spec.file} observes is no number in states that may well occur.")
    own.make_folder()


@contextmanager
def blamed() -> Iterator[None]:
    """Says of an error that arises in a task file's code where it does.

    Raises:
        UsageError: in place of such an error.
    """
    from embodied.tasks import task_file

    try:
        yield
    except Exception as error:
        fault = task_file.blame(error)
        if fault is None:
            raise
        raise fault from error


def is_kept(spec: Family, skill: Path) -> bool:
    """Whether it is this very skill that is registered."""
    from embodied.tasks import own

    kept = own.skills_folder() / spec.name / own.CARD
    return kept.is_file() and kept.read_bytes() == (skill / own.CARD).read_bytes()


def register(spec: Family, skill: Path) -> None:
    """Keeps a trained skill and says how to use it, or says why it is not kept: it never succeeds, or less
    often than the one that is kept.

    Raises:
        EnvironmentFault: it cannot be written.
    """
    from embodied.tasks import own
    from policies.skill import describe, read_card

    figure, kept = read_card(skill).figures["all"], own.skills_folder() / spec.name
    if not figure.successes:
        print("not registered: it never succeeded; train it for more steps, or mend its rewards")
        return
    before = _figure(kept)
    if before is not None and figure.high < before.low:
        print(f"not registered: it succeeds in {describe(figure)}; the one kept in {kept} in")
        print(f"{describe(before)}. Remove that folder, and the same command registers this one.")
        return
    try:
        own.register(spec.name, skill)
    except EnvironmentFault as fault:
        raise EnvironmentFault(
            f"The skill in {skill} is whole, but not registered: {fault} The same command registers it."
        ) from fault
    said = spec.label.format(object="sponge", place="table")
    print(f"registered in {kept}: the robot has it from now on, until that folder is removed")
    print(f"use it: {shlex.join(['python', '-m', 'embodied.run', said])}")


def _figure(folder: Path) -> Figure | None:
    """The figure of the skill that is kept there, if there is one."""
    from policies.skill import read_card

    try:
        return read_card(folder).figures.get("all")
    except UsageError:
        return None
