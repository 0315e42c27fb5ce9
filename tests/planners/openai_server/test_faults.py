"""Faults of servers and networks over real HTTP: retried within a budget, then one sentence."""

import json
import socket
import struct
import threading
import time
from typing import Any

import numpy as np
import pytest

from embodied.errors import EnvironmentFault, UsageError
from planners import load_language_model
from planners.fallback import WithFallback
from planners.model import Scores, describe, normalise
from planners.openai_server import client, faults
from tests.planners.openai_server.scripted import (
    CALLS,
    KEY,
    PROMPT,
    Body,
    Raw,
    chat_reply,
    connect,
    error,
    text_reply,
)


def speaks(path: str, body: Body) -> Any:
    """A server that gives text and nothing else."""
    return chat_reply("pick up the sponge") if path != "completions" else text_reply({"text": "4"})


GOOD = json.dumps(chat_reply("pick up the sponge")).encode()
PASSING = {
    "429": error(429, "slow down"),
    "429 with its time": error(429, "slow down", Retry_After="0.01"),
    "429 with a date": error(429, "slow down", Retry_After="Wed, 21 Oct 2015 07:28:00 GMT"),
    "500": error(500, "boom"),
    "503 with its time": error(503, "loading", Retry_After="0"),
    "cut short": Raw(body=GOOD[:60], length=len(GOOD)),
    "cut stream": Raw(body=GOOD[:60], chunked=True),
    "half of it": Raw(body=GOOD[:60]),
    "no JSON": Raw(body=b"<html>Bad gateway</html>", headers={"Content-Type": "text/html"}),
    "other JSON": Raw(body=b'{"hello": "world"}'),
    "nothing": Raw(body=b""),
    "no choices": Raw(body=b'{"choices": []}'),
    "not text": Raw(body=b"\xff\xfe\x00"),
}


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING.keys())
def test_a_fault_that_passes_costs_a_try(serve, fault):
    server = serve(speaks)
    model = connect(server, votes=1)
    left = [fault, fault]
    server.behaviour = lambda path, body: left.pop() if left else speaks(path, body)
    scores = model.score(PROMPT, CALLS)
    assert CALLS[int(np.argmax(scores.logp))].label == "pick up the sponge"
    assert scores.calls == 3  # the failed ones are counted


@pytest.mark.parametrize("fault", PASSING.values(), ids=PASSING.keys())
def test_a_fault_that_stays_ends_in_one_sentence(serve, fault):
    server = serve(speaks)
    model = connect(server, votes=1, tries=3)
    server.behaviour = lambda path, body: fault
    before = len(server.requests)
    with pytest.raises(EnvironmentFault, match="failed 3 times in .*or use --llm embedded") as hit:
        model.score(PROMPT, CALLS)
    assert len(server.requests) - before == 3
    assert server.url in str(hit.value)
    assert "\n" not in str(hit.value)


def test_the_server_says_how_long_to_wait(serve, monkeypatch):
    server = serve(speaks)
    model = connect(server, votes=1)
    waits: list[float] = []
    monkeypatch.setattr(client.time, "sleep", waits.append)
    left = [error(429, "slow down", Retry_After="2.5"), error(500, "boom")]
    server.behaviour = lambda path, body: left.pop(0) if left else speaks(path, body)
    model.score(PROMPT, CALLS)
    assert waits[0] == 2.5
    assert waits[1] == pytest.approx(0.002, rel=0.3)  # ours, doubled


def test_a_wait_beyond_the_budget_is_not_begun(serve, monkeypatch):
    server = serve(speaks)
    model = connect(server, votes=1, budget=60.0)
    monkeypatch.setattr(client.time, "sleep", lambda seconds: pytest.fail("it waited"))
    server.behaviour = lambda path, body: error(429, "quota", Retry_After="3600")
    with pytest.raises(EnvironmentFault, match="asks to wait 3600 s"):
        model.score(PROMPT, CALLS)


def test_dates_count_from_now():
    soon = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 90))
    assert faults.retry_after({"retry-after": soon}) == pytest.approx(90, abs=5)
    assert faults.retry_after({"retry-after": "soon"}) is None
    assert faults.retry_after({}) is None


def test_a_server_that_hangs(serve):
    release = threading.Event()

    def hang(path: str, body: Body) -> Any:
        release.wait(20)
        return speaks(path, body)

    server = serve(speaks)
    model = connect(server, votes=1, tries=2, timeout=0.2)
    server.behaviour = hang
    with pytest.raises(EnvironmentFault, match="failed 2 times.*no answer within 0.2 s"):
        model.score(PROMPT, CALLS)
    with pytest.raises(EnvironmentFault, match="no answer within 0.2 s"):
        connect(server, tries=1, timeout=0.2)  # not taken for a server that lacks a feature
    release.set()


def test_a_connection_that_is_reset():
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def reset() -> None:
            for _ in range(2):
                peer, _ = listener.accept()
                peer.recv(100)
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                peer.close()

        threading.Thread(target=reset, daemon=True).start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
        with pytest.raises(EnvironmentFault, match="failed 2 times.*(reset|disconnected)"):
            connect(url, tries=2)


def test_nobody_listens():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(EnvironmentFault, match="refused.*Start the server or correct its address"):
        connect(f"http://127.0.0.1:{port}/v1", tries=2)


def test_a_wrong_key_is_not_tried_again_and_never_shown(serve):
    server = serve(lambda path, body: error(401, f"Incorrect API key provided: {KEY}."))
    with pytest.raises(EnvironmentFault, match="Set OPENAI_API_KEY") as hit:
        connect(server)
    assert KEY not in str(hit.value)
    assert "[key]" in str(hit.value)
    assert len(server.requests) == 1
    assert server.requests[0][2]["authorization"] == f"Bearer {KEY}"
    assert KEY not in repr(connect(serve(speaks)).server.address)


@pytest.mark.parametrize("value", ["NaN", "0.5", '"high"'])
def test_numbers_that_are_no_log_probs_are_no_reply(serve, value):
    text = '{"choices": [{"text": "", "logprobs": {"tokens": ["a"], "token_logprobs": [%s]}}]}'
    server = serve(lambda path, body: Raw(body=(text % value).encode()))
    with pytest.raises(UsageError, match="token_logprobs"):
        connect(server, strategy="prompt")


def test_a_model_that_is_not_there(serve):
    server = serve(lambda path, body: error(404, f"The model '{body['model']}' does not exist"))
    address = f"openai:huge@{server.url}?backoff=0.001"
    with pytest.raises(UsageError, match=r"has no model 'huge'. It serves: tiny\."):
        load_language_model(address)
    with pytest.raises(EnvironmentFault, match="not to anything that scoring needs"):
        connect(server)


def test_fields_that_a_server_does_not_know_are_left_out(serve):
    """As OpenAI's reasoning models, and as servers that forbid what they do not know."""

    def picky(path: str, body: Body) -> Any:
        if path == "completions":
            return error(404, "no")
        if "chat_template_kwargs" in body:
            said = {"detail": "Unexpected fields in the request: {'chat_template_kwargs'}"}
            return Raw(422, json.dumps(said).encode())
        if "max_tokens" in body:
            return error(400, "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens'.")
        if body.get("temperature") is not None:
            return error(400, "'temperature' does not support 1.0 with this model.")
        if "logprobs" in body or "response_format" in body:
            return error(400, "You are not allowed to request this.")
        return speaks(path, body)

    server = serve(picky)
    model = connect(server, votes=2)
    assert model.probed.way.name == "generate-and-match"
    scores = model.score(PROMPT, CALLS)
    assert scores.calls == 2
    sent = server.requests[-1][1]
    assert sent["max_completion_tokens"] > 1000
    assert sent.keys() & {"chat_template_kwargs", "max_tokens", "temperature"} == set()


# ---------------------------------------------------------------- falling back


class Spare:
    name = "spare"

    def score(self, prompt, calls):
        return Scores(normalise(np.arange(len(calls), dtype=float)), 0, 1)

    def refuse(self, prompt, calls):
        return "no"


def test_falling_back_is_said_aloud_and_for_good(serve):
    server = serve(speaks)
    said: list[str] = []
    model = WithFallback(
        "x", lambda: connect(server, votes=1, tries=1), Spare, "spare", said.append
    )
    assert "spare stands by" in describe(model)
    assert model.done_lead == 4.0
    assert model.refuse(PROMPT, CALLS) is None
    assert model.score(PROMPT, CALLS).calls == 1
    assert said == []
    server.behaviour = lambda path, body: error(500, "boom")
    assert np.argmax(model.score(PROMPT, CALLS).logp) == len(CALLS) - 1
    assert len(said) == 1
    assert "going on with spare" in said[0]
    assert "boom" in said[0]
    server.behaviour = speaks
    before = len(server.requests)
    model.score(PROMPT, CALLS)
    assert len(server.requests) == before
    assert model.refuse(PROMPT, CALLS) == "no"
    assert "in place of x" in describe(model)
    assert len(said) == 1


def test_falling_back_at_the_start_happens_only_if_asked_for(capsys):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        dead = f"openai:m@http://127.0.0.1:{listener.getsockname()[1]}?tries=1"
    with pytest.raises(EnvironmentFault, match="refused"):
        load_language_model(dead)
    model = load_language_model(f"{dead}&fallback=embedded")
    assert "going on with embedded, as fallback=embedded asks" in capsys.readouterr().err
    assert "embedded, in place of openai:m@" in describe(model)
    assert model.score(PROMPT, CALLS).logp.shape == (len(CALLS),)
    with pytest.raises(UsageError, match="embedded, not 'other'"):
        load_language_model(f"{dead}&fallback=other")
