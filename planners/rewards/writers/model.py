"""Language models as writers: one prompt, one reply per sample, read as it comes."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass, replace
from typing import Any, Protocol

from planners.openai_server.client import Server
from planners.openai_server.faults import Refused, ServerFault
from planners.openai_server.replies import ChatReply
from planners.parallel import together
from planners.rewards.writers import prompts
from planners.rewards.writers.base import Context, Reply
from planners.rewards.writers.parse import parse

MAX_TOKENS = 2048
LEAST = 16  # tokens that no reward is shorter than
TEMPERATURE = 1.0  # samples are to differ; Eureka's
LETTERS = 4  # of a token, about, where a server does not count
DOWN = ("unreachable", "key")  # what no other sample would fare better with


@dataclass(frozen=True)
class Answer:
    """What a model said. complete: it came to its end. read, written: tokens. calls: requests, those
    that failed among them. problem: why it said nothing."""

    text: str
    complete: bool = True
    read: int = 0
    written: int = 0
    calls: int = 1
    problem: str = ""


class TextModel(Protocol):
    """A model that answers a prompt differently for every seed."""

    name: str
    parallel: int

    def ask(self, text: str, seed: int) -> Answer:
        """One answer."""
        ...


class ModelWriter:
    """A `Writer` over any text model."""

    def __init__(self, model: TextModel) -> None:
        self.model, self.name, self.parallel = model, model.name, model.parallel

    def write(self, context: Context, n: int) -> list[Reply]:
        """See `Writer.write`."""
        samples = [replace(context, sample=context.sample + i) for i in range(n)]
        return together(self._one, samples, self.parallel)

    def _one(self, context: Context) -> Reply:
        prompt, began = prompts.render(context), time.monotonic()
        turn = context.repair.turn if context.repair else 0
        seed = random.Random(f"{context.seed}/{context.sample}/{turn}").randrange(2**31)
        answer = self.model.ask(prompt, seed)
        seconds = time.monotonic() - began
        parsed = parse(answer.text, answer.complete)
        return Reply(
            answer.text,
            parsed.program,
            answer.problem or parsed.problem,
            prompt,
            tuple(parent.id for parent in context.parents[: prompts.SHOWN]),
            " ".join(parsed.analysis.split())[:600],
            answer.read,
            answer.written,
            answer.calls,
            seconds,
            failed=bool(answer.problem),
        )


class ServerModel:
    """A model on an OpenAI-compatible server. Asks for JSON by a schema, where the server takes one.

    A request that fails for good is an empty answer that says so, since other samples may fare better;
    a server that is down, or refuses its key or the request itself, ends it.
    """

    def __init__(self, server: Server, name: str) -> None:
        self.server, self.name, self.parallel = server, name, server.cfg.parallel
        server.probing = False

    def ask(self, text: str, seed: int) -> Answer:
        """See `TextModel.ask`.

        Raises:
            ServerFault: the server is down or takes no key like this.
        """
        schema = {"name": "reward", "strict": True, "schema": prompts.SCHEMA}
        body: dict[str, Any] = {
            "temperature": TEMPERATURE,
            "seed": seed,
            "max_tokens": MAX_TOKENS,
            "response_format": {"type": "json_schema", "json_schema": schema},
        }
        before = self.server.calls_here
        try:
            made = _counted(self.server.chat(_answer, text, **body), text)
        except Refused as refusal:
            made = Answer("", problem=f"The server refused the request ({refusal}).")
        except ServerFault as fault:
            if fault.kind in DOWN:
                raise
            made = Answer("", problem=f"The server failed ({fault.what}).")
        return replace(made, calls=self.server.calls_here - before)


class LocalModel:
    """A Hugging Face causal language model in this process."""

    parallel = 1

    def __init__(self, model: Any, name: str) -> None:
        self.model, self.name = model, name

    def ask(self, text: str, seed: int) -> Answer:
        """See `TextModel.ask`."""
        room = self.model.room(text)
        if room < LEAST:
            said = f"The prompt leaves {max(0, room)} tokens of the model's context for an answer."
            return Answer("", problem=f"{said} Choose a model with a longer one.")
        made = self.model.sample(text, min(MAX_TOKENS, room), TEMPERATURE, seed)
        return Answer(made.text, made.complete, made.read, made.written)


def _counted(answer: Answer, prompt: str) -> Answer:
    """The answer with its tokens estimated where the server tells of none, or of fewer than none: no budget
    would ever be used up."""
    read = answer.read if answer.read > 0 else len(prompt) // LETTERS
    written = answer.written if answer.written > 0 else len(answer.text) // LETTERS
    return replace(answer, read=read, written=written)


def _answer(reply: ChatReply) -> Answer:
    choice, usage = reply.choices[0], reply.usage
    return Answer(
        choice.message.content or "",
        choice.finish_reason != "length",
        (usage and usage.prompt_tokens) or 0,
        (usage and usage.completion_tokens) or 0,
    )
