"""The Hugging Face back end, on tiny random models of several architectures made here."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
)

from embodied.errors import EnvironmentFault, UsageError
from embodied.tasks.labels import DONE, enumerate_calls, find, pick_up
from embodied.world.facts import Facts
from planners import load_language_model
from planners import prompt as prompts
from planners.huggingface import HuggingFace, HuggingFaceCfg
from planners.model import CanGenerate, Prompt, Step
from planners.scoring import Reader, one_by_one
from tests.planners.byte_level import byte_level

FACTS = Facts({"sponge": "table", "coke can": "user", "coke can#2": "user"}, robot_at="table")
PROMPT = Prompt("bring a sponge", (Step("find the sponge", "success"),), FACTS)
CALLS = enumerate_calls(FACTS.instances)
CHAT = (
    "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    """Byte-level BPE with a BOS, trained on the prompt itself."""
    bpe = byte_level(
        PROMPT.text, 400, ["<bos>", "<|end|>", "<|assistant|>", "<|user|>", "<|system|>"]
    )
    return PreTrainedTokenizerFast(tokenizer_object=bpe, bos_token="<bos>")


def make(kind: str, size: int, context: int = 2048):
    torch.manual_seed(0)
    if kind == "gpt2":
        cfg = GPT2Config(
            vocab_size=size, n_positions=context, n_embd=32, n_layer=2, n_head=2,
            bos_token_id=0, eos_token_id=0, initializer_range=0.3,
        )  # fmt: skip
        return GPT2LMHeadModel(cfg)
    cfg = LlamaConfig(
        vocab_size=size, max_position_embeddings=context, hidden_size=32, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, intermediate_size=48, bos_token_id=0,
        eos_token_id=1, initializer_range=0.3,
    )  # fmt: skip
    return LlamaForCausalLM(cfg)


@pytest.fixture(scope="module", params=["gpt2", "llama"])
def model(request, tokenizer):
    return make(request.param, len(tokenizer))


@pytest.fixture(scope="module")
def llama(tokenizer):
    return make("llama", len(tokenizer))


def test_split_is_the_joint_tokenisation(llama, tokenizer):
    back_end = HuggingFace(llama, tokenizer)
    labels = [call.label for call in CALLS]
    prefix, options = back_end.split(PROMPT.text, labels)
    assert prefix[0] == tokenizer.bos_token_id
    for label, option in zip(labels, options, strict=True):
        whole = tokenizer(PROMPT.text + prompts.continuation(label))["input_ids"]
        assert prefix + option == whole


def test_scores_are_a_distribution_over_all_labels(llama, tokenizer):
    scores = HuggingFace(llama, tokenizer).score(PROMPT, CALLS)
    assert scores.logp.shape == (len(CALLS),)
    assert np.isclose(scores.p.sum(), 1)
    assert scores.calls > 1
    assert scores.tokens > len(CALLS)


def test_no_label_wins_as_the_beginning_of_another(llama, tokenizer):
    """Without the terminator, a label would be at least as likely as its own extension, always."""
    back_end = HuggingFace(llama, tokenizer)
    short, long = find("coke can").label, find("coke can#2").label
    _, (one, other) = back_end.split(PROMPT.text, [short, long])
    assert tokenizer.decode(one).endswith("\n")
    assert tokenizer.decode(other).endswith("\n")
    assert other[: len(one)] != one


def test_mean_and_pmi_differ_from_sum_as_defined(llama, tokenizer):
    calls = [find("sponge"), pick_up("coke can#2"), DONE]
    labels = [call.label for call in calls]

    def raw(text):
        back_end = HuggingFace(llama, tokenizer)
        return one_by_one(Reader(llama), *back_end.split(text, labels))

    def logp(**settings):
        return HuggingFace(llama, tokenizer, cfg=HuggingFaceCfg(**settings)).score(PROMPT, calls)

    def softmax(values):
        return torch.log_softmax(values, dim=0).numpy()

    scored, neutral = raw(PROMPT.text), raw(prompts.neutral())
    assert np.allclose(logp().logp, softmax(scored.logp), atol=1e-4)
    mean = logp(norm="mean").logp
    assert np.allclose(mean, softmax(scored.logp / scored.lengths), atol=1e-4)
    pmi = logp(norm="pmi").logp
    assert np.allclose(pmi, softmax(scored.logp - neutral.logp), atol=1e-4)
    warm = logp(temperature=4.0).logp
    assert np.allclose(warm, softmax(scored.logp / 4), atol=1e-4)


def test_pmi_reads_the_neutral_prompt_once(llama, tokenizer):
    back_end = HuggingFace(llama, tokenizer, cfg=HuggingFaceCfg(norm="pmi"))
    first, second = (back_end.score(PROMPT, CALLS[:4]) for _ in range(2))
    assert second.tokens < first.tokens
    assert np.allclose(first.logp, second.logp, atol=1e-4)


def test_a_step_later_only_what_changed_is_read_and_scores_are_equal(llama, tokenizer):
    kept = HuggingFace(llama, tokenizer)
    first = kept.score(PROMPT, CALLS)
    history = (*PROMPT.history, Step("pick up the sponge", "success"))
    later = Prompt(PROMPT.instruction, history, replace(FACTS, holding="sponge"))
    second, anew = kept.score(later, CALLS), HuggingFace(llama, tokenizer).score(later, CALLS)
    assert np.allclose(second.logp, anew.logp, atol=1e-4)
    assert not np.allclose(second.logp, first.logp, atol=1e-2)
    scene = tokenizer(prompts.situation(later))["input_ids"]
    assert anew.tokens - second.tokens > len(tokenizer(later.text)["input_ids"]) - len(scene) - 5


def test_an_episode_starts_without_the_last_ones_cache(llama, tokenizer):
    back_end = HuggingFace(llama, tokenizer)
    start = replace(PROMPT, history=())
    first = back_end.score(start, CALLS)
    back_end.score(PROMPT, CALLS)
    again = back_end.score(start, CALLS)
    assert again.tokens == first.tokens
    assert np.array_equal(again.logp, first.logp)  # to the last digit


def test_it_says_how_it_scores_and_why(llama, tokenizer):
    assert "scored by trie (prompt cache kept)" in HuggingFace(llama, tokenizer).describe()
    asked = HuggingFace(llama, tokenizer, cfg=HuggingFaceCfg(strategy="one_by_one"))
    assert "scored by one_by_one (as asked for)" in asked.describe()
    fast, slow = (
        back_end.score(PROMPT, CALLS[::9]) for back_end in (HuggingFace(llama, tokenizer), asked)
    )
    assert np.allclose(fast.logp, slow.logp, atol=1e-4)
    assert fast.tokens < slow.tokens / 10


def chatty(tokenizer, template=CHAT):
    copy = PreTrainedTokenizerFast(tokenizer_object=tokenizer.backend_tokenizer, bos_token="<bos>")
    copy.chat_template = template
    return copy


def test_a_chat_model_continues_its_own_answer(llama, tokenizer):
    back_end = HuggingFace(llama, chatty(tokenizer))
    text = back_end.text(PROMPT)
    assert text.startswith("<|system|>")
    assert text.endswith("<|assistant|>Robot:\n1. find the sponge\n(success)\n2.")
    calls = CALLS[::9]
    prefix, options = back_end.split(text, [call.label for call in calls])
    expected = torch.log_softmax(one_by_one(Reader(llama), prefix, options).logp, 0)
    assert np.allclose(back_end.score(PROMPT, calls).logp, expected.numpy(), atol=1e-4)


def test_a_template_without_a_system_role_still_gets_the_rules(llama, tokenizer):
    strict = (
        "{% if messages[0].role == 'system' %}{{ raise_exception('no system role') }}{% endif %}"
    )
    text = HuggingFace(llama, chatty(tokenizer, strict + CHAT)).text(PROMPT)
    assert text.startswith("<|user|>" + prompts.RULES)


def test_chat_can_be_turned_off_and_cannot_be_forced(llama, tokenizer):
    plain = HuggingFace(llama, chatty(tokenizer), cfg=HuggingFaceCfg(chat=False))
    assert plain.text(PROMPT) == PROMPT.text
    with pytest.raises(UsageError, match="no chat template"):
        HuggingFace(llama, tokenizer, cfg=HuggingFaceCfg(chat=True))


def test_examples_are_dropped_when_the_context_is_short(tokenizer):
    whole = len(tokenizer(PROMPT.text)["input_ids"])
    small = HuggingFace(make("llama", len(tokenizer), context=whole - 50), tokenizer)
    prefix, options = small.split(small._fitting(PROMPT, ["done"]), ["done"])
    assert len(prefix) + len(options[0]) <= whole - 50
    assert np.isclose(small.score(PROMPT, CALLS[:3]).p.sum(), 1)
    tiny = HuggingFace(make("llama", len(tokenizer), context=40), tokenizer)
    with pytest.raises(UsageError, match="longer context"):
        tiny.score(PROMPT, CALLS[:3])


def test_it_loads_from_a_folder_by_its_spec(tmp_path, llama, tokenizer):
    llama.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    loaded = load_language_model(f"hf:{tmp_path}")
    assert isinstance(loaded, HuggingFace)
    assert loaded.name == f"hf:{tmp_path}"
    assert "no chat template" in loaded.describe()
    warm = load_language_model(f"hf:{tmp_path}?norm=mean&temperature=2")
    assert warm.cfg == HuggingFaceCfg(norm="mean", temperature=2.0)
    assert warm.name.endswith("?norm=mean&temperature=2")
    mine = HuggingFace(llama, tokenizer).score(PROMPT, CALLS[:5]).logp
    assert np.allclose(loaded.score(PROMPT, CALLS[:5]).logp, mine, atol=1e-4)


@pytest.mark.parametrize("spec", ["", "hf:", "gpt", "hf", "embedded:x"])
def test_unknown_specs_say_what_there_is(spec):
    with pytest.raises(UsageError, match="--llm embedded"):
        load_language_model(spec)


def test_a_folder_without_a_model_is_a_usage_error(tmp_path):
    with pytest.raises(UsageError, match="holds no causal language model"):
        load_language_model(f"hf:{tmp_path}")
    with pytest.raises(UsageError, match="no such folder"):
        load_language_model(f"hf:{tmp_path}/nowhere")


def test_it_writes_text_up_to_a_limit_and_the_same_again(model, tokenizer):
    back_end = HuggingFace(model, tokenizer)
    assert isinstance(back_end, CanGenerate)
    said = back_end.generate("Scene: table: apple.", 12)
    assert said == back_end.generate("Scene: table: apple.", 12)
    longer = back_end.generate("Scene: table: apple.", 24)
    assert longer.startswith(said.rstrip("\ufffd")) and len(longer) > len(said)


def test_what_it_writes_continues_the_likeliest_way(llama, tokenizer):
    text = "Scene: table: apple."
    ids = torch.tensor([tokenizer(text)["input_ids"]])
    with torch.inference_mode():
        first = int(llama(ids).logits[0, -1].argmax())
    assert HuggingFace(llama, tokenizer).generate(text, 1) == tokenizer.decode([first])


def test_a_text_that_is_too_long_is_told(tokenizer):
    back_end = HuggingFace(make("llama", len(tokenizer), 1024), tokenizer)
    with pytest.raises(UsageError, match="reads 1024 tokens at once, and this takes"):
        back_end.generate("apple " * 1000, 100)


def test_a_hub_out_of_reach_is_asked_once(monkeypatch):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(EnvironmentFault, match=r"cannot be reached; connect, or give the folder"):
        load_language_model("hf:nosuch/model")
