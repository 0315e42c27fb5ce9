"""Against a real third party's server: `transformers serve` with a model that is trained here.

It takes `echo` and `logprobs` without a word and does nothing about them, so the test is also one of
the probe. The model is tiny and has learned one thing: how this log goes on.
"""

import importlib.util
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from embodied.tasks.labels import enumerate_calls
from embodied.world.facts import Facts
from planners import load_language_model
from planners import prompt as prompts
from planners.model import Prompt, describe
from tests.planners.byte_level import byte_level

NEEDS = ("fastapi", "uvicorn", "accelerate")
MISSING = [name for name in NEEDS if importlib.util.find_spec(name) is None]
FACTS = Facts({"sponge": "table", "tea": "user"}, robot_at="user")
PROMPT = Prompt("bring a sponge", (), FACTS)
CALLS = enumerate_calls(FACTS.instances)
LEARNED = "find the sponge"


def train(folder: Path) -> None:
    """Save a model that continues the prompt with `LEARNED`, and what it needs to be served."""
    bpe = byte_level(PROMPT.text + prompts.continuation(LEARNED), 600, ["<end>"])
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=bpe, eos_token="<end>", pad_token="<end>")
    torch.manual_seed(0)
    cfg = LlamaConfig(
        vocab_size=len(tokenizer), max_position_embeddings=2048, hidden_size=32,
        num_hidden_layers=1, num_attention_heads=2, num_key_value_heads=2, intermediate_size=64,
        bos_token_id=0, eos_token_id=0, pad_token_id=0,
    )  # fmt: skip
    model = LlamaForCausalLM(cfg)
    before = tokenizer(PROMPT.text)["input_ids"]
    whole = tokenizer(PROMPT.text + prompts.continuation(LEARNED) + "<end>")["input_ids"]
    ids = torch.tensor([whole])
    labels = ids.clone()
    labels[0, : len(before)] = -100
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-2)
    loss = torch.tensor(9.0)
    for _ in range(100):
        loss = model(input_ids=ids, labels=labels).loss
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        if loss.item() < 0.02:
            break
    assert loss.item() < 0.1
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)


@pytest.fixture(scope="module")
def served(tmp_path_factory) -> Iterator[tuple[str, Path]]:
    """(address of the server, folder of its model)."""
    if MISSING:
        pytest.skip(f"transformers serve needs {', '.join(MISSING)}: pip install -e '.[dev]'")
    folder = tmp_path_factory.mktemp("model")
    train(folder)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    log = folder / "server.log"
    command = "from transformers.cli.transformers import main; main()"
    arguments = [
        "serve",
        str(folder),
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "--device",
        "cpu",
    ]
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-c", command, *arguments],
            stdout=out, stderr=out, cwd=folder, env=os.environ | {"HF_HOME": str(folder / "hub")},
        )  # fmt: skip
    try:
        url = f"http://127.0.0.1:{port}"
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        for _ in range(600):
            assert process.poll() is None, log.read_text(errors="replace")[-2000:]
            try:
                opener.open(f"{url}/health", timeout=5).close()
                break
            except OSError:
                time.sleep(0.2)
        yield f"{url}/v1", folder
    finally:
        process.terminate()
        process.wait(30)


def test_labels_are_scored_on_a_server_of_somebody_else(served):
    url, folder = served
    model = load_language_model(f"openai:{folder}@{url}?votes=3&backoff=0.01&parallel=1")
    said = describe(model)
    assert "labels scored by generate-and-match" in said
    assert "not by prompt: echo" in said
    assert "Unexpected fields in the request: {'prompt_logprobs'}" in said
    assert "not by first-token: the request is taken, and no list of likely tokens comes" in said
    scores = model.score(PROMPT, CALLS)
    assert CALLS[int(np.argmax(scores.logp))].label == LEARNED
    assert scores.p.max() > 0.6
    assert np.isclose(scores.p.sum(), 1)
    assert scores.calls == 3
    assert scores.tokens > 3 * 500  # as the server counts them
