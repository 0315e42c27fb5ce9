"""The CPU engine: a batch equals single simulations, masks reset only what they name."""

import torch

from embodied.world.engine import CpuEngine
from embodied.world.scene import FixtureCfg, fixture_model


def test_batch_is_bit_identical_to_one_by_one() -> None:
    models = [fixture_model(FixtureCfg(name)) for name in ("sponge", "coke can", "apple")]
    together = CpuEngine(models, 3, 2)
    alone = [CpuEngine(model, 1, 1) for model in models]
    controls = torch.rand(3, 11, generator=torch.Generator().manual_seed(1)).double() * 0.3
    together.reset()
    together.field("ctrl")[:] = controls
    together.step(100)
    for i, engine in enumerate(alone):
        engine.reset()
        engine.field("ctrl")[:] = controls[i]
        engine.step(100)
        assert torch.equal(engine.field("qpos")[0], together.field("qpos")[i])
        assert torch.equal(engine.field("qvel")[0], together.field("qvel")[i])


def test_reset_touches_only_the_mask() -> None:
    engine = CpuEngine(fixture_model(FixtureCfg("sponge")), 2, 1)
    engine.reset()
    engine.step(20)
    moved = engine.field("qpos").clone()
    engine.reset(torch.tensor([True, False]))
    assert torch.equal(engine.field("qpos")[1], moved[1])
    assert not torch.equal(engine.field("qpos")[0], moved[0])


def test_derived_fields_describe_the_new_state() -> None:
    engine = CpuEngine(fixture_model(FixtureCfg("sponge")), 1, 1)
    engine.reset()
    engine.step(7)
    stepped = engine.field("xpos").clone()
    engine.forward()
    assert torch.equal(stepped, engine.field("xpos"))
