"""The back end: a server's scores over the labels, in the way that the server was found to serve."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from embodied.errors import EnvironmentFault, UsageError
from embodied.tasks.labels import SkillCall
from planners import prompt as prompts
from planners.model import Prompt, Scores, normalise
from planners.openai_server import wording
from planners.openai_server.address import Address
from planners.openai_server.client import Server, ServerCfg
from planners.openai_server.faults import Refused
from planners.openai_server.probe import probe

TOO_LONG = re.compile(
    r"context|too (long|large|many)|maximum .*tokens|max_model_len", re.IGNORECASE
)


class OpenAIServer:
    """A `LanguageModel` on an OpenAI-compatible server, which is probed on construction.

    Raises:
        UsageError: no such model or address, or a setting that the server cannot serve.
        EnvironmentFault: the server cannot be had now.
    """

    # text models tend to call half-finished work done; see planners/saycan.py
    done_lead = 4.0

    def __init__(self, address: Address, cfg: ServerCfg | None = None, name: str = "") -> None:
        self.name = name or f"openai:{address.model}@{address.url}"
        self.server = Server(address, cfg or ServerCfg())
        self.probed = probe(self.server)
        norm = self.server.cfg.norm
        if norm != "sum" and self.probed.way.name != "prompt log-probs":
            raise UsageError(f"norm={norm} needs a server with prompt log-probs. {self.describe()}")
        self._shots: int | None = None

    def describe(self) -> str:
        """One line: what was chosen automatically, and why; also where the key is exposed."""
        address, way = self.server.address, self.probed.way
        where = "" if address.url in self.name else f" at {address.url}"
        line = f"{self.name}{where}; labels scored by {way.name} ({way.why})"
        line += "".join(f"; not by {name}: {why}" for name, why in self.probed.missing.items())
        if address.exposed:
            key = " and key" if address.key else ""
            line += f"; WARNING: prompts{key} travel unencrypted, use https"
        return line

    def score(self, prompt: Prompt, calls: Sequence[SkillCall]) -> Scores:
        """See `LanguageModel.score`. `calls` and `tokens` count requests, failed ones included.

        Raises:
            EnvironmentFault: no usable reply within the budget, or one that tells labels not apart.
        """
        server = self.server
        before = server.calls, server.tokens, server.written
        values = self._values(prompt, [call.label for call in calls])
        if len(values) > 1 and np.ptp(values) == 0:
            raise EnvironmentFault(
                f"The server at {server.address.url} suddenly scores every label the same; look "
                "into its log, or use --llm embedded."
            )
        logp = normalise(values, server.cfg.temperature)
        asked, tokens, written = np.subtract((server.calls, server.tokens, server.written), before)
        return Scores(logp, int(tokens), int(asked), int(written))

    def write(self, prompt: Prompt) -> tuple[str, int]:
        """See `CanWrite.write`."""
        before = self.server.tokens
        if self.probed.way.chats:
            text = wording.log_and(wording.NEXT_LINE, prompt, self._shots)
        else:
            text = prompts.render(prompt, self._shots)
        line = wording.first_line(self.generate(text, 32))
        return line, self.server.tokens - before

    def generate(self, text: str, max_tokens: int) -> str:
        """See `CanGenerate.generate`; in the chat where that is how labels are scored.

        Raises:
            EnvironmentFault: the server does not take it, or fails.
        """
        fields = {"temperature": 0.0, "seed": 0, "max_tokens": max_tokens}
        try:
            if self.probed.way.chats:
                return self.server.chat(
                    lambda r: r.choices[0].message.content or "", text, **fields
                )
            return self.server.complete(lambda r: r.choices[0].text, text, **fields)
        except Refused as refusal:
            raise EnvironmentFault(
                f"The server at {self.server.address.url} refuses to write ({refusal}); choose "
                "another model."
            ) from None

    def _values(self, prompt: Prompt, labels: Sequence[str]) -> np.ndarray:
        """Scores with as many examples as the server's context holds."""
        while True:
            try:
                return self.probed.way.score(prompt, labels, self._shots)
            except Refused as refusal:
                shots = len(prompts.EXAMPLES) if self._shots is None else self._shots
                if not shots or not TOO_LONG.search(str(refusal)):
                    raise EnvironmentFault(
                        f"The server at {self.server.address.url} refuses a prompt ({refusal}); "
                        "choose a model with a longer context, or use --llm embedded."
                    ) from None
                self._shots = shots - 1
