"""Chat servers that list likely tokens: options get letters, and the first token's chances count.

A list holds 20 tokens, so options come in groups; winners meet in a final. Luce's choice axiom (R.
D. Luce, Individual Choice Behavior, 1959) ties the lists together: how options compare does not
depend on which others are listed, so a group's chances are scaled by its winner's in the final.
Models favour letters and places of a list: log-chances are averaged over permutations of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from planners.model import Prompt, normalise
from planners.openai_server import wording
from planners.openai_server.client import Server, Value
from planners.openai_server.faults import Refused, Unfit
from planners.openai_server.replies import ChatReply

TOP = 20  # the most that servers list
GROUP = 16  # options per list: below TOP, for a letter may come in two forms ("A" and " A")
Ask = Callable[[Sequence[Sequence[int]]], list[np.ndarray]]  # lists of options -> chances in each


class Letters:
    """Scores a label by its letter's chance of being the answer."""

    name, chats = "letter log-probs", True

    def __init__(self, server: Server) -> None:
        self.server = server
        self.why = (
            f"the chat lists the {TOP} likeliest tokens; averaged over "
            f"{server.cfg.permutations} orders of the options"
        )

    @classmethod
    def open(cls, server: Server) -> Letters:
        """Try the sentinel: "4" must be a likelier answer than "banana", over both orders.

        Raises:
            Unfit: no lists come, or they mean nothing.
        """
        way, options = cls(server), ("4", "banana")
        try:
            seen = []
            for order in ((0, 1), (1, 0)):
                menu = "\n".join(f"{wording.LETTERS[k]}. {options[i]}" for k, i in enumerate(order))
                task = f"What is 2+2? Answer with the letter and nothing else.\n{menu}"
                logp = chances(way.send(task, lambda reply: reply), 2)
                seen.append(logp[np.argsort(order)])
        except Refused as refusal:
            raise Unfit(f"log-probs are refused in the chat ({refusal})") from None
        except ValueError as error:
            raise Unfit(f"in the chat {error}") from None
        four, banana = np.mean(seen, axis=0)
        if four <= banana:
            raise Unfit("in the chat 'banana' is likelier than '4' for 2+2, whatever the letters")
        return way

    def score(self, prompt: Prompt, labels: Sequence[str], shots: int | None) -> np.ndarray:
        """(K,) log-chances, not normalised over the labels."""

        def ask(lists: Sequence[Sequence[int]]) -> list[np.ndarray]:
            many = [
                (k, order)
                for k, members in enumerate(lists)
                for order in orders(len(members), self.server.cfg.permutations)
            ]
            got = self.server.together(lambda job: one(lists[job[0]], job[1]), many)
            sums = [np.zeros(len(members)) for members in lists]
            for (k, _), logp in zip(many, got, strict=True):
                sums[k] += logp / self.server.cfg.permutations
            return sums

        def one(members: Sequence[int], order: Sequence[int]) -> np.ndarray:
            task = wording.which_letter([labels[members[i]] for i in order])
            text = wording.log_and(task, prompt, shots)
            return self.send(text, lambda reply: chances(reply, len(order)))[np.argsort(order)]

        return tournament(len(labels), ask)

    def send(self, text: str, read: Callable[[ChatReply], Value]) -> Value:
        """One answer of one token."""
        return self.server.chat(
            read, text, max_tokens=1, logprobs=True, top_logprobs=TOP, temperature=1.0
        )


def chances(reply: ChatReply, n: int) -> np.ndarray:
    """(n,) log-chances of the first n letters; those not listed count as the least that is.

    Raises:
        ValueError: no list, no letter in it, or all the same.
    """
    given = reply.choices[0].logprobs
    tops = given.top() if given else []
    if len(tops) < 2:
        raise ValueError("the request is taken, and no list of likely tokens comes")
    if len({logp for _, logp in tops}) == 1:
        raise ValueError("every token scores the same")
    logp = np.full(n, -np.inf)
    for token, value in tops:
        letter = token.strip(" \n\t.:()*Ġ▁Ċ")
        place = wording.LETTERS.find(letter) if len(letter) == 1 else -1
        if 0 <= place < n:
            logp[place] = np.logaddexp(logp[place], value)
    if np.isneginf(logp).all():
        raise ValueError("none of the likely tokens is an option's letter")
    return normalise(np.where(np.isneginf(logp), min(value for _, value in tops), logp))


def orders(n: int, count: int) -> list[list[int]]:
    """`count` permutations of n options: every other one is the reverse of the one before.

    In such a pair each option's two places add up to the same, which cancels any bias that grows
    evenly along the list; pairs begin at different options.
    """
    pairs = (count + 1) // 2
    result = []
    for k in range(count):
        start = (k // 2) * n // pairs
        order = [(start + i) % n for i in range(n)]
        result.append(order[::-1] if k % 2 else order)
    return result


def tournament(k: int, ask: Ask) -> np.ndarray:
    """(k,) log-chances from lists of at most GROUP options, by Luce's choice axiom."""
    members = list(range(k))
    if k <= GROUP:
        return ask([members])[0]
    rounds = -(-k // GROUP)
    groups = [members[i::rounds] for i in range(rounds)]  # mixed, for labels come sorted by kind
    chances = ask(groups)
    winners = [group[int(np.argmax(logp))] for group, logp in zip(groups, chances, strict=True)]
    final = tournament(rounds, lambda lists: ask([[winners[i] for i in some] for some in lists]))
    result = np.empty(k)
    for group, logp, top in zip(groups, chances, final, strict=True):
        result[group] = logp - logp.max() + top
    return result
