"""The policies that a search trained, kept in its folder: numbers in JSON, named by their hash.

A policy is written before the ledger keeps the outcome that names it, so whatever kills the search, what
the ledger names is there. Loading one reads shapes and numbers, and runs nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from embodied import outputs
from embodied.candidates.net import Net
from embodied.errors import UsageError
from planners.rewards.job import Job, Outcome
from planners.rewards.ledger import canonical
from planners.rewards.trials import Evaluator


class Policies:
    """The folder of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def keeping(self, evaluate: Evaluator) -> Evaluator:
        """An evaluator that keeps the policies of another one's outcomes."""

        def kept(jobs: Sequence[Job]) -> Iterator[Outcome]:
            return (self.keep(outcome) for outcome in evaluate(jobs))

        return kept

    def keep(self, outcome: Outcome) -> Outcome:
        """The outcome, with its policy's name in place of the policy."""
        if outcome.weights is None:
            return outcome
        text = canonical(outcome.weights)
        name = hashlib.sha256(text.encode()).hexdigest()
        self.folder.mkdir(parents=True, exist_ok=True)
        outputs.write_text(self._path(name), text)
        return replace(outcome, weights=None, policy=name)

    def load(self, name: str) -> Net:
        """The policy of this name.

        Raises:
            UsageError: it is not there, or was changed.
            EmbodiedError: it is none.
        """
        path = self._path(name)
        try:
            data = path.read_bytes()
        except OSError as error:
            raise UsageError(f"The policy {path} is gone ({error.strerror}).") from error
        if hashlib.sha256(data).hexdigest() != name:
            raise UsageError(f"The policy {path} was changed: it has another hash than its name.")
        return Net.from_plain(json.loads(data))

    def forget_but(self, names: Collection[str]) -> None:
        """Removes all others."""
        for path in self.folder.glob("*.json"):
            if path.stem not in names:
                path.unlink(missing_ok=True)

    def _path(self, name: str) -> Path:
        return self.folder / f"{name}.json"
