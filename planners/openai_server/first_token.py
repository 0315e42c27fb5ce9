"""Where only generated tokens have log-probs: walk along the labels, one generated token at a time.

After the prompt the server lists the likeliest next tokens; those that begin labels are followed,
the likeliest first, until the rest hardly matters. Labels get the probability of
all ways that reach them, so these are whole labels' probabilities, save that tokens beyond the list
are only bounded. llama.cpp's server and vLLM serve it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from planners import prompt as prompts
from planners.model import Prompt
from planners.openai_server.client import Server, Value
from planners.openai_server.faults import Refused, Unfit
from planners.openai_server.replies import TextReply

Tops = list[tuple[str, float]]
WIDTHS = (20, 5)  # tokens to ask for; OpenAI's completions take at most 5
MATTERS = np.log(1e-3)  # what is this much less likely than the best label is not followed
MOST = 64  # requests per decision


@dataclass
class Walk:
    """labels: with terminator. reached: log-probability per label. open: of texts not looked at.

    closed: of texts looked at, the bound for what their lists leave out.
    """

    labels: list[str]
    reached: np.ndarray
    open: dict[str, float] = field(default_factory=lambda: {"": 0.0})
    closed: dict[str, float] = field(default_factory=dict)

    def due(self, most: int) -> list[str]:
        """The likeliest texts that are worth a look."""
        texts = sorted(self.open, key=lambda text: -self.open[text])[:most]
        return [text for text in texts if self.open[text] > self.reached.max() + MATTERS]

    def look(self, text: str, tops: Tops) -> None:
        """Take in what may follow `text`."""
        logp = self.open.pop(text)
        self.closed[text] = logp + min(value for _, value in tops)
        for token, value in tops:
            after = text + plain(token, at_start=not text)
            for i, label in enumerate(self.labels):
                if after.startswith(label):  # at its end, whatever else the token holds
                    self.reached[i] = np.logaddexp(self.reached[i], logp + value)
            if after != text and any(end.startswith(after) and end != after for end in self.labels):
                self.open[after] = np.logaddexp(self.open.get(after, -np.inf), logp + value)

    def scores(self) -> np.ndarray:
        """(K,) scores; a label that was not reached gets its share of where its trace ends."""
        ends = {**self.open, **self.closed}
        result = self.reached.copy()
        for i in np.flatnonzero(np.isneginf(result)):
            last = max((t for t in ends if self.labels[i].startswith(t)), key=len)
            sharing = sum(label.startswith(last) for label in self.labels)
            result[i] = ends[last] - np.log(sharing)
        return result


class FirstToken:
    """Scores a label by the tokens that the server might have generated."""

    name, chats = "first-token log-probs", False

    def __init__(self, server: Server, width: int) -> None:
        self.server, self.width = server, width
        self.why = f"/completions lists the {width} likeliest next tokens, followed label by label"

    @classmethod
    def open(cls, server: Server) -> FirstToken:
        """Try the sentinel with longer and shorter lists.

        Raises:
            Unfit: no lists come, or they mean nothing.
        """
        reason = ""
        for width in WIDTHS:
            way = cls(server, width)
            try:
                way.check(way.ask("2+2=", lambda reply: reply))
                return way
            except Refused as refusal:
                reason = f"logprobs are refused ({refusal})"
            except ValueError as error:
                reason = str(error)
        raise Unfit(reason)

    def check(self, reply: TextReply) -> None:
        """Raises a ValueError unless 4 is among the likely tokens after "2+2=", above "banana"."""
        tops = likeliest(reply)
        if len({logp for _, logp in tops}) == 1:
            raise ValueError("every token scores the same")
        said = [(plain(token).strip(), logp) for token, logp in tops]
        four = max((logp for token, logp in said if token.startswith("4")), default=None)
        rival = max((logp for token, logp in said if token.startswith("banana")), default=-np.inf)
        if four is None or four <= rival:
            raise ValueError("4 is not among the likely tokens after '2+2='")

    def ask(self, text: str, read: Callable[[TextReply], Value]) -> Value:
        """Let the server go on with `text` by one token."""
        return self.server.complete(read, text, max_tokens=1, logprobs=self.width, temperature=1.0)

    def score(self, prompt: Prompt, labels: Sequence[str], shots: int | None) -> np.ndarray:
        """(K,) log-probabilities, not normalised over the labels."""
        text = prompts.render(prompt, shots)
        ends = [prompts.continuation(label) for label in labels]
        walk, left = Walk(ends, np.full(len(ends), -np.inf)), MOST
        while due := walk.due(min(left, self.server.cfg.parallel)):
            lists = self.server.together(lambda at: self.ask(text + at, likeliest), due)
            for at, tops in zip(due, lists, strict=True):
                walk.look(at, tops)
            left -= len(due)
        return walk.scores()


def likeliest(reply: TextReply) -> Tops:
    """The likeliest next tokens; a ValueError where there are not at least two."""
    given = reply.choices[0].logprobs
    tops = given.top() if given else []
    if len(tops) < 2:
        raise ValueError("the request is taken, and no list of likely tokens comes")
    return tops


def plain(token: str, at_start: bool = False) -> str:
    """A token as the text that it stands for; labels begin with a blank, which some swallow."""
    text = token.replace("<0x0A>", "\n").translate({ord("Ġ"): " ", ord("▁"): " ", ord("Ċ"): "\n"})
    return f" {text}" if at_start and text and not text[0].isspace() else text
