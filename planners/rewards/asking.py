"""Candidates from a writer, none paid for twice, with up to two turns to mend what does not compile."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from embodied.errors import EnvironmentFault
from planners.parallel import together
from planners.rewards.ledger import Kept, Ledger, digest
from planners.rewards.program import Program
from planners.rewards.trials import BudgetSpent
from planners.rewards.writers.base import Context, Repair, Reply, Writer

PATIENCE = 5  # failures at the end of a round, one after the other, that speak of the model itself
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
class Budget:
    """What a search may spend in all; 0 is without bound. It is no part of what makes a search the
    same, so one that ran out goes on with a larger one. money: in the currency of the price."""

    money: float = 0.0
    tokens: int = 0
    steps: int = 0
    price: Price = field(default_factory=Price)

    def check(self, ledger: Ledger) -> None:
        """Look before a request whether it may still be sent.

        Raises:
            BudgetSpent: all tokens or all money is used up by the replies that the ledger keeps.
        """
        if not (self.money or self.tokens):
            return
        spent = ledger.costs().get("reply", {})
        read, written = int(spent.get("read", 0)), int(spent.get("written", 0))
        money, tokens = self.price.of(read, written), read + written
        if self.money and money >= self.money:
            raise BudgetSpent(f"The budget of {self.money:g} is spent: {money:.4g} so far.")
        if self.tokens and tokens >= self.tokens:
            raise BudgetSpent(f"The budget of {self.tokens:,} tokens is spent: {tokens:,} so far.")


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
    """Asks a writer for one round through a ledger, which is asked first.

    What failed is kept at the end of the round, unless the model itself seems to be in trouble: then it is
    asked for again next time.
    """

    def __init__(
        self, writer: Writer, ledger: Ledger, check: Check, budget: Budget, repairs: int = 2
    ) -> None:
        self.writer, self.ledger, self.check = writer, ledger, check
        self.budget, self.repairs = budget, repairs
        self._lock, self._came, self._failing = threading.Lock(), False, 0
        self._failed: list[tuple[Any, Reply]] = []

    def drafts(self, context: Context, n: int) -> list[Draft]:
        """`n` samples from `context.sample` on, mended where they must and can be.

        Raises:
            EnvironmentFault: the model cannot be had now, or nothing but failures comes of it any more;
                replies that came are kept.
            BudgetSpent: a request would be sent with nothing left to spend; likewise.
        """
        samples = [replace(context, sample=context.sample + i) for i in range(n)]
        made = together(self._draft, samples, self.writer.parallel)
        if self._failed and (not self._came or self._failing >= PATIENCE):
            raise EnvironmentFault(
                f"Nothing but failures came of {self.writer.name}, {self._failing} of them: "
                f"{self._failed[-1][1].problem} Mend that, or let --fallback grammar go on."
            )
        for request, reply in self._failed:
            self._keep(request, reply)
        return made

    def _draft(self, context: Context) -> Draft:
        replies: list[Reply] = []
        problems: tuple[str, ...] = ()
        for turn in range(self.repairs + 1):
            if replies:
                mend = Repair(replies[-1].text, problems, turn)
                context = replace(context, repair=mend)
            replies.append(self._ask(context))
            problems = self._problems(replies[-1])
            if not problems or replies[-1].failed:
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
            self.budget.check(self.ledger)
            reply = self.writer.write(context, 1)[0]
            with self._lock:
                self._failing = self._failing + 1 if reply.failed else 0
                if reply.failed:
                    self._failed.append((request, reply))
                    return reply
            kept = self._keep(request, reply)
        self._came = True
        return replace(reply_from(kept.body), seconds=kept.cost.get("seconds", 0.0))

    def _keep(self, request: Any, reply: Reply) -> Kept:
        cost = {
            "seconds": reply.seconds,
            "requests": reply.calls,
            "read": reply.read,
            "written": reply.written,
            "money": self.budget.price.of(reply.read, reply.written),
        }
        body = {key: value for key, value in reply_fields(reply).items() if key != "seconds"}
        return self.ledger.keep("reply", request, body, cost)


def reply_fields(reply: Reply) -> dict[str, Any]:
    """A reply as plain values."""
    fields = {f.name: getattr(reply, f.name) for f in dataclasses.fields(reply)}
    return {**fields, "program": reply.program and reply.program.plain()}


def reply_from(fields: dict[str, Any]) -> Reply:
    """The reply of `reply_fields`."""
    held = fields["program"]
    program = None if held is None else Program.from_plain(held)
    return Reply(**{**fields, "program": program, "parents": tuple(fields["parents"])})
