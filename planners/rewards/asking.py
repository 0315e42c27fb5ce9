"""Candidates from a writer, none paid for twice, with up to two turns to mend what does not compile."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from planners.parallel import together
from planners.rewards.ledger import Ledger, digest
from planners.rewards.program import Program
from planners.rewards.writers.base import Context, Repair, Reply, Writer

Check = Callable[[Program], Sequence[str]]
"""What is wrong with a program, one diagnostic a line; nothing where it can be trained with."""


@dataclass(frozen=True)
class Price:
    """Money per million tokens, read and written."""

    read: float = 0.0
    written: float = 0.0

    def of(self, read: int, written: int) -> float:
        """Money for so many tokens."""
        return (read * self.read + written * self.written) / 1e6


@dataclass(frozen=True)
class Draft:
    """What became of one sample. replies: the first and its repairs. problems: of the last one."""

    replies: tuple[Reply, ...]
    problems: tuple[str, ...]

    @property
    def program(self) -> Program | None:
        """The program that can be trained with, if there is one."""
        return None if self.problems else self.replies[-1].program


class Asker:
    """Asks a writer through a ledger, which is asked first."""

    def __init__(
        self, writer: Writer, ledger: Ledger, check: Check, price: Price, repairs: int = 2
    ) -> None:
        self.writer, self.ledger, self.check = writer, ledger, check
        self.price, self.repairs = price, repairs

    def drafts(self, context: Context, n: int) -> list[Draft]:
        """`n` samples from `context.sample` on, mended where they must and can be.

        Raises:
            EnvironmentFault: the model cannot be had now; replies that came are kept.
        """
        samples = [replace(context, sample=context.sample + i) for i in range(n)]
        return together(self._draft, samples, self.writer.parallel)

    def _draft(self, context: Context) -> Draft:
        replies: list[Reply] = []
        problems: tuple[str, ...] = ()
        for turn in range(self.repairs + 1):
            if replies:
                mend = Repair(replies[-1].text, problems, turn)
                context = replace(context, repair=mend)
            replies.append(self._ask(context))
            problems = self._problems(replies[-1])
            if not problems:
                break
        return Draft(tuple(replies), problems)

    def _problems(self, reply: Reply) -> tuple[str, ...]:
        if reply.program is None:
            return (reply.problem or "The reply holds no reward.",)
        return tuple(self.check(reply.program))

    def _ask(self, context: Context) -> Reply:
        request = [self.writer.name, digest(context)]
        kept = self.ledger.kept("reply", request)
        if kept is None:
            reply = self.writer.write(context, 1)[0]
            cost = {
                "seconds": reply.seconds,
                "requests": reply.calls,
                "read": reply.read,
                "written": reply.written,
                "money": self.price.of(reply.read, reply.written),
            }
            body = {key: value for key, value in reply_fields(reply).items() if key != "seconds"}
            kept = self.ledger.keep("reply", request, body, cost)
        return reply_from(kept.body)


def reply_fields(reply: Reply) -> dict[str, Any]:
    """A reply as plain values."""
    fields = {f.name: getattr(reply, f.name) for f in dataclasses.fields(reply)}
    return {**fields, "program": reply.program and reply.program.plain()}


def reply_from(fields: dict[str, Any]) -> Reply:
    """The reply of `reply_fields`."""
    held = fields["program"]
    program = None if held is None else Program.from_plain(held)
    return Reply(**{**fields, "program": program, "parents": tuple(fields["parents"])})
