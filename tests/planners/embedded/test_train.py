"""Training writes a folder that loads."""

import json
from pathlib import Path

import torch

from planners.embedded.net import ReaderCfg
from planners.embedded.store import load_readers
from planners.embedded.train import PlannerTrainCfg, train


def test_training_leaves_a_reader_that_loads_and_says_how_it_was_made(tmp_path: Path) -> None:
    small = ReaderCfg(width=32, heads=2)
    out = tmp_path / "weights"
    train(PlannerTrainCfg(out, 2, sentences=130, checks=30, epochs=1, batch=32, reader=small))
    one, two = (reader.state_dict() for reader in load_readers(out))
    assert all(torch.isfinite(value).all() for value in one.values())
    assert not torch.equal(one["act.weight"], two["act.weight"])
    assert [path.name for path in tmp_path.iterdir()] == ["weights"]
    about = json.loads((out / "model.json").read_text())
    assert about["readers"][1]["reader"]["width"] == 32
    assert about["training"]["sentences"] <= 130
    assert about["training"]["validation"][0]["epoch"] == 1
