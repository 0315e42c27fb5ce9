"""Looks are looks only: nothing that is drawn collides, weighs anything or changes the physics."""

from __future__ import annotations

import mujoco
import numpy as np
import pytest

from embodied.world import catalogue, looks, scene
from embodied.world.catalogue import ObjectSpec

OBJECTS = list(catalogue.objects())


@pytest.fixture(scope="module")
def dressed() -> mujoco.MjModel:
    return scene.kitchen_spec(OBJECTS).compile()


@pytest.fixture(scope="module")
def bare() -> mujoco.MjModel:
    return scene.kitchen_spec(OBJECTS, visuals=False).compile()


def _geoms(model: mujoco.MjModel, body: str) -> range:
    start = int(model.body(body).geomadr[0])
    return range(start, start + int(model.body(body).geomnum[0]))


@pytest.mark.parametrize("name", OBJECTS)
def test_every_object_is_dressed_without_contacts(dressed: mujoco.MjModel, name: str) -> None:
    collider, *visuals = _geoms(dressed, name)
    assert dressed.geom(collider).name == name
    assert dressed.geom_group[collider] == 3, "the collision primitive must stay hidden"
    assert visuals, "nothing would be seen"
    for geom in visuals:
        assert dressed.geom_contype[geom] == dressed.geom_conaffinity[geom] == 0
        assert dressed.geom_group[geom] == looks.VISUAL_GROUP


@pytest.mark.parametrize("name", OBJECTS)
def test_what_is_seen_is_as_large_as_what_collides(dressed: mujoco.MjModel, name: str) -> None:
    mesh = dressed.mesh(f"look/{name}")
    geom = next(g for g in _geoms(dressed, name) if dressed.geom_dataid[g] == mesh.id)
    start = int(mesh.vertadr[0])
    vertices = dressed.mesh_vert[start : start + int(mesh.vertnum[0])]
    rotation = np.empty(9)
    mujoco.mju_quat2Mat(rotation, dressed.geom_quat[geom])
    points = vertices @ rotation.reshape(3, 3).T + dressed.geom_pos[geom]
    half = np.array(catalogue.objects()[name].half_extents)
    assert (np.abs(points) <= half * 1.02 + 1e-4).all(), "it would stick out of its collider"
    assert (np.ptp(points, axis=0) >= 2 * half * 0.88).all(), "it would hover"


def test_no_two_objects_look_alike() -> None:
    images = [
        looks._LOOKS[obj.look].image(obj)[..., :3].tobytes() for obj in catalogue.objects().values()
    ]
    assert len(set(images)) == len(OBJECTS)


def test_looks_change_no_mass(dressed: mujoco.MjModel, bare: mujoco.MjModel) -> None:
    assert dressed.nbody == bare.nbody
    assert dressed.ngeom > bare.ngeom
    for field in ("body_mass", "body_inertia", "body_ipos", "body_iquat"):
        np.testing.assert_array_equal(getattr(dressed, field), getattr(bare, field), field)


def test_looks_change_no_motion(dressed: mujoco.MjModel, bare: mujoco.MjModel) -> None:
    """Objects fall and tumble onto every place while the robot drives and reaches."""
    assert _tumble(dressed).tobytes() == _tumble(bare).tobytes()


def _tumble(model: mujoco.MjModel) -> np.ndarray:
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    places = [name for name in catalogue.places() if name != "drawer"]
    rng = np.random.default_rng(0)
    for k, name in enumerate(OBJECTS):
        address = int(model.joint(name).qposadr[0])
        site = data.site(f"place/{places[k % len(places)]}").xpos
        quat = rng.normal(size=4)
        data.qpos[address : address + 3] = site
        data.qpos[address + 2] += 0.12 + 0.16 * (k // len(places))
        data.qpos[address + 3 : address + 7] = quat / np.linalg.norm(quat)
    data.ctrl[:] = rng.normal(size=model.nu) * 0.3
    for _ in range(50):
        mujoco.mj_step(model, data)
    assert data.ncon > 0, "nothing touched anything: the comparison would prove nothing"
    return np.concatenate([data.qpos, data.qvel, data.qacc])


@pytest.mark.parametrize("shape", ["box", "cylinder", "sphere"])
@pytest.mark.parametrize("look", ["can", "bottle", "fruit", "bag", "bar", "sponge", "teapot"])
def test_a_new_entry_needs_no_code(shape: str, look: str) -> None:
    """Any look fits any shape, known or not, with or without further colours."""
    size = {"box": (0.08, 0.06, 0.1), "cylinder": (0.04, 0.1), "sphere": (0.04,)}[shape]
    for colors in ((), ((1, 1, 1),), ((1, 1, 1), (0, 0, 0), (0.5, 0.5, 0.5))):
        obj = ObjectSpec.model_validate(
            {"name": "new thing", "shape": shape, "size": size, "mass": 0.1, "look": look,
             "rgba": (0.2, 0.6, 0.9, 0.8), "look_colors": colors, "description": "a new thing"}
        )  # fmt: skip
        spec = mujoco.MjSpec()
        for instance in ("new thing", "new thing#2"):
            scene.add_object(spec, instance, obj)
            looks.dress(spec, instance, obj)
        model = spec.compile()
        assert model.nmesh == model.ntex == 1, "instances share what they look like"
        assert model.body_mass[1:] == pytest.approx(0.1)


def test_letters_leave_the_container_out() -> None:
    from embodied.world.textures import letters

    assert letters("coke can") == ["COKE"]
    assert letters("water bottle") == ["WATER"]
    assert letters("jalapeno chips") == ["JALAPENO", "CHIPS"]
    assert letters("can") == ["CAN"], "a name that is nothing but its container keeps it"


def test_furniture_that_moves_is_drawn_on_what_moves(dressed: mujoco.MjModel) -> None:
    drawn = [g for g in _geoms(dressed, "drawer") if dressed.geom_group[g] == looks.VISUAL_GROUP]
    assert len(drawn) >= 6, "floor, three sides, front and handle"
