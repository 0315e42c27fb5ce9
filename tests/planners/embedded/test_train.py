"""Training writes a folder that loads."""

import json
from pathlib import Path

import torch

from planners.embedded.net import ReaderCfg
from planners.embedded.store import load_reader
from planners.embedded.train import PlannerTrainCfg, train


def test_training_leaves_a_reader_that_loads_and_says_how_it_was_made(tmp_path: Path) -> None:
    small = ReaderCfg(width=32, heads=2)
    train(PlannerTrainCfg(tmp_path, sentences=130, checks=30, epochs=1, batch=32, reader=small))
    state = load_reader(tmp_path).state_dict()
    assert all(torch.isfinite(value).all() for value in state.values())
    about = json.loads((tmp_path / "model.json").read_text())
    assert about["reader"]["width"] == 32
    assert about["training"]["sentences"] <= 130
    assert about["training"]["validation"]["epoch"] == 1
