"""Whether a program can be trained with: its terms on a probe batch of states.

The probe is drawn from the signals' units, or is a batch of real states where the caller has one.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass

import torch

from planners.rewards.problems import ProgramError
from planners.rewards.program import Compiled, Program, compile_program
from planners.rewards.views import Brief, Signal

BOUND = 1e4  # a weighted term beyond this leaves a learner nothing to learn from
_SPANS = {"m": 1.0, "rad": math.pi, "m/s": 2.0, "rad/s": 10.0, "N": 20.0, "1": 1.0}


@dataclass(frozen=True)
class Verdict:
    """What the checks found. problems: none if the program can be trained with. compiled: then it."""

    problems: tuple[ProgramError, ...]
    compiled: Compiled | None = None

    @property
    def ok(self) -> bool:
        """Whether it can be trained with."""
        return not self.problems


def check(
    program: Program, brief: Brief, states: Mapping[str, torch.Tensor] | None = None
) -> Verdict:
    """All that is wrong with a program; every term has its say, for one repair turn.

    Args:
        states: a batch of real states to probe with besides the drawn one.
    """
    try:
        compiled = compile_program(program, brief)
    except ProgramError as error:
        return Verdict((error, *_others(program, brief, error)))
    found: list[ProgramError] = []
    batches = [probe(brief), *([states] if states else [])]
    for term in program.terms:
        one = compile_program(Program((term,)), brief)
        problem = _of_term(one, batches)
        if problem is not None:
            found.append(problem)
    if not found and (problem := _of_sum(compiled, batches)):
        found.append(problem)
    return Verdict(tuple(found), None if found else compiled)


def _of_sum(compiled: Compiled, batches: list[Mapping[str, torch.Tensor]]) -> ProgramError | None:
    """What is wrong with a program whose terms are right, one by one."""
    if _varies(torch.cat([compiled.total(view) for view in batches])):
        return None
    text = "Its terms add up to the same in every state; give weights that do not cancel or vanish."
    return ProgramError("constant", "", 0, text)


def _varies(values: torch.Tensor) -> bool:
    return float(values.max() - values.min()) > 1e-9


def _others(program: Program, brief: Brief, first: ProgramError) -> list[ProgramError]:
    """What the terms after the first bad one do not compile for."""
    found = []
    for term in program.terms if first.term else ():
        try:
            compile_program(Program((term,)), brief)
        except ProgramError as error:
            if error.term != first.term:
                found.append(error)
    return found


def probe(brief: Brief, count: int = 64, seed: int = 0) -> dict[str, torch.Tensor]:
    """States (count, size) per signal, spread over what its unit allows; the last eighth is all zero."""
    rng = torch.Generator().manual_seed(seed)
    return {signal.name: _draw(signal, count, rng) for signal in brief.signals}


def _draw(signal: Signal, count: int, rng: torch.Generator) -> torch.Tensor:
    unit = torch.rand(count, signal.size, generator=rng)
    if signal.unit == "bool":
        return (unit > 0.5).float()
    values = (2 * unit - 1) * _SPANS.get(signal.unit, 1.0)
    near = torch.arange(count)[:, None] % 4 == 1  # some states close to where things are reached
    values = torch.where(near, 0.05 * values, values)
    values[-count // 8 :] = 0.0
    return values


def _of_term(compiled: Compiled, batches: list[Mapping[str, torch.Tensor]]) -> ProgramError | None:
    """What is wrong with a program of one term."""
    term = compiled.program.terms[0]
    values = []
    for view in batches:
        before = {name: value.clone() for name, value in view.items()}
        try:
            first, again = compiled(view)[term.name], compiled(view)[term.name]
        except ProgramError as error:
            return error
        if any(not torch.equal(view[name], old) for name, old in before.items()):
            return ProgramError("not deterministic", term.name, 0, "It changes the state it reads.")
        if not torch.equal(torch.nan_to_num(first), torch.nan_to_num(again)):
            text = "Two evaluations of the same state differ; leave out what is not the state's."
            return ProgramError("not deterministic", term.name, 0, text)
        values.append(first)
    return _of_values(compiled, torch.cat(values))


def _of_values(compiled: Compiled, values: torch.Tensor) -> ProgramError | None:
    term = compiled.program.terms[0]
    if not bool(values.isfinite().all()):
        text = "It is NaN or infinite for some states; add 1e-6 to divisors and clip what can be 0."
        return ProgramError("not finite", term.name, 0, text)
    most = float(values.abs().max()) * abs(term.weight)
    if most > BOUND:
        text = f"It reaches {most:.3g}; bound it, as with tanh or clip."
        return ProgramError("unbounded", term.name, 0, text)
    if not any(re.search(rf"\b{name}\b", term.source) for name in compiled.sizes):
        text = "It reads no signal of the state; a reward has to depend on the state."
        return ProgramError("no signal", term.name, 0, text)
    if not _varies(values):
        text = "It has the same value in every state; widen its thresholds, or drop it."
        return ProgramError("constant", term.name, 0, text)
    return None
