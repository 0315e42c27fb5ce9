"""The success head: fitting, calibration split, saving, and refusing what is not its own."""

import json
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import torch

from embodied.errors import UsageError
from embodied.tasks.base import CONFIRM
from policies import affordance, calibration
from policies.affordance import Affordance
from policies.affordance_data import SETTLE, Dataset, roll_out
from policies.affordance_features import PICK_FEATURES
from policies.affordance_probe import probe
from policies.affordance_sources import FEATURES
from policies.library import SHIPPED
from policies.skill import (
    AFFORDANCE,
    CARD,
    POLICY,
    Skill,
    SkillCard,
    Training,
    mean_network,
    save_skill,
)


def _synthetic(count: int = 3000, seed: int = 0) -> Dataset:
    """Success is likelier the larger the first reading; the second says that nothing can work."""
    rng = torch.Generator().manual_seed(seed)
    features = torch.randn(count, PICK_FEATURES, generator=rng)
    hopeless = features[:, 1] > 0.8
    features[:, 1] = hopeless.float()
    p = torch.sigmoid(6 * features[:, 0]) * ~hopeless
    won = torch.rand(count, generator=rng) < p
    return Dataset(features, won, hopeless.long(), ("usual", "hopeless"))


@pytest.fixture(scope="module")
def fitted() -> affordance.Fitted:
    return affordance.fit("pick", _synthetic(), seed=0)


@pytest.fixture
def folder(tmp_path: Path, fitted: affordance.Fitted) -> Path:
    made = Training(command="x", steps=1, minutes=1, seed=0, hardware="x", versions={})
    card = SkillCard(
        family="pick", obs_dim=38, act_dim=5, hidden=[8], training=made, figures={},
        affordance=fitted.figures,
    )  # fmt: skip
    weights = {POLICY: mean_network(38, [8], 5).state_dict(), AFFORDANCE: fitted.tensors}
    save_skill(tmp_path / "pick", card, weights)
    return tmp_path / "pick"


def test_head_ranks_and_is_honest_on_fresh_data(fitted: affordance.Fitted) -> None:
    fresh = _synthetic(seed=5)
    p = fitted.head.probability(fresh.features)
    assert calibration.auroc(p, fresh.success) > 0.93
    assert calibration.ece(p, fresh.success) < 0.05
    assert float(p[fresh.kind == 1].mean()) < 0.1


def test_splits_are_disjoint_and_whole(fitted: affordance.Fitted) -> None:
    assert sum(fitted.figures["rollouts"].values()) == 3000
    assert fitted.figures["report"]["n"] == fitted.figures["rollouts"]["report"]
    told = fitted.figures["by_start"]
    assert set(told) == {"usual", "hopeless"}
    assert sum(row["n"] for row in told.values()) == fitted.figures["report"]["n"]


def test_fit_is_deterministic(fitted: affordance.Fitted) -> None:
    again = affordance.fit("pick", _synthetic(), seed=0)
    assert again.figures == fitted.figures
    assert all(torch.equal(again.tensors[k], v) for k, v in fitted.tensors.items())


def test_figures_survive_json(fitted: affordance.Fitted) -> None:
    assert json.loads(json.dumps(fitted.figures)) == fitted.figures


def test_loads_what_was_saved(folder: Path, fitted: affordance.Fitted) -> None:
    head, data = Affordance.load(folder), _synthetic(50, seed=9)
    assert torch.equal(head.probability(data.features), fitted.head.probability(data.features))


def test_readings_far_outside_change_nothing_more(fitted: affordance.Fitted) -> None:
    row = torch.zeros(1, PICK_FEATURES)
    far, farther = row.clone(), row.clone()
    far[0, 0], farther[0, 0] = 1e3, 1e6
    assert torch.equal(fitted.head.probability(far), fitted.head.probability(farther))


def test_tampered_file_is_refused(folder: Path) -> None:
    data = bytearray((folder / AFFORDANCE).read_bytes())
    data[-1] ^= 1
    (folder / AFFORDANCE).write_bytes(bytes(data))
    with pytest.raises(UsageError, match="sha256"):
        Affordance.load(folder)


def test_missing_head_is_refused(folder: Path) -> None:
    (folder / AFFORDANCE).unlink()
    with pytest.raises(UsageError, match="lacks"):
        Affordance.load(folder)


def test_head_for_other_readings_is_refused(folder: Path, fitted: affordance.Fitted) -> None:
    card = SkillCard.model_validate_json((folder / CARD).read_text())
    tensors = dict(fitted.tensors)
    for name in ("mean", "std"):
        tensors[name] = tensors[name][:-1]
    tensors["probe"] = tensors["probe"][:, :-1]
    tensors["net.0.weight"] = tensors["net.0.weight"][:, :-1]
    save_skill(folder, card, {AFFORDANCE: tensors})
    with pytest.raises(UsageError, match="readings"):
        Affordance.load(folder)


def test_head_whose_readings_mean_something_else_now_is_refused(
    folder: Path, fitted: affordance.Fitted
) -> None:
    card = SkillCard.model_validate_json((folder / CARD).read_text())
    moved = fitted.tensors["probe"].clone()
    moved[0, 12] += 0.01
    save_skill(folder, card, {AFFORDANCE: {**fitted.tensors, "probe": moved}})
    with pytest.raises(UsageError, match="readings"):
        Affordance.load(folder)


@pytest.mark.parametrize("family", list(FEATURES))
def test_probes_are_fixed_and_as_wide_as_the_readings(family: str) -> None:
    rows = probe(family)
    assert rows.shape[1] == FEATURES[family]
    assert torch.equal(rows, probe(family))
    assert bool(rows.isfinite().all())
    assert float((rows[:-1] != 0).float().mean()) > 0.6


def test_file_of_something_else_is_refused(folder: Path) -> None:
    card = SkillCard.model_validate_json((folder / CARD).read_text())
    save_skill(folder, card, {AFFORDANCE: {"other": torch.zeros(3)}})
    with pytest.raises(UsageError, match="not a success head"):
        Affordance.load(folder)


@dataclass
class Countdown:
    """Starts with a number each; the skill succeeds when the actions have counted it down to 0."""

    num_envs: int = 4
    horizon: int = 12
    kinds: tuple[str, ...] = ("short", "long", "not admitted")
    kind: torch.Tensor = field(default_factory=lambda: torch.zeros(4, dtype=torch.long))
    left: torch.Tensor = field(default_factory=lambda: torch.zeros(4))

    def reset(self, mask: torch.Tensor, rng: torch.Generator) -> None:
        self.kind[mask] = torch.randint(3, (int(mask.sum()),), generator=rng)
        self.left[mask] = torch.tensor([3.0, 50.0, 3.0])[self.kind[mask]]

    def observe(self) -> torch.Tensor:
        return self.left[:, None].clone()

    def step(self, action: torch.Tensor, still: torch.Tensor) -> None:
        self.left -= torch.where(still, 0.0, action[:, 0])

    def begin(self, mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return self.left[:, None].clone(), self.kind != 2

    def success(self) -> torch.Tensor:
        return self.left <= 0

    def failure(self) -> torch.Tensor:
        return torch.zeros(self.num_envs, dtype=torch.bool)


def test_roll_out_records_settled_starts_and_outcomes() -> None:
    starts = Countdown()
    data = roll_out(starts, lambda obs: torch.ones(len(obs), 1), per_env=20, seed=0)
    assert len(data) == 20 * starts.num_envs
    assert torch.equal(data.success, data.kind == 0)
    # held still while settling: what is read is the number that the start began with
    assert torch.equal(data.features[:, 0], torch.tensor([3.0, 50.0, 3.0])[data.kind])


def test_success_must_last_and_the_time_limit_ends() -> None:
    late = Countdown(horizon=3 + CONFIRM - 2)
    data = roll_out(late, lambda obs: torch.ones(len(obs), 1), per_env=4, seed=0)
    assert not bool(data.success.any())
    assert SETTLE > 0


@pytest.mark.parametrize("family", list(FEATURES))
def test_shipped_heads_meet_the_bars_they_report(family: str) -> None:
    card = Skill.load(SHIPPED / family).card
    told = card.affordance["report"]
    assert Affordance.load(SHIPPED / family).features == card.affordance["features"]
    assert told["n"] == sum(row["n"] for row in card.affordance["reliability"]) >= 1000
    assert told["ece"] <= 0.05
    assert told["auroc"] >= 0.95
    table = card.affordance["by_start"]
    assert ("absent" in table) == (family not in ("open", "close")), "the kitchen has its drawer"
    hopeless = {"absent", "across the room", "done already"} & set(table)
    assert hopeless and all(table[kind]["p"] < 0.02 for kind in hopeless)
    assert table["usual"]["p"] > 0.9
