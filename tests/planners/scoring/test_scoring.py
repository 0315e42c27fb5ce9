"""Every strategy equals one-by-one scoring, and models get the one that they can be trusted with."""

import itertools
import math
import random

import pytest
import torch
from transformers import (
    FalconConfig,
    FalconForCausalLM,
    Gemma3ForCausalLM,
    Gemma3TextConfig,
    GPT2Config,
    GPT2LMHeadModel,
    GPTNeoConfig,
    GPTNeoForCausalLM,
    Lfm2Config,
    Lfm2ForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    MambaConfig,
    MambaForCausalLM,
    MistralConfig,
    MistralForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from embodied.errors import UsageError
from planners.scoring import Reader, choose, common_prefix, expanded, one_by_one, trie
from planners.scoring.packed import Packed, parts

VOCABULARY = 300
SIZES = {
    "vocab_size": VOCABULARY, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4,
    "initializer_range": 0.3,
}  # fmt: skip
SMALL = SIZES | {"intermediate_size": 48, "num_key_value_heads": 2, "pad_token_id": 2}
OLD = {"n_embd": 32, "n_layer": 2, "n_head": 2, "initializer_range": 0.3}
WINDOW = 16  # shorter than the prompts below


class Deaf(LlamaForCausalLM):
    """Takes position ids and does not listen: what its configuration cannot tell."""

    def forward(self, *args, position_ids=None, **kwargs):
        return super().forward(*args, **kwargs)


ZOO = {
    "llama": (lambda: LlamaForCausalLM(LlamaConfig(**SMALL)), "trie"),
    "qwen3": (lambda: Qwen3ForCausalLM(Qwen3Config(**SMALL, head_dim=8)), "trie"),
    "gpt2": (lambda: GPT2LMHeadModel(GPT2Config(vocab_size=VOCABULARY, **OLD)), "trie"),
    "mistral": (
        lambda: MistralForCausalLM(MistralConfig(**SMALL, sliding_window=WINDOW)),
        "window of 16",
    ),
    "gemma3": (
        lambda: Gemma3ForCausalLM(Gemma3TextConfig(**SMALL, head_dim=8, sliding_window=WINDOW)),
        "sliding_attention",
    ),
    "gpt_neo": (
        lambda: GPTNeoForCausalLM(
            GPTNeoConfig(
                vocab_size=VOCABULARY,
                hidden_size=32,
                num_layers=2,
                num_heads=4,
                attention_types=[[["global", "local"], 1]],
                window_size=WINDOW,
                initializer_range=0.3,
            )
        ),
        "local attention",
    ),
    "falcon": (lambda: FalconForCausalLM(FalconConfig(**SIZES, alibi=True)), "biased by distance"),
    "lfm2": (
        lambda: Lfm2ForCausalLM(Lfm2Config(**SMALL, layer_types=["conv", "full_attention"])),
        "conv",
    ),
    "mamba": (
        lambda: MambaForCausalLM(
            MambaConfig(vocab_size=VOCABULARY, hidden_size=32, num_hidden_layers=2, state_size=4)
        ),
        "no key-value cache",
    ),
    "deaf": (lambda: Deaf(LlamaConfig(**SMALL)), "off those taken one by one"),
}


CROPPABLE = {"llama", "qwen3", "gpt2", "gpt_neo", "falcon", "deaf"}


def ids(count, seed):
    rng = random.Random(seed)
    return [rng.randrange(3, VOCABULARY) for _ in range(count)]


PROMPT = ids(90, 0)
TRIAL = PROMPT[:24], [[10, 11, 12, 20, 21, 5], [10, 11, 12, 30, 31, 32, 5]]
HEADS = [ids(3, seed) for seed in (1, 2, 3)]
# of 1 to 8 tokens; many share a beginning, one is the beginning of others, one occurs twice
OPTIONS = [HEADS[i % 3][: i % 4] + ids(i % 5 + 1, 10 + i) for i in range(40)] + [HEADS[0]] * 2


def make(name):
    torch.manual_seed(0)
    return ZOO[name][0]().eval()


@pytest.fixture(scope="module")
def llama():
    return make("llama")


def close(one, other):
    return torch.allclose(one.logp, other.logp, atol=1e-4, rtol=0)


@pytest.mark.parametrize("name", ZOO)
def test_every_model_gets_a_strategy_that_is_exact_with_a_cache_from_another_prompt(name):
    model = make(name)
    choice = choose(model, *TRIAL)
    best = ZOO[name][1]
    assert choice.name == best or best in choice.why
    reference = one_by_one(Reader(model), PROMPT, OPTIONS)
    assert reference.logp.std() > 0.1  # they differ, so equality says something
    changed = [*PROMPT[:60], 7, *PROMPT[70:]]
    assert not close(choice.score(changed, OPTIONS, 7), reference)
    found = choice.score(PROMPT, OPTIONS, 7)
    assert close(found, reference)
    assert torch.equal(found.lengths, reference.lengths)
    reuses = found.tokens < choice.afresh().score(PROMPT, OPTIONS, 7).tokens
    assert reuses == (name in CROPPABLE) == ("prompt cache kept" in choice.why)


@pytest.mark.parametrize("score", [expanded, trie])
def test_options_of_one_token_and_of_several_mix(llama, score):
    options = [[3], [4, 9, 9, 2], [8, 1]]
    for part in (options, options[:1]):
        slow = one_by_one(Reader(llama), [5, 6, 7], part)
        assert close(score(Reader(llama), [5, 6, 7], part, 2), slow)


@pytest.mark.parametrize("chunk", [7, 500])
def test_the_expanded_cache_runs_in_chunks(llama, chunk):
    found = expanded(Reader(llama), PROMPT, OPTIONS, chunk)
    assert found.calls == 1 + math.ceil(len(OPTIONS) / chunk)
    assert close(found, one_by_one(Reader(llama), PROMPT, OPTIONS))


def test_a_trie_reads_each_shared_beginning_once(llama):
    found = trie(Reader(llama), PROMPT, OPTIONS)
    inner = {tuple(option[:n]) for option in OPTIONS for n in range(1, len(option))}
    assert found.tokens == len(PROMPT) + len(inner)
    assert found.calls == 2


def test_a_large_trie_runs_in_parts_that_change_nothing(llama, monkeypatch):
    monkeypatch.setitem(trie.__wrapped__.__globals__, "NODES", 20)
    found = trie(Reader(llama), PROMPT, OPTIONS)
    assert found.calls > 3
    assert close(found, one_by_one(Reader(llama), PROMPT, OPTIONS))
    groups = list(parts(OPTIONS, 20))
    assert sorted(itertools.chain(*groups)) == list(range(len(OPTIONS)))
    assert all(len(Packed.of([OPTIONS[i] for i in group])) <= 20 for group in groups)


def test_a_prompt_that_goes_on_is_read_from_where_it_changed(llama):
    reader = Reader(llama)
    whole = len(PROMPT)
    assert trie(reader, PROMPT, [[3], [4]]).tokens == whole
    assert trie(reader, [*PROMPT, 8, 9], [[3], [4]]).tokens == 2
    assert trie(reader, [*PROMPT[:50], 8], [[3], [4]]).tokens == 1
    assert trie(reader, PROMPT, [[3], [4]]).tokens == whole - 50
    assert (
        trie(reader, PROMPT, [[3], [4]]).tokens == 1
    )  # one token always gives the next one's odds
    reader.forget()
    assert trie(reader, PROMPT, [[3], [4]]).tokens == whole


def test_an_interrupted_pass_leaves_nothing_behind(llama, monkeypatch):
    reader = Reader(llama)
    exact = trie(reader, PROMPT, OPTIONS)
    norm = llama.model.norm
    monkeypatch.setattr(norm, "forward", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):  # when every layer has written to the cache
        trie(reader, PROMPT, OPTIONS)
    monkeypatch.undo()
    again = trie(reader, PROMPT, OPTIONS)
    assert again.tokens == exact.tokens
    assert torch.equal(again.logp, exact.logp)


def test_a_strategy_can_be_asked_for_but_not_forced(llama):
    assert choose(llama, *TRIAL, "expanded").name == "expanded"
    assert choose(llama, *TRIAL, "one_by_one").why == "as asked for"
    with pytest.raises(UsageError, match=r"'trie'.*biased by distance.*'auto'"):
        choose(make("falcon"), *TRIAL, "trie")


def test_common_prefix():
    assert common_prefix([[1, 2, 3], [1, 2], [1, 2, 4]]) == 2
    assert common_prefix([[1], [2]]) == 0
