"""How high things reach as they lie: round ones are no larger for being rolled."""

from types import SimpleNamespace
from typing import Any

import mujoco
import numpy as np
import pytest
import torch

from embodied.world.kitchen import SHAPES, Kitchen
from embodied.world.predicates import vertical_half


def outline(shape: str, half: np.ndarray) -> np.ndarray:
    """(n, 3) points of which some lies lowest however the thing is turned."""
    rng = np.random.default_rng(0)
    if shape == "box":
        return np.array(np.meshgrid([-1, 1], [-1, 1], [-1, 1])).reshape(3, 8).T * half
    if shape == "sphere":
        points = rng.normal(size=(20_000, 3))
        return points / np.linalg.norm(points, axis=1, keepdims=True) * half
    around = np.linspace(0, 2 * np.pi, 2000)
    rim = np.stack([np.cos(around), np.sin(around), np.ones_like(around)], -1) * half
    return np.concatenate([rim, rim * [1, 1, -1]])


@pytest.mark.parametrize(("row", "shape"), list(enumerate(SHAPES)))
def test_the_vertical_extent_is_that_of_the_shape(row: int, shape: str) -> None:
    half = {"cylinder": (0.03, 0.03, 0.06), "sphere": (0.04,) * 3, "box": (0.05, 0.02, 0.03)}[shape]
    quats = torch.randn(20, 4, generator=torch.Generator().manual_seed(row))
    quats = torch.cat([torch.eye(4), torch.nn.functional.normalize(quats, dim=-1)])
    state: Any = SimpleNamespace(object_quat=quats[:, None])
    n = len(quats)
    found = vertical_half(
        state,
        torch.zeros(n, dtype=torch.long),
        torch.tensor(half).repeat(n, 1),
        torch.eye(3)[row].repeat(n, 1),
    )
    turned = np.zeros(9)
    for i, quat in enumerate(quats.double().numpy()):
        mujoco.mju_quat2Mat(turned, quat)
        lowest = (outline(shape, np.array(half)) @ turned.reshape(3, 3).T)[:, 2].min()
        assert float(found[i]) == pytest.approx(-lowest, abs=1e-4)


def test_an_apple_that_rolled_is_still_where_it_lies() -> None:
    kitchen = Kitchen(["apple"], seed=0)
    kitchen.arrange({"apple": "table"}, "user")
    first = kitchen.reader.layout.object_q[0]
    turned = torch.tensor([0.6, 0.5, 0.4, 0.3]).double()
    kitchen.engine.field("qpos")[0, first + 3 : first + 7] = turned / turned.norm()
    kitchen.refresh()
    assert kitchen.place_of("apple") == "table"
    assert kitchen.underside("apple") == pytest.approx(kitchen.place("table").centre[2], abs=5e-3)
