"""Which strategy a given model can be trusted with: the fastest that its configuration allows and
that agrees with the reference on two labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch

from embodied.errors import UsageError
from planners.scoring.packed import trie, why_not
from planners.scoring.reader import Ids, Reader, UnsupportedError
from planners.scoring.strategies import Scored, Strategy, expanded, one_by_one

Name = Literal["trie", "expanded", "one_by_one"]
FASTEST_FIRST: dict[Name, Strategy] = {"trie": trie, "expanded": expanded, "one_by_one": one_by_one}


@dataclass(frozen=True)
class Choice:
    """A strategy with the reader it works on. why: one clause for the person who starts a run."""

    name: Name
    why: str
    reader: Reader

    def score(self, prompt: Ids, options: Sequence[Ids], chunk: int) -> Scored:
        """Score `options` as continuations of `prompt`; `chunk` as in `expanded`."""
        return FASTEST_FIRST[self.name](self.reader, prompt, options, chunk)

    def afresh(self) -> Choice:
        """The same for another series of prompts, with a cache of its own that is not kept."""
        return Choice(self.name, self.why, Reader(self.reader.model, keep=False))


def choose(
    model: Any, prompt: Ids, options: Sequence[Ids], wanted: Literal["auto", Name] = "auto"
) -> Choice:
    """Try the strategies on a short prompt, the fastest first, with and without a kept cache.

    Args:
        prompt: more than four tokens.
        options: two that begin alike and go on differently, so that a leak from one to the other
            would show.
        wanted: try only this one.
    Raises:
        UsageError: the model cannot do what is wanted.
    """
    exact = one_by_one(Reader(model), prompt, options).logp
    reasons = []
    for name in FASTEST_FIRST if wanted == "auto" else (wanted,):
        if name == "one_by_one":
            why = "; ".join(reasons) or "as asked for"
            return Choice(name, why, Reader(model, keep=False))
        reason = why_not(model) if name == "trie" else None
        for keep in (True, False) if reason is None else ():
            reader = Reader(model, keep)
            reason, reused = _try(name, reader, prompt, options, exact)
            if reason is None:
                kept = "prompt cache kept" if reused else "prompt read anew each time"
                return Choice(name, "; ".join([*reasons, kept]), reader)
        reasons.append(f"no {name}, for {reason}")
    raise UsageError(f"This model cannot score by '{wanted}': {reasons[-1]}; leave it at 'auto'.")


def _try(
    name: Name, reader: Reader, prompt: Ids, options: Sequence[Ids], exact: torch.Tensor
) -> tuple[str | None, bool]:
    """Why a strategy cannot be trusted, or None; and whether it made use of an earlier prompt."""
    score, half = FASTEST_FIRST[name], len(prompt) // 2
    try:
        before = score(reader, [*prompt[:half], *prompt[half + 1 :]], options, 1)
        found = score(reader, prompt, options, 1)
    except UnsupportedError as error:
        return str(error), False
    except Exception as error:  # models raise whatever they like at what they cannot do
        return f"it ends in {type(error).__name__}: {' '.join(str(error).split())[:120]}", False
    off = float((found.logp - exact).abs().max())
    # rounding in half precision: about 0.05 a token; a leak between labels is worth more
    bound = 1e-3 if reader.model.dtype in (torch.float32, torch.float64) else 0.5
    reason = None if off <= bound else f"its scores are {off:.2g} off those taken one by one"
    return reason, found.tokens < before.tokens
