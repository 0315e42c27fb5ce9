"""The benchmarks run end to end on a tiny model, and what they compare is what they say."""

import json

import pytest

from embodied import bench
from embodied.bench import scoring
from embodied.bench.subject import random_llama

TINY = {
    "vocab_size": 900, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "intermediate_size": 48, "initializer_range": 0.3,
}  # fmt: skip


@pytest.fixture(scope="module")
def tiny():
    return random_llama(scoring._prompts()[0], **TINY)


@pytest.fixture(scope="module")
def folder(tiny, tmp_path_factory):
    path = tmp_path_factory.mktemp("tiny")
    tiny.model.save_pretrained(path)
    tiny.tokenizer.save_pretrained(path)
    return path


@pytest.mark.parametrize("size", [200, 600, 1500])
def test_prompts_have_the_size_asked_for_and_share_what_an_episode_shares(tiny, size):
    case = scoring.case(tiny, 300, scoring.ScoringCfg(prompt=size))
    assert len(case.prompt) == size
    assert len(case.options) == len(case.later_options) == 300
    assert len({tuple(option) for option in case.options}) == 300
    first, later = ([], []) if size < 300 else (case.prompt, case.later)
    assert first[: size // 2] == later[: size // 2]
    assert case.prompt != case.later


def test_scoring_reports_every_strategy_and_how_far_it_is_off(folder, tmp_path, capsys):
    out = tmp_path / "run"
    words = ["scoring", "--llm", f"hf:{folder}", "--labels", "5", "140", "--reference", "9"]
    assert bench.main([*words, "--repeats", "1", "--prompt", "80", "--out", str(out)]) == 0
    few, many = json.loads((out / "results.json").read_text())["rows"]
    assert set(few["prefills"]) == {"expanded", "trie", "next decision", "one by one"}
    assert set(many["prefills"]) == {"expanded", "trie", "next decision"}
    assert (few["compared"], many["compared"]) == (5, 9)
    for row in (few, many):
        assert max(row["deviation"].values()) < 1e-4
        assert row["spread"] > 0.1
        assert row["tokens"]["trie"] <= row["tokens"]["expanded"]
    assert "labels scored by trie" in capsys.readouterr().out


def test_calibrate_ends_with_the_spec_to_use(folder, tmp_path, capsys):
    out = tmp_path / "run"
    words = ["calibrate", "--llm", f"hf:{folder}?norm=mean", "--decisions", "12"]
    assert bench.main([*words, "--out", str(out)]) == 0
    found = json.loads((out / "results.json").read_text())
    assert found["calibrated"].startswith(f"hf:{folder}?norm=mean&temperature=")
    said = capsys.readouterr().out
    assert f"use --llm '{found['calibrated']}'" in said
    assert "say nothing about which label is right" in said  # for its weights are random
    assert found["before"]["n"] == found["after"]["n"] == 6


def test_unknown_benchmarks_and_models_are_usage_errors(capsys):
    assert bench.main(["scorign"]) == 2
    assert "Did you mean 'scoring'?" in capsys.readouterr().err
    assert bench.main(["scoring", "--llm", "embedded"]) == 2
    assert bench.main(["calibrate", "--llm", "embedded", "--decisions", "2"]) == 2
    assert bench.main(["--help"]) == 0
