"""What a server can do: every way of scoring is tried with a sentinel, the best first."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from embodied.errors import EmbodiedError, EnvironmentFault, UsageError
from planners.model import Prompt
from planners.openai_server.client import Server
from planners.openai_server.faults import ServerFault, Unfit
from planners.openai_server.first_token import FirstToken
from planners.openai_server.letters import Letters
from planners.openai_server.prompt_logprobs import PromptLogprobs
from planners.openai_server.votes import GenerateAndMatch, StructuredChoice


class Way(Protocol):
    """A way of scoring, on the server that it was found to work on.

    why: one clause. chats: whether it asks in the chat.
    """

    name: str
    why: str
    chats: bool

    def score(self, prompt: Prompt, labels: Sequence[str], shots: int | None) -> np.ndarray:
        """(K,) scores whose softmax is a distribution over the labels.

        Args:
            shots: examples in the prompt; None for all.
        Raises:
            Refused: the server does not take the request, e.g. because it is too long.
        """
        ...


# as `ServerCfg.strategy` calls them, the best first
WAYS: dict[str, Callable[[Server], Way]] = {
    "prompt": PromptLogprobs.open,
    "first-token": FirstToken.open,
    "letters": Letters.open,
    "choice": StructuredChoice.open,
    "match": GenerateAndMatch.open,
}


@dataclass(frozen=True)
class Probed:
    """The way that was chosen. missing: why each better one was not, by its name in `WAYS`."""

    way: Way
    missing: dict[str, str]


def probe(server: Server) -> Probed:
    """The best way of scoring that the server serves, or the one that is asked for.

    Raises:
        UsageError: the server does not have the model, or does not serve what is asked for.
        EnvironmentFault: the server cannot be reached, or does not serve anything.
    """
    wanted, missing = server.cfg.strategy, {}
    for name, attempt in WAYS.items():
        if wanted not in ("auto", name):
            continue
        try:
            way = attempt(server)
            server.probing = False
            return Probed(way, missing)
        except Unfit as unfit:
            missing[name] = str(unfit)
        except ServerFault as fault:
            if fault.kind != "broken":
                raise
            missing[name] = f"fails ({fault.what})"  # as some do at what they do not know
    raise _nothing(server, missing)


def _nothing(server: Server, missing: dict[str, str]) -> EmbodiedError:
    """What to tell a person whose server serves no way."""
    model, url = server.address.model, server.address.url
    served = server.models()
    if served and model not in served:
        some = ", ".join(served[:12])
        return UsageError(f"The server at {url} has no model '{model}'. It serves: {some}.")
    reasons = "; ".join(f"{name}: {why}" for name, why in missing.items())
    if server.cfg.strategy != "auto":
        return UsageError(
            f"The server at {url} does not serve strategy={server.cfg.strategy} ({reasons}); leave "
            "it out for the best that it serves."
        )
    return EnvironmentFault(
        f"The server at {url} answers, but not to anything that scoring needs ({reasons}). Check "
        f"that it serves the model '{model}' at this address, or use --llm embedded."
    )
