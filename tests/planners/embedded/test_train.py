"""Training writes a folder that loads."""

import json
from pathlib import Path

import torch

from planners.embedded.fit import FitCfg
from planners.embedded.net import ReaderCfg
from planners.embedded.reading import HEADS
from planners.embedded.store import load_readers
from planners.embedded.train import PlannerTrainCfg, train


def test_training_leaves_a_reader_that_loads_and_says_how_it_was_made(tmp_path: Path) -> None:
    small = ReaderCfg(width=32, heads=2)
    out = tmp_path / "weights"
    fit = FitCfg(epochs=1, last=1, batch=32, reader=small)
    train(PlannerTrainCfg(out, 2, 2, sentences=130, whole=64, checks=30, fit=fit))
    readers, calibration = load_readers(out)
    one, two = (reader.state_dict() for reader in readers)
    assert 0 < calibration.refuse < 1 and set(calibration.heads) == set(HEADS)
    assert all(torch.isfinite(value).all() for value in one.values())
    assert not torch.equal(one["act.weight"], two["act.weight"])
    assert [path.name for path in tmp_path.iterdir()] == ["weights"]
    about = json.loads((out / "model.json").read_text())
    assert about["readers"][1]["reader"]["width"] == 32
    assert about["training"]["validation"][0]["epoch"] == 1
