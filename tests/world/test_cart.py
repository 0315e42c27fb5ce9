"""The cart must move as the whole robot does: policies trained on the one drive the other."""

import mujoco
import torch

from embodied.world import scene
from embodied.world.cart import Carts, cart_model
from embodied.world.control import Controller
from embodied.world.engine import CpuEngine
from embodied.world.robot import ARM_JOINTS, FINGER_OPEN, HOME_ARM, REST_TCP, fetch_spec
from embodied.world.state import StateReader, wrap
from embodied.world.tensors import Rows

N = 4


def commands(steps: int) -> list[torch.Tensor]:
    """Velocity commands (N, 3), full speed included, that change every 0.6 s and end in rest."""
    rng = torch.Generator().manual_seed(3)
    limit = torch.tensor([0.7, 0.4, 1.4])
    drawn = [(torch.rand(N, 3, generator=rng) * 2.6 - 1.3).clamp(-1, 1) for _ in range(steps)]
    held = [drawn[i - i % 15] * limit for i in range(steps)]
    return held + [torch.zeros(N, 3)] * 20


def test_cart_and_robot_answer_the_same_commands_alike():
    start = torch.tensor([[0.1 * i, -0.1 * i, 0.7 * i] for i in range(N)])
    everyone = torch.ones(N, dtype=torch.bool)
    carts = Carts(N)
    carts.reset(Rows(everyone), start, everyone)

    # the whole robot in a kitchen without furniture, so that nothing is hit on the way
    spec = scene.kitchen_spec([], visuals=False)
    spec.delete(spec.body("drawer"))
    for geom in list(spec.geoms):
        if geom.name.startswith("solid/"):
            spec.delete(geom)
    engine = CpuEngine(spec.compile(), N)
    reader, control = StateReader(engine), Controller(engine)
    qpos = engine.field("qpos")
    qpos[:, reader.layout.base] = start.double()
    qpos[:, reader.layout.arm] = torch.tensor(HOME_ARM).double()
    control.reset(
        Rows(everyone), torch.tensor([*REST_TCP, 0.0]).repeat(N, 1), torch.full((N,), FINGER_OPEN)
    )
    engine.forward()
    state = reader.read()

    travelled = torch.zeros(N)
    for command in commands(90):
        before = state.base_pose
        carts.drive(command)
        control.move_base(command, state)
        control.advance()
        state = reader.read()
        travelled += (state.base_pose - before)[:, :2].norm(dim=-1)
        assert torch.equal(carts.velocity, control.velocity)
    cart = carts.state()
    assert travelled.min() > 0.5
    assert (cart.base_pose - state.base_pose)[:, :2].norm(dim=-1).max() < 0.01
    assert wrap(cart.base_pose[:, 2] - state.base_pose[:, 2]).abs().max() < 0.01
    assert cart.base_vel.abs().max() < 0.01


def test_cart_carries_the_whole_robots_mass():
    robot = fetch_spec(visuals=False).compile()
    data = mujoco.MjData(robot)
    for name, angle in zip(ARM_JOINTS, HOME_ARM, strict=True):
        data.joint(name).qpos[0] = angle
    cart = cart_model()
    light = mujoco.MjData(cart)
    mujoco.mj_forward(robot, data)
    mujoco.mj_forward(cart, light)
    full, small = mujoco.mj_fullM, torch.zeros(3, 3).double().numpy()
    whole = torch.zeros(robot.nv, robot.nv).double().numpy()
    full(robot, data, whole)
    full(cart, light, small)
    assert torch.allclose(torch.from_numpy(whole[:3, :3]), torch.from_numpy(small), atol=1e-6)
