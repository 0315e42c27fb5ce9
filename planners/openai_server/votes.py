"""Where no log-probs can be had: samples of the answer are votes.

With structured choice the server can only answer with a label; with generate-and-match the nearest
label to what it wrote gets the vote, the less the less alike they are. Every label keeps a small
share, for a handful of samples proves nothing impossible.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from planners import prompt as prompts
from planners.model import Prompt
from planners.openai_server import wording
from planners.openai_server.client import Server
from planners.openai_server.faults import Refused, ServerFault, Unfit
from planners.openai_server.replies import ChatReply, TextReply

SHARE = 0.5  # votes that all labels have together beforehand
ROOM = 96  # tokens of an answer


def as_schema(options: Sequence[str]) -> dict[str, Any]:
    """Ask for an object with one of the options: OpenAI, vLLM, llama.cpp, Ollama."""
    schema = {
        "type": "object",
        "properties": {"answer": {"type": "string", "enum": list(options)}},
        "required": ["answer"],
        "additionalProperties": False,
    }
    form = {"name": "answer", "strict": True, "schema": schema}
    return {"response_format": {"type": "json_schema", "json_schema": form}}


# how to ask for one of several options; vLLM's own ways, today's and the one before 0.12, come last
DIALECTS: dict[str, Callable[[Sequence[str]], dict[str, Any]]] = {
    "a JSON schema": as_schema,
    "structured_outputs": lambda options: {"structured_outputs": {"choice": list(options)}},
    "guided_choice": lambda options: {"guided_choice": list(options)},
}


def chosen(text: str, options: Sequence[str]) -> int:
    """Which of the options an answer is; a ValueError where it is none or was cut short."""
    said = wording.without_thinking(text)
    if said.startswith("{"):
        said = json.loads(said).get("answer")  # its JSONDecodeError is a ValueError
    if said not in options:
        raise ValueError("an answer came that is none of the options")
    return options.index(said)


class StructuredChoice:
    """Scores a label by its share of votes; the server sees to it that each vote is a label."""

    name, chats = "structured choice", True

    def __init__(self, server: Server, dialect: str) -> None:
        self.server, self.form = server, DIALECTS[dialect]
        self.why = f"the chat keeps to {dialect}; {server.cfg.votes} votes"

    @classmethod
    def open(cls, server: Server) -> StructuredChoice:
        """Ask for one of two options, neither of which anybody would give freely.

        Raises:
            Unfit: the answer is neither.
        """
        options, reasons = ("banana", "granite"), []
        for dialect, form in DIALECTS.items():
            try:
                task = "What is 2+2? Answer with the number."
                reply = server.chat(lambda r: r, task, max_tokens=ROOM, **form(options))
                chosen(reply.choices[0].message.content or "", options)
                return cls(server, dialect)
            except Refused as refusal:
                reasons.append(f"{dialect} is refused ({refusal})")
            except (ValueError, AttributeError):
                reasons.append(f"{dialect} is ignored")
        raise Unfit("; ".join(reasons))

    def score(self, prompt: Prompt, labels: Sequence[str], shots: int | None) -> np.ndarray:
        """(K,) log-shares of the votes."""
        text = wording.log_and(wording.which_label(labels), prompt, shots)

        def read(reply: ChatReply) -> list[int]:
            return [chosen(choice.message.content or "", labels) for choice in reply.choices]

        def ask(seed: int, n: int) -> list[int]:
            fields = sampling(seed, n) | self.form(labels)
            return self.server.chat(read, text, max_tokens=ROOM, **fields)

        return shares([(i, 1.0) for i in collect(ask, self.server.cfg.votes)], len(labels))


class GenerateAndMatch:
    """Scores a label by its share of votes, each weighed by how closely it was written."""

    name = "generate-and-match"

    def __init__(self, server: Server, chat: bool) -> None:
        self.server, self.chats = server, chat
        form = "the chat" if chat else "/completions"
        self.why = f"all that {form} gives is text; {server.cfg.votes} samples"

    @classmethod
    def open(cls, server: Server) -> GenerateAndMatch:
        """Find an end point that says anything.

        Raises:
            Unfit: none does.
        """
        reasons = []
        for chat, form in ((True, "the chat"), (False, "/completions")):
            way = cls(server, chat)
            try:
                if any(way.send("What is 2+2?", 0, 1)):
                    return way
                reasons.append(f"{form} gives empty answers")
            except Refused as refusal:
                reasons.append(f"{form} is refused ({refusal})")
            except ServerFault as fault:
                if fault.kind != "broken":
                    raise
                reasons.append(f"{form} fails ({fault.what})")
        raise Unfit("; ".join(reasons))

    def score(self, prompt: Prompt, labels: Sequence[str], shots: int | None) -> np.ndarray:
        """(K,) log-shares of the votes."""
        text = prompts.render(prompt, shots)
        if self.chats:
            text = wording.log_and(wording.which_label(labels), prompt, shots)
        said = collect(lambda seed, n: self.send(text, seed, n), self.server.cfg.votes)
        return shares([wording.nearest(each, labels) for each in said], len(labels))

    def send(self, text: str, seed: int, n: int) -> list[str]:
        """Answers, at least one."""
        fields = sampling(seed, n) | {"max_tokens": ROOM if self.chats else ROOM // 4}
        return (
            self.server.chat(said, text, **fields)
            if self.chats
            else self.server.complete(written, text, **fields)
        )


def said(reply: ChatReply) -> list[str]:
    """What a chat model said."""
    return [choice.message.content or "" for choice in reply.choices]


def written(reply: TextReply) -> list[str]:
    """How a model continued a text."""
    return [choice.text for choice in reply.choices]


def sampling(seed: int, n: int) -> dict[str, Any]:
    """Fields for n samples at once; servers that know no `n` give one."""
    return {"temperature": 1.0, "seed": seed, **({"n": n} if n > 1 else {})}


def collect(ask: Callable[[int, int], list[Any]], votes: int) -> list[Any]:
    """`votes` samples in as few requests as the server allows."""
    got: list[Any] = []
    while len(got) < votes:
        got += ask(len(got), votes - len(got))
    return got[:votes]


def shares(votes: Sequence[tuple[int, float]], k: int) -> np.ndarray:
    """(k,) log-shares from votes (label, weight)."""
    weights = np.full(k, SHARE / k)
    for label, weight in votes:
        weights[label] += weight
    return np.log(weights / weights.sum())
