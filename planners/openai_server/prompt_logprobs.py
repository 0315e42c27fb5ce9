"""The best way: the server says how likely each token of prompt and label is.

The same numbers as in process, at the cost of reading the prompt once per label (vLLM does not use
its prefix cache for this). vLLM serves it, and SGLang.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import takewhile
from typing import Any

import numpy as np

from planners import prompt as prompts
from planners.model import Prompt
from planners.openai_server.client import Server
from planners.openai_server.faults import Refused, ServerFault, Unfit
from planners.openai_server.replies import TextChoice, TextReply

Tokens = list[tuple[str, float | None]]  # the first of a prompt has no log-probability
Scored = tuple[np.ndarray, np.ndarray]
SENTINEL = ("2+2=", "2+2= 4", "2+2= banana")
BATCH = 16  # prompts per request
SILENT = "the request is taken, and no log-probs of the prompt come"


class MiscountError(ValueError):
    """Not one answer per prompt: the server may take one at a time only."""


def echoed(choice: TextChoice) -> Tokens:
    """Read the reply to `echo`."""
    given = choice.logprobs
    if given is None or not given.tokens or not given.token_logprobs:
        raise ValueError(SILENT)
    if len(given.tokens) != len(given.token_logprobs):
        raise ValueError("there is not one log-prob per token")
    return list(zip(given.tokens, given.token_logprobs, strict=True))


def listed(choice: TextChoice) -> Tokens:
    """Read vLLM's own field: an entry per token, with that token alone in it."""
    if not choice.prompt_logprobs:
        raise ValueError(SILENT)
    entries = [next(iter((entry or {}).values()), None) for entry in choice.prompt_logprobs]
    return [(e.decoded_token or "", e.logprob) if e else ("", None) for e in entries]


# how to ask for it, and how to read the answer
DIALECTS: dict[str, tuple[dict[str, Any], Callable[[TextChoice], Tokens]]] = {
    "echo": ({"echo": True, "logprobs": 1, "max_tokens": 0}, echoed),
    "prompt_logprobs": ({"prompt_logprobs": 0, "max_tokens": 1}, listed),
}


class PromptLogprobs:
    """Scores a label by the log-probabilities of its tokens, terminator included."""

    name, chats = "prompt log-probs", False

    def __init__(self, server: Server, dialect: str, batch: int) -> None:
        self.server, self.batch = server, batch
        self.fields, self.form = DIALECTS[dialect]
        self.why = f"/completions with {dialect} gives one for every token of a prompt"
        self._neutral: dict[tuple[str, ...], np.ndarray] = {}

    @classmethod
    def open(cls, server: Server) -> PromptLogprobs:
        """Try the sentinel in both dialects, with several prompts per request and with one.

        Raises:
            Unfit: neither gives log-probs that mean something.
        """
        reasons = []
        for dialect in DIALECTS:
            for batch in (BATCH, 1):
                way = cls(server, dialect, batch)
                try:
                    way.check()
                    return way
                except (Refused, MiscountError) as refusal:
                    reason = f"{dialect} is refused ({refusal})"
                except ServerFault as fault:
                    if fault.kind != "broken":
                        raise
                    reason = f"{dialect} fails ({fault.what})"
                except ValueError as error:
                    reason = f"{dialect}: {error}"
                    break
            reasons.append(reason)
        raise Unfit("; ".join(reasons))

    def check(self) -> None:
        """Raises a ValueError unless " 4" is likelier than " banana" after "2+2="."""
        replies = [(group, self._send(group, lambda r: r)) for group in self._groups(SENTINEL)]
        tokens = [each for group, reply in replies for each in self.parse(reply, group)]
        (four, banana), _ = tails(tokens)
        given = {logp for some in tokens for _, logp in some if logp is not None}
        if given == {0.0}:
            raise ValueError("every log-prob is 0.0")
        if len(given) == 1 or four == banana:
            raise ValueError("every option scores the same")
        if four < banana:
            raise ValueError("' banana' is likelier than ' 4' after '2+2='")

    def score(self, prompt: Prompt, labels: Sequence[str], shots: int | None) -> np.ndarray:
        """(K,) scores, normalised as `ServerCfg.norm` says."""
        values, lengths = self.score_text(prompts.render(prompt, shots), labels)
        norm, known = self.server.cfg.norm, tuple(labels)
        if norm == "pmi" and known not in self._neutral:
            self._neutral[known] = self.score_text(prompts.neutral(), labels)[0]
        if norm == "pmi":
            return values - self._neutral[known]
        return values / lengths if norm == "mean" else values

    def score_text(self, text: str, labels: Sequence[str]) -> Scored:
        """(K,) log-probabilities of the labels as continuations of `text`, and their tokens."""
        texts = [text, *(text + prompts.continuation(label) for label in labels)]
        groups = self._groups(texts)

        def ask(group: Sequence[str]) -> list[Tokens]:
            return self._send(group, lambda reply: self.parse(reply, group))

        return tails([tokens for part in self.server.together(ask, groups) for tokens in part])

    def parse(self, reply: TextReply, texts: Sequence[str]) -> list[Tokens]:
        """Tokens of each text; a ValueError where they are not those of the text."""
        if len(reply.choices) != len(texts):
            raise MiscountError(f"{len(reply.choices)} answers come to {len(texts)} prompts")
        parsed = [self.form(c) for c in sorted(reply.choices, key=lambda choice: choice.index)]
        for text, tokens in zip(texts, parsed, strict=True):
            if not _bare("".join(token for token, _ in tokens)).endswith(_bare(text)[-12:]):
                raise ValueError("the log-probs that come are not of the prompt's tokens")
        return parsed

    def _groups(self, texts: Sequence[str]) -> list[Sequence[str]]:
        return [texts[i : i + self.batch] for i in range(0, len(texts), self.batch)]

    def _send(self, texts: Sequence[str], read: Callable[[TextReply], Any]) -> Any:
        prompt = list(texts) if self.batch > 1 else texts[0]
        return self.server.complete(read, prompt, temperature=1.0, **self.fields)


def tails(tokens: Sequence[Tokens]) -> Scored:
    """Scores and lengths of what each but the first has after what all of them share."""
    columns = zip(*([token for token, _ in each] for each in tokens), strict=False)
    shared = sum(1 for _ in takewhile(lambda column: len(set(column)) == 1, columns))
    ends = [[logp for _, logp in each[shared:]] for each in tokens[1:]]
    if not all(ends) or any(logp is None for end in ends for logp in end):
        raise ValueError("some of a label's tokens have no log-prob")
    return np.array([sum(end) for end in ends]), np.array([len(end) for end in ends])  # pyright: ignore


def _bare(text: str) -> str:
    """`text` without blanks, which servers write in many ways."""
    return "".join(text.replace("<0x0A>", "").translate(dict.fromkeys(map(ord, "Ġ▁Ċ"))).split())
