"""Language models as writers: over real HTTP against servers that behave badly, and in this process."""

import json
import re
import threading
from dataclasses import replace

import pytest

from embodied.bench.subject import random_llama
from embodied.errors import EnvironmentFault, UsageError
from planners.openai_server import Address, ServerCfg
from planners.openai_server.client import Server
from planners.rewards.asking import Asker, Budget
from planners.rewards.funnel import FunnelCfg
from planners.rewards.ledger import Ledger
from planners.rewards.search import Search, SearchCfg
from planners.rewards.writers import Context, GrammarWriter, load_writer
from planners.rewards.writers.model import LocalModel, ModelWriter, ServerModel
from tests.planners.openai_server.conftest import serve  # noqa: F401
from tests.planners.openai_server.scripted import KEY, PROMPT, Raw, chat_reply, error
from tests.planners.rewards.push import BRIEF, PER_ROUND, POOR, evaluate, problems

SMALL = SearchCfg(FunnelCfg(6 * PER_ROUND, rungs=2), samples=8, iterations=2)
GOOD = GrammarWriter().write(Context(BRIEF, seed=5), 12)
STILL = "def still(s):\n    return -norm(s.action)"


def row(code, name="still", weight=1.0):
    return json.dumps({"analysis": "", "terms": [{"name": name, "code": code, "weight": weight}]})


EVIL = [
    row("import os\ndef still(s):\n    return os.system('true')"),
    row("def still(s):\n    return s.hand.__class__.__mro__"),
    row("def still(s):\n    return open('/etc/passwd').read()"),
    row("def still(s):\n    while True:\n        pass\n    return s.hand"),
]
LAZY = [row("def still(s):\n    return 1.0"), row("def still(s):\n    return s.hand[:, 0] * 0")]
BROKEN = [row("def still(s):\n    return log(0 * s.hand[:, 0]) / 0"), row("def still(s:\n    return 1"),
          row("def still(s):\n    return s.hnad"), "no idea, sorry", "", '{"terms": [']  # fmt: skip


def writer(server, **settings):
    cfg = ServerCfg(**{"backoff": 0.001, "timeout": 0.5, "budget": 20.0, "tries": 4, **settings})
    return ModelWriter(ServerModel(Server(Address("tiny", server.url, KEY), cfg), "openai:tiny"))


class Script:
    """Replies one after the other, whoever asks; then good ones for ever."""

    def __init__(self, *replies):
        self.replies, self.lock, self.asked = list(replies), threading.Lock(), 0

    def __call__(self, path, body):
        with self.lock:
            self.asked += 1
            reply = self.replies.pop(0) if self.replies else GOOD[self.asked % len(GOOD)].text
        reply = reply(body) if callable(reply) else reply
        if isinstance(reply, Raw):
            return reply
        made = chat_reply(reply)
        return {**made, "usage": {"prompt_tokens": 100, "completion_tokens": 40}}


def hang(body):
    threading.Event().wait(1.0)
    return "too late"


WIRE = [
    hang,
    error(429, "slow down", Retry_After="0"),
    error(500, "oops"),
    Raw(body=b"<html>bad gateway</html>", status=502),
    Raw(body=b'{"choices": [{"message": {"content": "abc'),
    Raw(body=b"{}"),
    Raw(body=json.dumps(chat_reply(row(STILL))).encode()[:60], length=4000),  # cut in the middle
    Raw(body=b'{"choices": []}'),
    Raw(body=json.dumps(chat_reply(row(STILL))).encode(), chunked=True),
]


@pytest.mark.parametrize(
    "replies",
    [
        [*EVIL, *LAZY, *BROKEN],
        [*WIRE, *EVIL, *WIRE, *LAZY, *BROKEN],
        [reply for pair in zip(WIRE, [*BROKEN, *EVIL], strict=False) for reply in pair],
    ],
)
def test_a_search_ends_with_a_valid_winner_and_a_truthful_ledger(serve, tmp_path, replies):  # noqa: F811
    server = serve(Script(*replies))
    one = Search(SMALL, BRIEF, writer(server), evaluate, Ledger(tmp_path / "l"), problems, POOR)
    made = one.run()
    assert made.best is not None and made.best.id != "start"
    assert not problems(made.best.program)
    entries = one.ledger.entries()
    counts = {kind: sum(e["kind"] == kind for e in entries) for kind in ("candidate", "unusable")}
    assert counts["candidate"] - 1 + counts["unusable"] == made.samples == 16
    assert made.first_try + made.repaired + counts["unusable"] == 16
    cost = one.ledger.costs()["reply"]
    texts = [r["replies"] for r in entries if r["kind"] == "asked"]
    assert cost["calls"] == sum(map(len, texts))
    for count in ("read", "written"):
        assert cost[count] == sum(reply[count] for each in texts for reply in each) > 0
    for entry in entries:  # all that was trained is a program that passed
        if entry["kind"] == "candidate":
            assert "__" not in str(entry["program"]) and "import" not in str(entry["program"])
    asked, head = server.behaviour.asked, one.ledger.head
    again = Search(SMALL, BRIEF, writer(server), evaluate, Ledger(tmp_path / "l"), problems, POOR)
    again.run()
    assert (server.behaviour.asked, again.ledger.head) == (asked, head)  # replayed at no tokens
    assert KEY not in (tmp_path / "l").read_bytes().decode("latin-1")


def test_what_does_not_compile_is_mended_in_up_to_two_turns(serve, tmp_path):  # noqa: F811
    good = GOOD[0].text
    server = serve(Script(BROKEN[2], good, EVIL[0], LAZY[0], good, *BROKEN[:3]))
    asker = Asker(writer(server, parallel=1), Ledger(tmp_path / "l"), problems, Budget())
    first, second, third = asker.drafts(Context(BRIEF), 3)
    assert (len(first.replies), len(second.replies), len(third.replies)) == (2, 3, 3)
    assert first.program is not None and second.program is not None
    assert third.program is None and third.problems
    mend = server.requests[1][1]["messages"][0]["content"]
    assert "s.hnad" in mend and "unknown name" in mend and "hand" in mend


def test_prompts_document_the_signals_and_show_reflection_and_never_more(serve, tmp_path):  # noqa: F811
    server = serve(Script())
    one = Search(SMALL, BRIEF, writer(server), evaluate, Ledger(tmp_path / "l"), problems, POOR)
    one.run()
    bodies = [body for _, body, _ in server.requests]
    first, last = (b["messages"][0]["content"] for b in (bodies[0], bodies[-1]))
    for signal in BRIEF.signals:
        assert signal.line() in first
    assert BRIEF.sentence in first and BRIEF.success_in_words in first
    assert "def hover" in first and "success rate: [" in last and "share of the return" in last
    assert bodies[0]["response_format"]["type"] == "json_schema"
    assert len({body["seed"] for body in bodies}) == len(bodies)


def test_servers_without_schemas_are_asked_without(serve):  # noqa: F811
    def plain(path, body):
        if "response_format" in body:
            return error(400, "response_format is not supported")
        return chat_reply(GOOD[0].text)

    replies = writer(serve(plain)).write(Context(BRIEF), 2)
    assert all(reply.program == GOOD[0].program for reply in replies)


@pytest.mark.parametrize(
    "usage",
    [None, {}, {"prompt_tokens": -90_000, "completion_tokens": -1}, {"prompt_tokens": 0}],
)
def test_tokens_that_a_server_does_not_count_are_estimated(serve, usage):  # noqa: F811
    server = serve(lambda path, body: {**chat_reply(GOOD[0].text), "usage": usage})
    (reply,) = writer(server).write(Context(BRIEF), 1)
    assert reply.read == len(reply.prompt) // 4 > 100 and reply.written == len(reply.text) // 4 > 20


def test_every_request_is_counted_tried_again_or_not(serve):  # noqa: F811
    server = serve(Script(error(500, "oops"), Raw(body=b"{}"), GOOD[0].text, GOOD[1].text))
    one = writer(server, parallel=1)
    assert [reply.calls for reply in one.write(Context(BRIEF), 2)] == [3, 1]


def test_answers_cut_off_by_their_length_are_said_to_be(serve):  # noqa: F811
    text = GOOD[0].text
    server = serve(lambda path, body: chat_reply(text[:-20], finish_reason="length"))
    (reply,) = writer(server).write(Context(BRIEF), 1)
    assert "cut off" in reply.problem and reply.program is not None
    assert len(reply.program.terms) == len(GOOD[0].program.terms) - 1


def test_a_server_that_is_down_ends_it_at_once(serve, tmp_path):  # noqa: F811
    server = serve(Script())
    server.shutdown()
    server.server_close()
    one = writer(server, tries=2)
    with pytest.raises(EnvironmentFault, match="model server"):
        one.write(Context(BRIEF), 3)
    said = []
    made = Search(
        replace(SMALL, iterations=1), BRIEF, one, evaluate, Ledger(tmp_path / "l"), problems, POOR,
        fallback=GrammarWriter(), say=said.append,
    ).run()  # fmt: skip
    assert made.best is not None and any(re.search("Going on with grammar", s) for s in said)


def test_a_server_that_knows_no_such_model_falls_back_and_says_why(serve, tmp_path):  # noqa: F811
    server = serve(lambda path, body: error(404, "no model 'tiny'"))
    said = []
    made = Search(
        replace(SMALL, iterations=1), BRIEF, writer(server), evaluate, Ledger(tmp_path / "l"), problems,
        POOR, fallback=GrammarWriter(), say=said.append,
    ).run()  # fmt: skip
    assert made.best is not None and made.first_try == 8
    assert re.search("no model 'tiny'.*Going on with grammar, as told", said[0])


def test_half_an_emoji_is_no_end_of_the_search(serve, tmp_path):  # noqa: F811
    cut = '{"analysis": "well \\ud83d", "terms": [{"name": "still", "weight": 1.0, "code": '
    cut += '"def still(s):\\n    # \\ud83d\\n    return -norm(s.action)"}]}'
    server = serve(lambda path, body: chat_reply(cut))
    one = Search(
        replace(SMALL, samples=2, iterations=1), BRIEF, writer(server), evaluate, Ledger(tmp_path / "l"),
        problems, POOR,
    )  # fmt: skip
    made = one.run()
    assert made.finished and made.first_try == 2
    assert "# ?" in made.candidates[-1].program.terms[0].source


def test_specs_name_writers():
    assert load_writer("grammar").name == "grammar"
    for wrong in ("embedded", "gramar", "openai:", "hf:"):
        with pytest.raises(UsageError, match="writes no rewards"):
            load_writer(wrong)


def test_a_model_in_this_process_writes_and_differs_by_seed(monkeypatch):
    shape = {"vocab_size": 900, "hidden_size": 16, "num_hidden_layers": 1, "intermediate_size": 16,
             "num_attention_heads": 2, "num_key_value_heads": 2}  # fmt: skip
    tiny = random_llama(PROMPT, **shape)
    made = [tiny.sample("near", 12, 1.0, seed) for seed in (1, 1, 2)]
    assert made[0] == made[1] != made[2]
    assert not made[0].complete and (made[0].read, made[0].written) == (made[2].read, 12)
    monkeypatch.setattr("planners.rewards.writers.model.MAX_TOKENS", 30)
    (reply,) = ModelWriter(LocalModel(tiny, "hf:tiny")).write(Context(BRIEF), 1)
    assert reply.program is None and reply.problem and reply.written > 0
