"""What can be wrong with a reward program: one typed diagnostic that says how to mend it."""

from __future__ import annotations

from typing import Literal

from embodied.errors import UsageError

Kind = Literal[
    "syntax",  # it does not parse
    "forbidden",  # a construct or name that the language does not have
    "unknown name",  # neither a signal nor a function nor a variable
    "size",  # too long, too deep, too many terms
    "shape",  # tensors that do not fit together, or a term that is not one number per simulation
    "not finite",  # NaN or infinity
    "unbounded",  # values that no learner can use
    "constant",  # the same everywhere
    "not deterministic",  # two evaluations differ
    "no signal",  # a term that reads nothing
    "runtime",  # anything else that fails while it is evaluated
]


class ProgramError(UsageError):
    """A reward program cannot be used.

    Args:
        kind: see `Kind`.
        term: name of the term; empty for the program as a whole.
        line: line of the term's source, from 1; 0 where there is none.
        text: what is wrong and how to mend it, a sentence or two.
    """

    def __init__(self, kind: Kind, term: str, line: int, text: str) -> None:
        where = f"Term '{term}'" + (f", line {line}" if line else "") if term else "The program"
        super().__init__(f"{where} ({kind}): {text}")
        self.kind, self.term, self.line, self.text = kind, term, line, text
