"""State views: the documented signals that reward terms read, and the brief that a reward writer sees.

A brief holds no success flag, no return and no reward that ships with a task: success is said in
words. A view is a mapping from signal names to float32 tensors (N, size), simulations first.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod


@dataclass(frozen=True)
class Signal:
    """One documented quantity of the state.

    Args:
        shape: per simulation; ``(3,)`` is read as a tensor (N, 3), a single number as (N, 1).
        unit: "m", "m/s", "rad", "N", "bool" (0 or 1), or "1" for a pure number.
        frame: what it is expressed in: "world", "base", or empty for what has none.
        text: one sentence saying what it is.
    """

    name: str
    shape: tuple[int, ...]
    unit: str
    frame: str
    text: str

    @property
    def size(self) -> int:
        """How many numbers it has."""
        return prod(self.shape)

    def line(self) -> str:
        """Its line of documentation."""
        frame = f", {self.frame} frame" if self.frame else ""
        return f"s.{self.name}: (N, {self.size}) [{self.unit}{frame}] {self.text}"


@dataclass(frozen=True)
class Brief:
    """All that a reward writer is told of a task.

    Args:
        task: name of a task, such as "pick" or "FetchReach-v4".
        sentence: what the robot is to do.
        success_in_words: when the task counts as done.
    """

    task: str
    sentence: str
    success_in_words: str
    signals: tuple[Signal, ...]

    @property
    def sizes(self) -> dict[str, int]:
        """Numbers per signal, by name."""
        return {signal.name: signal.size for signal in self.signals}

    def document(self) -> str:
        """The text that a writer sees: the task, its success, and one line per signal."""
        lines = [
            f"Task: {self.sentence}",
            f"Success: {self.success_in_words}",
            "",
            "Signals of the state s (tensors, the N simulations first):",
            *(f"- {signal.line()}" for signal in self.signals),
        ]
        return "\n".join(lines)
