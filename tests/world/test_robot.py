"""The robot: servos hold and reach poses, the base obeys, nothing drifts."""

import pytest
import torch

from embodied.world.control import Controller
from embodied.world.engine import CpuEngine
from embodied.world.robot import ARM_JOINTS, HOME_ARM, REST_TCP, fetch_spec
from embodied.world.scene import FixtureCfg, fixture_model
from embodied.world.state import Layout, StateReader
from embodied.world.tensors import Rows


class Rig:
    """A robot at rest, far from its fixture."""

    def __init__(self, count: int = 1) -> None:
        self.engine = CpuEngine(fixture_model(FixtureCfg("sponge")), count, 1)
        self.layout = Layout.of(self.engine.model)
        self.reader, self.control = StateReader(self.engine), Controller(self.engine)
        self.engine.reset()
        qpos = self.engine.field("qpos")
        qpos[:, self.layout.base[0]] = -3.0
        qpos[:, self.layout.arm] = torch.tensor(HOME_ARM).double()
        qpos[:, self.layout.fingers] = 0.05
        self.engine.forward()
        self.state = self.reader.read()
        everyone = Rows(torch.ones(count, dtype=torch.bool))
        rest = torch.tensor([*REST_TCP, 0.0]).repeat(count, 1)
        self.control.reset(everyone, rest, torch.full((count,), 0.05))

    def hold(self, steps: int) -> None:
        for _ in range(steps):
            self.control.move_base(torch.zeros(self.engine.nsim, 3), self.state)
            self.control.advance()
            self.state = self.reader.read()


def test_home_posture_is_the_rest_pose_and_holds() -> None:
    rig = Rig()
    rig.hold(75)
    assert (rig.state.tcp_pos - torch.tensor(REST_TCP)).norm() < 0.015
    assert rig.state.tcp_up.norm() < 0.05
    assert rig.state.tcp_vel.norm() < 0.005


@pytest.mark.parametrize(
    "pose", [(0.7, 0.0, 0.78, 0.0), (0.7, 0.2, 0.8, 1.2), (0.55, -0.2, 0.74, -1.2)]
)
def test_servos_reach_task_space_targets(pose: tuple[float, ...]) -> None:
    rig = Rig()
    start = rig.control.target.clone()
    for fraction in torch.linspace(0, 1, 50):
        rig.control.target[:] = start + (torch.tensor(pose) - start) * fraction
        rig.hold(1)
    rig.hold(25)
    assert (rig.state.tcp_pos[0] - torch.tensor(pose[:3])).norm() < 0.006
    assert abs(float(rig.state.tcp_yaw[0]) - pose[3]) < 0.03


def test_base_velocity_is_commanded_in_the_body_frame() -> None:
    rig = Rig()
    rig.engine.field("qpos")[:, rig.layout.base[2]] = torch.pi / 2
    rig.engine.forward()
    rig.state = rig.reader.read()
    before = rig.state.base_pose.clone()
    for _ in range(50):  # forward in the body frame is +y in the world
        rig.control.move_base(torch.tensor([[0.3, 0.0, 0.0]]), rig.state)
        rig.control.advance()
        rig.state = rig.reader.read()
    moved = (rig.state.base_pose - before)[0]
    assert 0.4 < float(moved[1]) < 0.62
    assert abs(float(moved[0])) < 0.02
    assert rig.state.base_vel[0, 0] == pytest.approx(0.3, abs=0.03)


def test_target_stays_on_its_leash() -> None:
    rig = Rig()
    for _ in range(10):
        rig.control.move_arm(torch.tensor([[0.0, 0.0, -1.0, 1.0, 0.0]]), rig.state)
        gap = rig.control.target[:, :3] - rig.state.tcp_pos
        assert gap.norm() <= 0.0301
        rig.control.advance()
        rig.state = rig.reader.read()


def test_meshes_only_show() -> None:
    with_meshes, without = fetch_spec(True).compile(), fetch_spec(False).compile()
    assert with_meshes.body_mass.tolist() == without.body_mass.tolist()
    assert {with_meshes.joint(i).name for i in range(with_meshes.njnt)} >= set(ARM_JOINTS)
    for i in range(with_meshes.ngeom):
        if int(with_meshes.geom_type[i]) == 7:  # mjGEOM_MESH
            assert with_meshes.geom_contype[i] == 0
            assert with_meshes.geom_conaffinity[i] == 0
