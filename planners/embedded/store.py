"""The reader's folder: `model.json` (shape, provenance, sha256) beside safetensors."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from safetensors.torch import load, save

from embodied.errors import UsageError
from planners.embedded.net import Reader, ReaderCfg

WEIGHTS = Path(__file__).parent / "weights"
FILE = "reader.safetensors"


def save_reader(folder: Path, reader: Reader, provenance: dict[str, Any]) -> None:
    """Write weights and model.json; each file appears whole or not at all."""
    data = save({k: v.detach().half().contiguous() for k, v in reader.state_dict().items()})
    about = {
        "format": 1,
        "file": FILE,
        "sha256": hashlib.sha256(data).hexdigest(),
        "reader": asdict(reader.cfg),
        "training": provenance,
    }
    folder.mkdir(parents=True, exist_ok=True)
    _replace(folder / FILE, data)
    _replace(folder / "model.json", (json.dumps(about, indent=1) + "\n").encode())


def load_reader(folder: Path = WEIGHTS) -> Reader:
    """The reader of a folder, checked against its sha256, in float32 and evaluation mode."""
    try:
        about = json.loads((folder / "model.json").read_text(encoding="utf-8"))
        data = (folder / about["file"]).read_bytes()
        cfg = ReaderCfg(**about["reader"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(
            f"{folder} does not hold an embedded planner ({error}). "
            "Train one: python -m embodied.train planner"
        ) from error
    if hashlib.sha256(data).hexdigest() != about["sha256"]:
        raise UsageError(
            f"The weights in {folder / about['file']} do not match the sha256 in model.json: the "
            "file was changed or cut short. Reinstall it, or train again: "
            "python -m embodied.train planner"
        )
    reader = Reader(cfg)
    reader.load_state_dict({k: v.float() for k, v in load(data).items()})
    return reader.eval().requires_grad_(False)


def _replace(path: Path, data: bytes) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.chmod(name, 0o644)
    os.replace(name, path)
