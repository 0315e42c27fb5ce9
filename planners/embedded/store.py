"""The readers' folder: `model.json` (shapes, provenance, sha256) beside safetensors."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from safetensors.torch import load, save

from embodied.errors import UsageError
from planners.embedded.net import Reader, ReaderCfg
from planners.embedded.reading import Calibration

WEIGHTS = Path(__file__).parent / "weights"


def save_readers(
    folder: Path, readers: Sequence[Reader], calibration: Calibration, provenance: dict[str, Any]
) -> None:
    """Write weights, then model.json that names them; what it no longer names is removed.

    Weights are named by their content, so that a folder is whole at every moment.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for reader in readers:
        data = save({k: v.detach().half().contiguous() for k, v in reader.state_dict().items()})
        digest = hashlib.sha256(data).hexdigest()
        name = f"reader-{digest[:12]}.safetensors"
        _replace(folder / name, data)
        files.append({"file": name, "sha256": digest, "reader": asdict(reader.cfg)})
    about = {
        "format": 3,
        "readers": files,
        "calibration": calibration.to_json(),
        "training": provenance,
    }
    _replace(folder / "model.json", (json.dumps(about, indent=1) + "\n").encode())
    for old in folder.glob("reader*.safetensors"):
        if old.name not in {file["file"] for file in files}:
            old.unlink()


def load_readers(folder: Path = WEIGHTS) -> tuple[list[Reader], Calibration]:
    """The readers of a folder, checked against their sha256, in float32 and evaluation mode."""
    try:
        about = json.loads((folder / "model.json").read_text(encoding="utf-8"))
        files, calibration = about["readers"], Calibration(**about["calibration"])
        parts = [
            (
                folder / f["file"],
                (folder / f["file"]).read_bytes(),
                f["sha256"],
                ReaderCfg(**f["reader"]),
            )
            for f in files
        ]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(
            f"{folder} does not hold an embedded planner ({error}). "
            "Train one: python -m embodied.train planner"
        ) from error
    readers = []
    for path, data, digest, cfg in parts:
        if hashlib.sha256(data).hexdigest() != digest:
            raise UsageError(
                f"The weights in {path} do not match the sha256 in model.json: the file was changed "
                "or cut short. Reinstall it, or train again: python -m embodied.train planner"
            )
        reader = Reader(cfg)
        reader.load_state_dict({k: v.float() for k, v in load(data).items()})
        readers.append(reader.eval().requires_grad_(False))
    return readers, calibration


def _replace(path: Path, data: bytes) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=path.name)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    os.chmod(name, 0o644)
    os.replace(name, path)
