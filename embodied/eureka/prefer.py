"""`--prefer`: the choices, the rollouts that they are about, and the pairs to ask about next.

Rollouts are ``NAME.npz`` files beside the choices or in ``rollouts/`` there: one array (steps, size)
per signal of the task's state view.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from embodied.errors import UsageError
from embodied.outputs import write_text
from planners.rewards.funnel import term_sums
from planners.rewards.preference import (
    Choice,
    circle,
    contradictions,
    fit,
    load_choices,
    next_pairs,
)
from planners.rewards.program import Program, compile_program
from planners.rewards.views import Brief

NEXT = 10  # pairs to ask about


@dataclass(frozen=True)
class Chosen:
    """Choices, and the rollouts that there are: per name its signals as (1, steps, size) each."""

    brief: Brief
    choices: list[Choice]
    states: Mapping[str, Mapping[str, np.ndarray]]

    @classmethod
    def load(cls, path: Path, brief: Brief) -> Chosen:
        """Read both.

        Raises:
            UsageError: the choices, or the rollouts, cannot be used.
        """
        path = path.expanduser()
        places = (path.parent, path.parent / "rollouts")
        files = {file.stem: file for place in places for file in sorted(place.glob("*.npz"))}
        choices = load_choices(path, sorted(files))
        return cls(brief, choices, {name: load_rollout(f, brief) for name, f in files.items()})

    def plain(self) -> list[dict[str, Any]]:
        """The choices as plain values."""
        return [vars(choice) for choice in self.choices]

    def reweighted(
        self, folder: Path, seed: int, say: Callable[[str], None], program: Program
    ) -> Program:
        """The program with the weights that follow from the choices; as it is, where nothing follows.

        Also writes `next_pairs.jsonl` into `folder`: the pairs that are worth asking about next.
        """
        if around := circle(self.choices):
            say(f"--prefer: {' was preferred to '.join(around)}; each choice counts")
        for left, right in contradictions(self.choices):
            say(f"--prefer: {left} and {right} were chosen both ways; each choice counts")
        compiled = compile_program(program, self.brief)
        sums = {name: term_sums(compiled, state)[0] for name, state in self.states.items()}
        model = fit(sums, self.choices, seed)
        say(f"--prefer: {len(self.choices)} choices; the weights agree with {model.agreement:.0%}")
        pairs = next_pairs(model, sums, self.choices, NEXT)
        rows = [json.dumps({"left": a, "right": b, "choice": None}) for a, b in pairs]
        write_text(folder / "next_pairs.jsonl", "".join(f"{row}\n" for row in rows))
        if model.tells:
            return model.reweighted(program)
        say(
            "--prefer: nothing follows for this reward's weights, which stay: the choices contradict each "
            "other, or its terms are the same for all rollouts"
        )
        return program


def load_rollout(path: Path, brief: Brief) -> dict[str, np.ndarray]:
    """Signals of one rollout as (1, steps, size) each.

    Raises:
        UsageError: it cannot be read, or lacks a signal of the task.
    """
    try:
        with np.load(path, allow_pickle=False) as held:
            found = {name: np.asarray(held[name], np.float32) for name in held.files}
    except (
        OSError,
        ValueError,
        TypeError,
        EOFError,
        NotImplementedError,
        BadZipFile,
        zlib.error,
    ) as error:
        raise UsageError(f"The rollout {path} cannot be read ({error}).") from error
    for name, size in brief.sizes.items():
        if name not in found or found[name].ndim != 2 or found[name].shape[1] != size:
            raise UsageError(
                f"The rollout {path} needs the signal {name} as an array (steps, {size}); it is of "
                "another task, or of another version of it."
            )
        if not np.isfinite(found[name]).all():
            raise UsageError(f"The rollout {path} has numbers in {name} that are not finite.")
    lengths = {len(found[name]) for name in brief.sizes}
    if len(lengths) > 1 or 0 in lengths:
        raise UsageError(f"The rollout {path} has signals of different lengths, or without a step.")
    return {name: found[name][None] for name in brief.sizes}
