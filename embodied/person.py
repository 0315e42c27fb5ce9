"""Who gives the instruction and stays around: answers questions, adds, revises, says stop.

`Scripted` knows beforehand what it will say, from flags or a suite. `Terminal` is whoever sits at
it: a line typed while a skill runs is heard before the next decision.
"""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Callable, Sequence

from embodied.errors import UsageError
from embodied.tasks.labels import parse_label
from planners.model import Question, Step


def said_after(text: str) -> tuple[str, str]:
    """('pick up the sponge', 'and the apple too') from 'pick up the sponge: and the apple too'.

    Raises:
        UsageError: no such skill, or nothing is said.
    """
    label, colon, said = (part.strip() for part in text.partition(":"))
    if not colon or not said:
        raise UsageError(
            f"--say takes 'LABEL: TEXT', for example 'find the sponge: and an apple'; got '{text}'."
        )
    return parse_label(label).label, said


class Scripted:
    """Says what it was given.

    Args:
        answers: to questions, in their order; when they run out, nobody answers.
        says: (label, text): said once, when the label has first ended, with any copy of its object.
    """

    def __init__(self, answers: Sequence[str] = (), says: Sequence[tuple[str, str]] = ()) -> None:
        self._answers, self._says = list(answers), list(says)

    def answer(self, question: Question) -> str | None:
        """See `Person.answer`."""
        return self._answers.pop(0) if self._answers else None

    def speaks(self, history: Sequence[Step]) -> str | None:
        """See `Person.speaks`."""
        ended = {label for step in history for label in (step.label, step.label.split("#")[0])}
        for i, (label, text) in enumerate(self._says):
            if label in ended:
                del self._says[i]
                return text
        return None


class Terminal(Scripted):
    """Whoever types at this process's terminal, after what was given beforehand.

    Args:
        ask: shows a question and waits for a line, which it returns.
    """

    def __init__(
        self,
        ask: Callable[[Question], str],
        answers: Sequence[str] = (),
        says: Sequence[tuple[str, str]] = (),
    ) -> None:
        super().__init__(answers, says)
        self._ask = ask

    def answer(self, question: Question) -> str | None:
        """See `Person.answer`; an empty line, or the end of input, is no answer."""
        given = super().answer(question)
        if given is not None or not sys.stdin.isatty():
            return given
        try:
            return self._ask(question).strip() or None
        except EOFError:
            return None

    def speaks(self, history: Sequence[Step]) -> str | None:
        """See `Person.speaks`: the lines typed since the last look. Never waits."""
        given = super().speaks(history)
        if given is not None or not sys.stdin.isatty():
            return given
        typed = b""
        while select.select([sys.stdin], [], [], 0)[0]:
            chunk = os.read(sys.stdin.fileno(), 4096)
            if not chunk:
                break
            typed += chunk
        return " ".join(typed.decode(errors="replace").split()) or None
