"""Released skills: what is saved loads, what was tampered with is refused."""

import json
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from embodied.errors import EnvironmentFault, UsageError
from policies.skill import (
    CARD,
    POLICY,
    Skill,
    SkillCard,
    Training,
    mean_network,
    read_card,
    save_skill,
    wilson,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    card = SkillCard(
        family="pick", obs_dim=4, act_dim=2, hidden=[8],
        training=Training(command="c", steps=1, minutes=0.0, seed=0, hardware="h", versions={}),
        figures={"all": wilson(9, 10)},
    )  # fmt: skip
    save_skill(tmp_path, card, {POLICY: mean_network(4, [8], 2).state_dict()})
    return tmp_path


def test_loads_and_acts_alike(folder: Path) -> None:
    obs = torch.ones(3, 4)
    assert torch.equal(Skill.load(folder).act(obs), Skill.load(folder).act(obs))
    assert Skill.load(folder).act(obs).shape == (3, 2)


def test_one_flipped_byte_is_noticed(folder: Path) -> None:
    data = bytearray((folder / POLICY).read_bytes())
    data[-1] ^= 1
    (folder / POLICY).write_bytes(bytes(data))
    with pytest.raises(UsageError, match="sha256"):
        Skill.load(folder)


def test_card_of_another_layout_is_refused(folder: Path) -> None:
    card = json.loads((folder / CARD).read_text())
    card["obs_dim"] = 5
    (folder / CARD).write_text(json.dumps(card))
    with pytest.raises(UsageError, match="does not fit"):
        Skill.load(folder)


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """No file may grow beyond: as if the disk were full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("named", [POLICY, CARD])
def test_a_full_disk_leaves_no_skill_that_looks_whole(
    folder: Path, tmp_path: Path, named: str
) -> None:
    card, room = read_card(folder), (folder / named).stat().st_size - 1
    assert (folder / POLICY).stat().st_size < (folder / CARD).stat().st_size - 1
    torch.manual_seed(1)
    weights = {POLICY: mean_network(4, [8], 2).state_dict()}
    for place in (folder, tmp_path / "new"):  # over an older one, and beside it
        with (
            files_of_at_most(room),
            pytest.raises(EnvironmentFault, match=f"Cannot write .*{named}"),
        ):
            save_skill(place, card, weights)
    assert not (tmp_path / "new" / CARD).exists()
    if named == POLICY:
        Skill.load(folder)  # nothing of it was touched
    else:
        with pytest.raises(UsageError, match="is not the file its skill.json was written for"):
            Skill.load(folder)
    assert {path.name for path in folder.iterdir() if path.is_file()} == {POLICY, CARD}


def test_faulty_and_missing_cards_say_so(folder: Path, tmp_path: Path) -> None:
    (folder / CARD).write_text('{"family": 3}')
    with pytest.raises(UsageError, match="not a valid skill card"):
        Skill.load(folder)
    with pytest.raises(UsageError, match=r"no skill in .*embodied\.train"):
        Skill.load(tmp_path / "nowhere")


def test_wilson_interval() -> None:
    figure = wilson(84, 101)  # SayCan's 84 % of 101, whose interval the literature gives
    assert (figure.low, figure.high) == (
        pytest.approx(0.747, abs=0.002),
        pytest.approx(0.892, abs=0.002),
    )
    assert wilson(0, 10).low == 0.0
    assert wilson(10, 10).high == 1.0
