"""What attacks run as when they are past the first wall: plain Python in the sandboxed process."""

from __future__ import annotations

import textwrap
from typing import Any


def attack(request: dict[str, Any]) -> Any:
    """Runs an attack's body, with all of Python at hand, and answers with what it returns."""
    names: dict[str, Any] = {name: request[name] for name in ("SECRET", "VICTIM", "PORT", "PARENT")}
    source = "def reward(s):\n" + textwrap.indent(textwrap.dedent(request["source"]), "    ")
    exec(source, names)
    return names["reward"]({"held": [1.0]})


def cheat(request: dict[str, Any]) -> dict[str, Any]:
    """A program that took over its trainer: it claims every success, over a policy that does nothing."""
    import torch

    from embodied.candidates.net import Net

    net = Net([torch.nn.Linear(16, 4)], "relu", squash=True)
    with torch.no_grad():
        net.layers[0].weight.zero_(), net.layers[0].bias.zero_()
    return {
        "net": net.plain(),
        "success": [[1, 1.0]],
        "final": 1.0,
        "stats": {"reward": {"mean": [1.0]}},
        "env_steps": 1,
        "seconds": 0.1,
        "error": "",
    }
