"""The parts of a server's replies that are read, validated: a server is not trusted.

Servers differ in where they put log-probabilities; `TextChoice.top` and `TextChoice.of_prompt`
know the places. Log-probabilities are natural logarithms.
"""

from __future__ import annotations

import math
from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field

FLOOR = -9999.0  # what OpenAI's API says for "very unlikely"; also stands in for minus infinity


def _checked(value: float) -> float:
    if math.isnan(value) or value > 1e-3:
        raise ValueError(f"{value} is no log-probability")
    return max(min(value, 0.0), FLOOR)


Logprob = Annotated[float, AfterValidator(_checked)]


class Usage(BaseModel):
    """Tokens that were read and written."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class TopToken(BaseModel):
    """A token that might have come."""

    token: str
    logprob: Logprob


class Token(TopToken):
    """A generated token and what might have come in its place."""

    top_logprobs: list[TopToken] | None = None


class Logprobs(BaseModel):
    """In the chat form (`content`) or the completion form (parallel lists)."""

    content: list[Token] | None = None
    tokens: list[str] | None = None
    token_logprobs: list[Logprob | None] | None = None
    top_logprobs: list[dict[str, Logprob] | None] | None = None

    def top(self) -> list[tuple[str, float]]:
        """The likeliest first tokens of what was generated, as many as came."""
        if self.content:
            tops = self.content[0].top_logprobs or []
            return [(top.token, top.logprob) for top in tops]
        return list((self.top_logprobs[0] or {}).items()) if self.top_logprobs else []


class PromptToken(BaseModel):
    """vLLM's `prompt_logprobs`: one token of the prompt."""

    logprob: Logprob
    decoded_token: str | None = None


class TextChoice(BaseModel):
    """One completion."""

    text: str = ""
    index: int = 0
    logprobs: Logprobs | None = None
    prompt_logprobs: list[dict[str, PromptToken] | None] | None = None


class Message(BaseModel):
    """What a chat model said; None where it only thought."""

    content: str | None = None


class ChatChoice(BaseModel):
    """One answer."""

    message: Message
    logprobs: Logprobs | None = None
    finish_reason: str | None = None


class TextReply(BaseModel):
    """Of /completions."""

    choices: list[TextChoice] = Field(min_length=1)
    usage: Usage | None = None


class ChatReply(BaseModel):
    """Of /chat/completions."""

    choices: list[ChatChoice] = Field(min_length=1)
    usage: Usage | None = None
