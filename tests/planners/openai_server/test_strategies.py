"""Which strategy each kind of server gets, and that its scores are what the server believes."""

from typing import Any

import numpy as np
import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from embodied.errors import EnvironmentFault, UsageError
from planners.huggingface import HuggingFace, HuggingFaceCfg
from planners.model import describe, normalise
from planners.openai_server import first_token
from planners.openai_server.letters import GROUP, orders, tournament
from planners.openai_server.wording import nearest
from tests.planners.byte_level import byte_level
from tests.planners.openai_server.scripted import (
    CALLS,
    LABELS,
    PROMPT,
    TRUTH,
    Body,
    chat_reply,
    connect,
    content,
    error,
    letters,
    menu,
    next_words,
    text_reply,
)  # fmt: skip

WANTED = LABELS.index("pick up the sponge")


def best(model) -> str:
    return LABELS[int(np.argmax(model.score(PROMPT, CALLS).logp))]


def no_such(path: str, body: Body) -> Any:
    return error(404, f"no endpoint {path}")


# ---------------------------------------------------------------- prompt log-probs, exactly


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    bpe = byte_level(PROMPT.text, 400, ["<bos>"])
    return PreTrainedTokenizerFast(tokenizer_object=bpe, bos_token="<bos>")


@pytest.fixture(scope="module")
def llama(tokenizer):
    torch.manual_seed(0)
    cfg = LlamaConfig(
        vocab_size=len(tokenizer), max_position_embeddings=2048, hidden_size=32,
        num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, intermediate_size=48,
        bos_token_id=0, eos_token_id=0, initializer_range=0.3,
    )  # fmt: skip
    return LlamaForCausalLM(cfg).eval()


class Scorer:
    """A server that scores prompts with a real model, as vLLM does."""

    def __init__(self, model, tokenizer, dialect: str = "echo", lists: bool = True) -> None:
        self.model, self.tokenizer, self.dialect, self.lists = model, tokenizer, dialect, lists

    def __call__(self, path: str, body: Body) -> Any:
        if path != "completions":
            return no_such(path, body)
        if self.dialect == "prompt_logprobs" and "echo" in body:
            return error(400, "Setting 'echo' and 'logprobs' at the same time is not supported")
        prompts = body["prompt"] if isinstance(body["prompt"], list) else [body["prompt"]]
        if isinstance(body["prompt"], list) and not self.lists:
            return error(400, "prompt must be a string.")
        choices = [self.choice(i, text) for i, text in enumerate(prompts)]
        return text_reply(*reversed(choices), read=10 * len(choices))  # order is by index

    @torch.inference_mode()
    def choice(self, index: int, text: str) -> Body:
        ids = self.tokenizer(text)["input_ids"]
        logits = self.model(input_ids=torch.tensor([ids])).logits[0].float()
        logp = torch.log_softmax(logits, -1)
        values = [float(logp[i - 1, t]) for i, t in enumerate(ids) if i]
        names = self.tokenizer.convert_ids_to_tokens(ids)
        if self.dialect == "echo":
            given = {"tokens": names, "token_logprobs": [None, *values], "text_offset": []}
            return {"index": index, "text": text, "logprobs": given}
        # one entry per id; decoded one by one, blanks are easily lost
        entries = [
            {str(t): {"logprob": v, "rank": 1, "decoded_token": self.tokenizer.decode([t]).strip()}}
            for t, v in zip(ids[1:], values, strict=True)
        ]
        return {"index": index, "text": "x", "prompt_logprobs": [None, *entries]}


@pytest.mark.parametrize("norm", ["sum", "mean", "pmi"])
@pytest.mark.parametrize(
    ("dialect", "lists"), [("echo", True), ("echo", False), ("prompt_logprobs", True)]
)
def test_prompt_logprobs_equal_one_by_one_in_process(serve, llama, tokenizer, dialect, lists, norm):
    calls = CALLS[::9]
    server = serve(Scorer(llama, tokenizer, dialect, lists))
    model = connect(server, norm=norm)
    assert model.probed.way.name == "prompt log-probs"
    assert dialect in describe(model)
    cfg = HuggingFaceCfg(strategy="one_by_one", norm=norm)
    expected = HuggingFace(llama, tokenizer, cfg=cfg).score(PROMPT, calls).logp
    before = len(server.requests)
    scores = model.score(PROMPT, calls)
    assert np.allclose(scores.logp, expected, atol=1e-4, rtol=0)
    assert expected.std() > 0.1  # the labels differ, so equality says something
    assert scores.calls == len(server.requests) - before
    assert scores.tokens >= 10 * (len(calls) + 1)


class Lying(Scorer):
    """Full log-probs in form, of whatever `values` says."""

    def __init__(self, tokenizer, value) -> None:
        super().__init__(None, tokenizer)
        self.value = value

    def choice(self, index: int, text: str) -> Body:
        names = self.tokenizer.convert_ids_to_tokens(self.tokenizer(text)["input_ids"])
        values = [None, *(self.value(name) for name in names[1:])]
        return {
            "index": index,
            "text": text,
            "logprobs": {"tokens": names, "token_logprobs": values},
        }


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (lambda token: 0.0, "every log-prob is 0.0"),
        (lambda token: -1.5, "every option scores the same"),
        (lambda token: -3.0 if token[-1] in "=4" else -0.1, "' banana' is likelier than ' 4'"),
    ],
)
def test_scores_that_mean_nothing_are_never_used(serve, tokenizer, value, said):
    model = connect(serve(Lying(tokenizer, value)))
    assert model.probed.way.name == "generate-and-match"  # all that is left
    assert said in describe(model)
    with pytest.raises(UsageError, match=f"strategy=prompt.*{said}"):
        connect(serve(Lying(tokenizer, value)), strategy="prompt")


def test_a_server_that_goes_silent_in_the_middle_is_a_fault(serve, llama, tokenizer):
    server = serve(Scorer(llama, tokenizer))
    model = connect(server, tries=2)
    server.behaviour = Lying(tokenizer, lambda token: 0.0)
    with pytest.raises(EnvironmentFault, match="suddenly scores every label the same"):
        model.score(PROMPT, CALLS[:2])
    server.behaviour = lambda path, body: text_reply({"text": "2. done"})
    with pytest.raises(EnvironmentFault, match="failed 2 times"):
        model.score(PROMPT, CALLS[:2])


# ---------------------------------------------------------------- the other kinds of server


# each word of a label has a tenth of prose beside it: longer labels are less likely for it
WORDS = np.array([len(label.replace("#", " #").split()) + 1 for label in LABELS])
GENERATED = normalise(TRUTH + WORDS * np.log(0.9))


def generates(form: str):
    """Log-probs of generated tokens only; `echo` changes nothing, as with llama.cpp's server."""

    def behaviour(path: str, body: Body) -> Any:
        if path != "completions":
            return no_such(path, body)
        texts = body["prompt"] if isinstance(body["prompt"], list) else [body["prompt"]]
        choices = []
        for text in texts:
            tops = [("x", -0.5), ("y", -2.0)] if "logprobs" not in body else None
            tops = tops or (
                next_words(text)
                if text.endswith("2+2=") or "\n2." in text
                else [("x", -1), ("y", -2)]
            )
            given: Body = content(tops)
            if form == "lists":
                given = {
                    "tokens": [tops[0][0]], "token_logprobs": [tops[0][1]],
                    "top_logprobs": [dict(tops)],
                }  # fmt: skip
            choices.append({"text": tops[0][0], "logprobs": given if "logprobs" in body else None})
        return text_reply(*choices)

    return behaviour


@pytest.mark.parametrize("form", ["content", "lists"])
def test_generated_tokens_only(serve, form):
    model = connect(serve(generates(form)))
    assert model.probed.way.name == "first-token log-probs"
    said = {"content": "no log-probs of the prompt come", "lists": "are not of the prompt's tokens"}
    assert said[form] in describe(model)
    scores = model.score(PROMPT, CALLS)
    assert abs(scores.p[WANTED] - np.exp(GENERATED[WANTED])) < 0.05
    assert np.argmax(scores.logp) == WANTED
    assert scores.calls <= first_token.MOST
    assert scores.written == scores.calls  # one token each
    assert model.write(PROMPT)[1] == 1  # the reading is not counted by this one


def test_following_every_token_is_exact(serve, monkeypatch):
    monkeypatch.setattr(first_token, "MOST", 2000)
    monkeypatch.setattr(first_token, "MATTERS", -50.0)
    scores = connect(serve(generates("content"))).score(PROMPT, CALLS)
    assert np.allclose(scores.logp, GENERATED, atol=1e-9)


def lettered(bias: float, completions=no_such):
    """A chat that lists the likeliest tokens, and favours what stands lower in a list."""

    def behaviour(path: str, body: Body) -> Any:
        if path == "completions":
            return completions(path, body)
        text = body["messages"][0]["content"]
        assert len(menu(text)) <= 20
        given = content(letters(text, bias)) if body.get("logprobs") else None
        return chat_reply("A", logprobs=given)

    return behaviour


def refuses_echo(path: str, body: Body) -> Any:
    if "echo" in body:
        return error(400, "Setting 'echo' and 'logprobs' at the same time is not supported.")
    return error(404, "This is a chat model and not supported in the v1/completions endpoint.")


def test_a_server_that_refuses_echo_is_asked_for_letters(serve):
    server = serve(lettered(0.15, refuses_echo))
    model = connect(server)
    assert model.probed.way.name == "letter log-probs"
    assert "echo is refused (400" in describe(model)
    scores = model.score(PROMPT, CALLS)
    # groups, final and both orders together give back the mind, its liking for late letters gone
    assert np.allclose(scores.logp, TRUTH, atol=1e-6)
    groups = -(-len(CALLS) // GROUP)
    assert scores.calls == 2 * (groups + 1)


def test_one_order_alone_would_keep_the_bias(serve):
    model = connect(serve(lettered(0.15)), permutations=1)
    assert not np.allclose(model.score(PROMPT, CALLS).logp, TRUTH, atol=0.1)


def test_a_bias_stronger_than_knowledge_is_noticed(serve):
    def always_b(path: str, body: Body) -> Any:
        if path == "completions":
            return no_such(path, body)
        return chat_reply("B", logprobs=content([("B", -0.1), ("A", -4.0)]))

    with pytest.raises(UsageError, match="whatever the letters"):
        connect(serve(always_b), strategy="letters")


def silent(path: str, body: Body) -> Any:
    """Takes every field, heeds none."""
    if path == "completions":
        n = len(body["prompt"]) if isinstance(body["prompt"], list) else 1
        return text_reply(*({"text": " 4, of course", "logprobs": None} for _ in range(n)))
    return chat_reply("<think>The sponge, then.</think>\n2. Pick up the sponge.")


def structured(*dialects: str):
    """Silent about log-probs, but keeps to a schema or choice."""

    def behaviour(path: str, body: Body) -> Any:
        if path == "completions" or not set(dialects) & set(body):
            return silent(path, body)
        if "response_format" in body:
            assert body["response_format"]["type"] == "json_schema"
            schema = body["response_format"]["json_schema"]["schema"]
            options = schema["properties"]["answer"]["enum"]
        else:
            options = body.get("structured_outputs", {}).get("choice") or body["guided_choice"]
        pick = "pick up the sponge" if "done" in options else options[0]
        answer = f'{{"answer": "{pick}"}}' if "response_format" in body else pick
        return chat_reply(*[answer] * body.get("n", 1))

    return behaviour


@pytest.mark.parametrize("dialect", ["response_format", "structured_outputs", "guided_choice"])
def test_without_log_probs_a_schema_makes_every_vote_a_label(serve, dialect):
    model = connect(serve(structured(dialect)))
    assert model.probed.way.name == "structured choice"
    assert "no log-probs of the prompt come" in describe(model)
    scores = model.score(PROMPT, CALLS)
    assert scores.calls == 1  # all votes at once
    assert np.isclose(scores.p[WANTED], (5 + 0.5 / len(CALLS)) / 5.5)
    assert (scores.p > 0).all()


def test_a_server_that_ignores_every_field_is_read(serve):
    server = serve(silent)
    model = connect(server)
    assert model.probed.way.name == "generate-and-match"
    for name in ("prompt", "first-token", "letters", "choice"):
        assert f"not by {name}: " in describe(model)
    scores = model.score(PROMPT, CALLS)
    assert LABELS[int(np.argmax(scores.logp))] == "pick up the sponge"
    assert scores.calls == 5  # it ignores `n` as well
    assert model.write(PROMPT) == ("Pick up the sponge", 7)
    assert "Pick up the sponge." in model.generate("What now?", 50)
    assert server.requests[-1][1]["temperature"] == 0.0
    seeds = [body["seed"] for _, body, _ in server.requests[-7:-2]]
    assert seeds == [0, 1, 2, 3, 4]  # or every sample might be the same


def test_a_better_strategy_can_be_left_unused(serve):
    assert connect(serve(lettered(0)), strategy="match").probed.way.name == "generate-and-match"
    with pytest.raises(UsageError, match="does not serve strategy=choice.*ignored"):
        connect(serve(silent), strategy="choice")
    with pytest.raises(UsageError, match="norm=pmi needs a server with prompt log-probs"):
        connect(serve(silent), norm="pmi")


# ---------------------------------------------------------------- parts


def test_each_pair_of_orders_gives_every_option_the_same_places():
    for n in (2, 7, 16):
        for count in (1, 2, 3, 4, 6):
            several = orders(n, count)
            assert len(several) == count
            assert all(sorted(order) == list(range(n)) for order in several)
            for one, other in zip(several[::2], several[1::2], strict=False):
                assert {one.index(i) + other.index(i) for i in range(n)} == {n - 1}
    assert len({tuple(order) for order in orders(16, 6)}) == 6


@pytest.mark.parametrize("k", [1, 5, GROUP, GROUP + 1, 119, GROUP * GROUP + 3])
def test_a_tournament_loses_nothing_under_luces_axiom(k):
    worth = np.random.default_rng(k).normal(size=k)
    asked = []

    def ask(lists):
        asked.extend(lists)
        return [worth[list(some)] - np.log(np.exp(worth[list(some)]).sum()) for some in lists]

    result = tournament(k, ask)
    assert np.allclose(result - result.max(), worth - worth.max())
    assert max(map(len, asked)) <= GROUP


@pytest.mark.parametrize(
    ("said", "meant", "sure"),
    [
        ("pick up the sponge", "pick up the sponge", 1.0),
        ("2. Pick up the sponge.\n(success)\n3. done", "pick up the sponge", 1.0),
        ("**Find the coke can#2**", "find the coke can#2", 1.0),
        ("The robot should now find the coke can#2 for you", "find the coke can#2", 0.9),
        ("We are done here", "done", 0.9),
        ("grab up the sponge", "pick up the sponge", 0.7),
        ("<think>done? no</think>go to the table", "go to the table", 1.0),
    ],
)
def test_words_find_their_label(said, meant, sure):
    index, likeness = nearest(said, LABELS)
    assert LABELS[index] == meant
    assert likeness == pytest.approx(sure, abs=0.15)


def test_examples_are_dropped_when_the_server_holds_no_more(serve):
    def small(path: str, body: Body) -> Any:
        if path == "chat/completions" and len(body["messages"][0]["content"]) > 5700:
            return error(400, "This model's maximum context length is 2048 tokens.")
        return silent(path, body)

    server = serve(small)
    model = connect(server)
    assert best(model) == "pick up the sponge"
    assert "Bin the 7up" not in server.requests[-1][1]["messages"][0]["content"]
    server.behaviour = lambda path, body: error(400, "maximum context length is 12 tokens")
    with pytest.raises(EnvironmentFault, match="longer context"):
        model.score(PROMPT, CALLS)
    with pytest.raises(EnvironmentFault, match="refuses to write"):
        model.generate("What now?", 50)
