"""A model server over real HTTP whose behaviour each test writes, and a mind that it may have."""

import hashlib
import json
import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np

from embodied.tasks.labels import enumerate_calls
from embodied.world.facts import Facts
from planners.model import Prompt, Step
from planners.openai_server import Address, OpenAIServer, ServerCfg

FACTS = Facts({"sponge": "table", "coke can": "user", "coke can#2": "user"}, robot_at="table")
PROMPT = Prompt("bring a sponge", (Step("find the sponge", "success"),), FACTS)
CALLS = enumerate_calls(FACTS.instances)
LABELS = [call.label for call in CALLS]
KEY = "sk-very-secret-0123456789"

Body = dict[str, Any]


@dataclass
class Raw:
    """A reply as it goes over the wire. length: what the header claims; None for the truth."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    length: int | None = None
    chunked: bool = False


def error(status: int, message: str, **headers: str) -> Raw:
    body = json.dumps({"error": {"message": message, "type": "invalid_request_error"}}).encode()
    return Raw(status, body, {k.replace("_", "-"): v for k, v in headers.items()})


Behaviour = Callable[[str, Body], "dict[str, Any] | Raw"]


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # or every reply waits 40 ms for an acknowledgement

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        scripted: Scripted = self.server  # type: ignore[assignment]
        path = self.path.removeprefix("/v1/")
        with scripted.lock:
            headers = {name.lower(): value for name, value in self.headers.items()}
            scripted.requests.append((path, body, headers))
        self.answer(scripted.behaviour(path, body))

    def do_GET(self) -> None:
        self.answer({"object": "list", "data": [{"id": "tiny", "object": "model"}]})

    def answer(self, reply: "dict[str, Any] | Raw") -> None:
        raw = reply if isinstance(reply, Raw) else Raw(body=json.dumps(reply).encode())
        self.send_response(raw.status)
        for name, value in {"Content-Type": "application/json", **raw.headers}.items():
            self.send_header(name, value)
        if raw.chunked:
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"%x\r\n%s\r\n" % (len(raw.body), raw.body))  # and no last chunk
            self.close_connection = True
            return
        self.send_header("Content-Length", str(raw.length or len(raw.body)))
        self.end_headers()
        self.wfile.write(raw.body)
        if raw.length is not None:
            self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        """Silent."""


class Scripted(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, behaviour: Behaviour) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.behaviour, self.lock = behaviour, threading.Lock()
        self.requests: list[tuple[str, Body, dict[str, str]]] = []
        threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hung up is part of the tests."""


def connect(server: Scripted | str, **settings: Any) -> OpenAIServer:
    url = server if isinstance(server, str) else server.url
    cfg = ServerCfg(**{"backoff": 0.001, "timeout": 20.0, **settings})
    return OpenAIServer(Address("tiny", url, KEY), cfg)


# ---------------------------------------------------------------- a mind


def strength(label: str) -> float:
    """How much the mind likes a label: the same always, different for each."""
    if label == "pick up the sponge":
        return 6.0
    return int.from_bytes(hashlib.sha256(label.encode()).digest()[:2]) / 65536 * 4 - 2


TRUTH = np.array([strength(label) for label in LABELS])
TRUTH -= np.log(np.exp(TRUTH).sum())


def text_reply(*choices: Body, read: int = 0) -> Body:
    return {
        "object": "text_completion",
        "choices": [
            {"index": i, "finish_reason": "stop", "text": "", **c} for i, c in enumerate(choices)
        ],
        "usage": {"prompt_tokens": read, "completion_tokens": 1},
    }


def chat_reply(*texts: str, **more: Any) -> Body:
    choices = [
        {
            "index": i,
            "finish_reason": "stop",
            "message": {"role": "assistant", "content": t},
            **more,
        }
        for i, t in enumerate(texts)
    ]
    return {"object": "chat.completion", "choices": choices, "usage": {"prompt_tokens": 7}}


def content(tops: Sequence[tuple[str, float]]) -> Body:
    """Log-probs of one generated token in the chat form."""
    alternatives = [{"token": t, "logprob": v, "bytes": None} for t, v in tops]
    return {"content": [{**alternatives[0], "top_logprobs": alternatives}]}


def menu(text: str) -> list[str]:
    return [m[1] for m in re.finditer(r"^[A-Z]\. (.+)$", text, flags=re.MULTILINE)]


def letters(text: str, bias: float) -> list[tuple[str, float]]:
    """Tokens for the letters of a menu, with a liking for later ones, among some prose."""
    options = menu(text)
    liking = {"4": 3.0, "banana": -3.0}
    raw = np.array([liking.get(o, strength(o)) + bias * i for i, o in enumerate(options)])
    logp = raw - np.log(np.exp(raw).sum() + 0.05)
    tops = [(chr(65 + i), float(v)) for i, v in enumerate(logp)]
    tops += [("The", float(logp.min() - 1)), (" a", float(logp.min() - 2))]
    return sorted(tops, key=lambda top: -top[1])[:20]


def next_words(text: str) -> list[tuple[str, float]]:
    """The likeliest next words of the log under `TRUTH`, a tenth of all chances being prose."""
    if text.endswith("2+2="):
        return [("4", -0.1), (" four", -3.0), ("banana", -9.0)]
    start = text.rsplit("\n2.", 1)[1]
    ends = [(f" {label}\n", p) for label, p in zip(LABELS, np.exp(TRUTH), strict=True)]
    alive = [(end, p) for end, p in ends if end.startswith(start)]
    words: dict[str, float] = {}
    for end, p in alive:
        word = re.match(r"\n|#\d| ?[^ \n#]+", end[len(start) :])
        assert word is not None
        words[word[0]] = words.get(word[0], 0.0) + p
    total = sum(words.values())
    tops = [(w, float(np.log(0.9 * p / total))) for w, p in words.items()]
    return sorted([*tops, (" hm", -12.0), ("!", -13.0)], key=lambda t: -t[1])[:20]
