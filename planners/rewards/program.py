"""A reward program: named terms x weights. We sum, so what each term contributes is known exactly."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from planners.rewards import functions
from planners.rewards.language import Function, compile_term, filename
from planners.rewards.problems import ProgramError
from planners.rewards.views import Brief

__all__ = ["Compiled", "Program", "ProgramError", "Term", "compile_program", "functions_help"]

MOST_TERMS, MOST_WEIGHT = 24, 1e4


@dataclass(frozen=True)
class Term:
    """source: ``def name(s): ... return ...`` in the language of `language`. weight: factor in the sum."""

    name: str
    source: str
    weight: float = 1.0


@dataclass(frozen=True)
class Program:
    """A reward. What it is called by is its content: equal terms have equal hashes."""

    terms: tuple[Term, ...]

    def text(self) -> str:
        """The terms as a person reads them."""
        return (
            "\n\n".join(f"# weight {t.weight:.6g}\n{t.source.strip()}" for t in self.terms) + "\n"
        )

    @property
    def hash(self) -> str:
        """SHA-256 over names, sources and weights, 64 hexadecimal digits."""
        content = [[t.name, t.source, float(t.weight)] for t in self.terms]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()

    def plain(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {"terms": [vars(term) for term in self.terms]}

    def json(self) -> str:
        """As JSON; the inverse of `from_json`."""
        return json.dumps(self.plain(), indent=1)

    @classmethod
    def from_plain(cls, found: Any) -> Program:
        """The program of `plain`.

        Raises:
            ProgramError: it is no program; names what is missing.
        """
        try:
            rows = found["terms"] if isinstance(found, dict) else found
            terms = tuple(Term(str(r["name"]), str(r["source"]), float(r["weight"])) for r in rows)
        except (KeyError, TypeError, ValueError) as error:
            text = (
                'It has to be {"terms": [{"name": ..., "source": "def name(s): ...", "weight": 1.0}]}; '
                f"this is not ({type(error).__name__}: {error})."
            )
            raise ProgramError("syntax", "", 0, text) from None
        return cls(terms)

    @classmethod
    def from_json(cls, text: str) -> Program:
        """The program of `json`. Raises ProgramError where it is none."""
        try:
            found = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ProgramError("syntax", "", 0, f"It is not JSON: {error}.") from None
        return cls.from_plain(found)


class Compiled:
    """A program that can be evaluated. Made by `compile_program`."""

    def __init__(self, program: Program, sizes: Mapping[str, int], made: Mapping[str, Function]):
        self.program, self.sizes, self._functions = program, dict(sizes), dict(made)

    def __call__(self, view: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """The terms without their weights, (N,) float32 each.

        Args:
            view: every signal of the brief, (N, size) tensors; not changed.

        Raises:
            ProgramError: a term fails, or is not one number per simulation.
        """
        given = {name: view[name] for name in self.sizes}
        count = len(next(iter(given.values())))
        return {name: self._one(name, given, count) for name in self._functions}

    def weighted(self, view: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """The terms times their weights, (N,) each; as `__call__`."""
        values = self(view)
        return {term.name: term.weight * values[term.name] for term in self.program.terms}

    def total(self, view: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """The reward, (N,); as `__call__`."""
        return torch.stack(list(self.weighted(view).values())).sum(0)

    def _one(self, name: str, view: dict[str, torch.Tensor], count: int) -> torch.Tensor:
        try:
            value = functions.tensor(self._functions[name](dict(view)))
        except functions.ShapeError as error:
            raise ProgramError("shape", name, _line(error, name), str(error)) from None
        except Exception as error:  # whatever untrusted source may raise
            text = f"It fails with {type(error).__name__}: {str(error)[:200]}; simplify that line."
            raise ProgramError("runtime", name, _line(error, name), text) from None
        if value.dim() == 2 and value.shape[1] == 1:
            value = value[:, 0]
        if value.dim() == 0:
            value = value.expand(count)
        if value.shape != (count,):
            shown = "(N, " + ", ".join(map(str, value.shape[1:])) + ")"
            text = f"It returns {shown}, not one number per simulation; use norm, sum or x[:, 0]."
            raise ProgramError("shape", name, 0, text)
        return value


def compile_program(program: Program, brief: Brief) -> Compiled:
    """Check a program against the language and a task's signals.

    Raises:
        ProgramError: the first thing that is wrong, with its fix.
    """
    terms = program.terms
    if not 1 <= len(terms) <= MOST_TERMS:
        raise ProgramError("size", "", 0, f"It has {len(terms)} terms; give 1 to {MOST_TERMS}.")
    for term in terms:
        if not (term.name.isidentifier() and term.name.isascii() and len(term.name) <= 64):
            text = "Term names are short Python names of ASCII letters, digits and _."
            raise ProgramError("forbidden", term.name[:64], 0, text)
        if not (math.isfinite(term.weight) and abs(term.weight) <= MOST_WEIGHT):
            text = f"Its weight is {term.weight}; give a number within {MOST_WEIGHT:.0f}."
            raise ProgramError("unbounded", term.name, 0, text)
    if len({term.name for term in terms}) < len(terms):
        raise ProgramError("forbidden", "", 0, "Two terms have one name; give each its own.")
    made = {t.name: compile_term(t.name, t.source, brief.sizes) for t in terms}
    return Compiled(program, brief.sizes, made)


def _line(error: BaseException, name: str) -> int:
    """The line of the term's source at which it failed."""
    found, trace = 0, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == filename(name):
            found = trace.tb_lineno
        trace = trace.tb_next
    return found


def functions_help() -> str:
    """What terms can be written with, for a prompt."""
    return f"Terms are written as `def name(s): ... return ...`. Functions: {functions.HELP}"
