"""Requests to one server: retried within a budget, counted, and failing in one clear sentence.

What a server sends in reply to a fault is quoted on one line, shortened, and without the key.

Not covered: a server that sends its reply byte by byte, each within the time-out.
"""

from __future__ import annotations

import random
import re
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, TypeVar

from pydantic import ValidationError

from embodied.errors import UsageError
from planners.openai_server.address import Address
from planners.openai_server.faults import Refused, ServerFault, Transient, retry_after
from planners.openai_server.replies import ChatReply, TextReply
from planners.parallel import Item, Value, together

Reply = TypeVar("Reply", TextReply, ChatReply)

# Fields that a server may do without: dropped for good once it has refused one by name.
OPTIONAL = ("chat_template_kwargs", "seed", "temperature", "n", "response_format")
REASONING_ROOM = 4096  # tokens for models that count their thinking as part of the answer


@dataclass(frozen=True)
class ServerCfg:
    """strategy: how labels are scored; `auto` is the best that the server is found to serve.
    norm: of a label's log-probability, as for Hugging Face models; needs prompt log-probs.
    temperature: of the softmax over the labels, above 0.
    fallback: what to go on with when the server fails; without it a failure ends the run.
    timeout: seconds for one request. budget: seconds for all tries of one. tries: at most.
    backoff: seconds before the second try, doubled for each further one.
    parallel: requests at a time. permutations: orders in which letters are put to options.
    votes: samples per decision where there are no log-probs.
    """

    strategy: Literal["auto", "prompt", "first-token", "letters", "choice", "match"] = "auto"
    norm: Literal["sum", "mean", "pmi"] = "sum"
    temperature: float = 1.0
    fallback: Literal["embedded"] | None = None
    timeout: float = 120.0
    budget: float = 300.0
    tries: int = 5
    backoff: float = 0.5
    parallel: int = 4
    permutations: int = 2
    votes: int = 5

    def __post_init__(self) -> None:
        counts = (self.tries, self.parallel, self.permutations, self.votes)
        if not min(self.temperature, self.timeout, self.budget) > 0 or min(counts) < 1:
            raise UsageError(
                "temperature, timeout and budget must be above 0; tries, parallel, permutations "
                "and votes at least 1."
            )


class Server:
    """One model on one server.

    calls: requests so far, failed ones included. tokens: read and written, as the server counts
    them. written: of these, the written ones.
    """

    def __init__(self, address: Address, cfg: ServerCfg) -> None:
        import openai  # half a second

        self.address, self.cfg = address, cfg
        self.probing = True  # what fails then may be unknown to the server: not tried for long
        self.calls = self.tokens = self.written = 0
        self._lock, self._dropped, self._here = threading.Lock(), set[str](), threading.local()
        self._openai: Any = openai
        # a proxy of the environment leads nowhere from this machine to itself
        http = openai.DefaultHttpxClient(trust_env=False) if address.local else None
        self._client: Any = openai.OpenAI(  # overloads hide that all its calls are alike
            api_key=address.key or "none",
            base_url=address.url,
            max_retries=0,  # ours are counted, and also retry replies that make no sense
            http_client=http,
        )

    def complete(self, read: Callable[[TextReply], Value], prompt: Any, **body: Any) -> Value:
        """Ask /completions. `read` takes what is wanted from the reply; its ValueError is retried.

        Raises:
            Refused: the server does not take such a request.
            ServerFault: no usable reply within the budget.
        """
        create = partial(self._client.completions.with_raw_response.create, prompt=prompt)
        return self._persist(partial(self._once, create, TextReply, read), body)

    def chat(self, read: Callable[[ChatReply], Value], text: str, **body: Any) -> Value:
        """Ask /chat/completions with one message of the user; see `complete`.

        One message, because some templates know no system role. Thinking aloud is turned off where
        the server knows how.
        """
        messages = [{"role": "user", "content": text}]
        create = partial(self._client.chat.completions.with_raw_response.create, messages=messages)
        body = {"chat_template_kwargs": {"enable_thinking": False}, **body}
        return self._persist(partial(self._once, create, ChatReply, read), body)

    @property
    def calls_here(self) -> int:
        """Requests so far of the thread that asks this, failed ones included."""
        return getattr(self._here, "calls", 0)

    def models(self) -> list[str]:
        """Ids of what is served; empty where the server does not say."""
        try:
            return sorted(model.id for model in self._client.models.list(timeout=5.0).data)
        except Exception:  # this only makes an error message better
            return []

    def together(self, ask: Callable[[Item], Value], items: Sequence[Item]) -> list[Value]:
        """`ask` of every item, some at a time; the first failure ends it."""
        return together(ask, items, self.cfg.parallel)

    def clean(self, text: object) -> str:
        """What a server said, fit for a message: one line, short, without the key."""
        line = " ".join("".join(c if c.isprintable() else " " for c in str(text)).split())
        if self.address.key:
            line = line.replace(self.address.key, "[key]")
        return line if len(line) <= 200 else f"{line[:199]}…"

    def _persist(
        self, once: Callable[[dict[str, Any], float], Value], body: dict[str, Any]
    ) -> Value:
        """Send until a reply can be read, or the budget is spent."""
        began, tries, spent = time.monotonic(), 0, 0.0
        while True:
            fields = {key: value for key, value in body.items() if key not in self._dropped}
            if "max_tokens" in body and "max_tokens" not in fields:
                fields["max_completion_tokens"] = REASONING_ROOM
            try:
                return once(fields, min(self.cfg.timeout, self.cfg.budget - spent))
            except Refused as refusal:
                if not self._drop(str(refusal), fields):
                    raise
            except Transient as fault:
                tries += 1
                grown = self.cfg.backoff * 2 ** (tries - 1) * random.uniform(0.8, 1.2)
                wait = grown if fault.wait is None else fault.wait
                spent = time.monotonic() - began
                enough = tries >= (2 if self.probing and fault.kind == "broken" else self.cfg.tries)
                if fault.kind == "key" or enough or spent + wait >= self.cfg.budget:
                    raise ServerFault(self.address.url, fault, tries, spent) from None
                time.sleep(wait)
                spent += wait

    def _once(
        self,
        create: Callable[..., Any],
        form: type[Reply],
        read: Callable[[Reply], Value],
        fields: dict[str, Any],
        patience: float,
    ) -> Value:
        """One request, whose reply has to come within `patience` seconds."""
        self._here.calls = self.calls_here + 1
        with self._lock:
            self.calls += 1
        limit = self._openai.Timeout(patience, connect=min(10.0, patience))
        try:
            # by `extra_body`, because servers know fields that the library does not
            raw = create(model=self.address.model, extra_body=fields, timeout=limit)
        except self._openai.APIError as error:
            raise self._meaning(error, patience) from None
        try:
            reply = form.model_validate_json(raw.content)
            self._count(reply)
            return read(reply)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(map(str, first["loc"])) or "all of it"
            said = self.clean(f"a reply that is not the API's; {where}: {first['msg']}")
            raise Transient("broken", said) from None
        except ValueError as error:
            raise Transient("broken", self.clean(error)) from None

    def _count(self, reply: TextReply | ChatReply) -> None:
        if reply.usage is not None:
            with self._lock:
                self.written += reply.usage.completion_tokens or 0
                self.tokens += reply.usage.completion_tokens or 0
                self.tokens += reply.usage.prompt_tokens or 0

    def _drop(self, complaint: str, fields: dict[str, Any]) -> bool:
        """Whether the complaint names a field that the next try can do without."""
        named = {key for key in OPTIONAL if key in fields and re.search(rf"\b{key}\b", complaint)}
        if "max_completion_tokens" in complaint and "max_tokens" in fields:
            named = {"max_tokens"}  # newer models of OpenAI: see `_persist`
        self._dropped |= named
        return bool(named)

    def _meaning(self, error: Any, patience: float) -> Exception:
        """What a failed request says about the next one."""
        if isinstance(error, self._openai.APITimeoutError):
            return Transient("silent", f"no answer within {patience:.3g} s")
        if isinstance(error, self._openai.APIConnectionError):
            cause = error.__cause__
            refused = type(cause).__name__ in ("ConnectError", "ProxyError")
            said = self.clean(cause) or "the connection was cut"
            return Transient("unreachable" if refused else "cut", said)
        status = error.status_code
        said = f"{status}: {self.clean(_words(error))}"
        if status in (401, 403) or error.code == "insufficient_quota":
            return Transient("key", said)
        wait = retry_after(error.response.headers)
        if status == 429:
            return Transient("busy", said, wait)
        if status in (408, 409) or (status >= 500 and status != 501):
            return Transient("broken", said, wait)
        return Refused(said)


def _words(error: Any) -> str:
    """What the server says about an error, in whichever of the usual places."""
    body = error.body
    if isinstance(body, dict):
        body = body.get("message") or body.get("detail") or body.get("error") or body
    return str(body or error.message)
