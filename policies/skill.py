"""A released skill: a folder of plain data that says what it is, how it was made and how good it is.

    <skill>/skill.json               the card below, validated
            policy.safetensors       the policy's mean network
            affordance.safetensors   the success head (see `affordance`)
            task.py                  of a skill of your own: its task file


Nothing in a shipped one can run code, unlike an SB3 zip. Every file's sha256 stands in the card and is
checked on load; that guards against damage and mix-ups, not against somebody who rewrites both.
"""

from __future__ import annotations

import hashlib
import json
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, ValidationError
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import nn

from embodied.errors import UsageError
from embodied.outputs import atomic, write_text
from embodied.tasks.own import CARD, TASK

POLICY, AFFORDANCE = "policy.safetensors", "affordance.safetensors"


class Figure(BaseModel):
    """A measured success rate with its Wilson 95 % interval."""

    model_config = ConfigDict(extra="forbid")
    successes: int
    episodes: int
    rate: float
    low: float
    high: float


class Training(BaseModel):
    """How the policy was made."""

    model_config = ConfigDict(extra="forbid")
    command: str
    algorithm: str = "stable-baselines3 PPO"
    steps: int
    minutes: float
    seed: int
    hardware: str
    versions: dict[str, str]
    reward: dict[str, Any] | None = None
    """The reward program it was trained with: its terms, hash and the walls it ran behind; None is the
    task's own reward."""


class Own(BaseModel):
    """What the card of a skill of your own says besides (see `embodied.tasks.own`)."""

    model_config = ConfigDict(extra="forbid")
    label: str
    """Template of its labels."""
    aliases: tuple[str, ...] = ()
    """Further templates: other ways to ask for it."""
    base: str
    """The shipped family that its task extends."""


class SkillCard(BaseModel):
    """The contents of skill.json."""

    model_config = ConfigDict(extra="forbid")
    format: Literal[1] = 1
    family: str
    obs_dim: int
    act_dim: int
    hidden: list[int]
    activation: str = "elu"
    training: Training
    figures: dict[str, Figure]
    """"all", "starts: ..." and one entry per object, from fresh starts."""
    affordance: dict[str, Any] = {}
    """What the success head observes and its calibration figures."""
    observes: list[float] | None = None
    """What the policy observes, a number a column (see `layout`); None in cards of before it was kept."""
    sha256: dict[str, str] = {}
    own: Own | None = None

    @property
    def base(self) -> str:
        """The shipped family that it is of, or extends."""
        return self.own.base if self.own else self.family


class Skill:
    """A loaded skill: the deterministic policy of one family.

    Attributes:
        card: the validated skill.json.
        folder: where it was loaded from.
    """

    def __init__(self, card: SkillCard, net: nn.Sequential, folder: Path) -> None:
        self.card, self.folder, self._net = card, folder, net.eval()

    @property
    def net(self) -> nn.Sequential:
        """The policy's mean network."""
        return self._net

    @torch.no_grad()
    def act(self, obs: torch.Tensor) -> torch.Tensor:
        """Mean actions (N, act_dim) in about [-1, 1] for observations (N, obs_dim)."""
        return self._net(obs)

    @classmethod
    def load(cls, folder: str | Path) -> Skill:
        """Loads and checks a skill folder.

        Raises:
            UsageError: the folder is no skill, its card is faulty, a hash or a shape does not match.
        """
        folder = Path(folder)
        if folder.suffix == ".zip":
            raise UsageError(
                f"{folder} is a Stable-Baselines3 file, and opening one runs code that it holds. If "
                "you trust it, make a skill of it: python -m embodied.train FAMILY "
                f"--weights {folder} --trust-pickle"
            )
        card = read_card(folder)
        net = mean_network(card.obs_dim, card.hidden, card.act_dim)
        try:
            net.load_state_dict(load_checked(folder, card, POLICY))
        except RuntimeError as error:
            raise UsageError(f"{folder / POLICY} does not fit its {CARD}: {error}") from error
        return cls(card, net, folder)


def read_card(folder: Path) -> SkillCard:
    """The validated card of a skill folder."""
    try:
        return SkillCard.model_validate_json((folder / CARD).read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        raise UsageError(f"{folder / CARD} is no text; copy the skill folder again.") from error
    except FileNotFoundError as error:
        raise UsageError(
            f"There is no skill in {folder}: it has no {CARD}; train one with "
            "'python -m embodied.train' or leave --skills out to use the shipped ones."
        ) from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        if first["loc"] == ("format",):
            raise UsageError(
                f"{folder / CARD} is of format {first['input']}, and this version reads format 1; "
                "update embodied-llm-rl, or use a skill that was made with this version."
            ) from error
        where = ".".join(map(str, first["loc"]))
        raise UsageError(
            f"{folder / CARD} is not a valid skill card ({f'{where}: ' if where else ''}"
            f"{first['msg']}); copy the skill folder again or train it anew."
        ) from error


def checked(folder: Path, card: SkillCard, name: str) -> Path:
    """A file of a skill folder, if its sha256 is the card's.

    Raises:
        UsageError: it is not, or there is none.
    """
    path = folder / name
    if not path.is_file():
        raise UsageError(f"{folder} lacks {name}; copy the skill folder again or train it anew.")
    found, wanted = sha256(path), card.sha256.get(name)
    if found != wanted:
        raise UsageError(
            f"{path} is not the file its {CARD} was written for (sha256 {found[:12]}..., expected "
            f"{str(wanted)[:12]}...); copy the skill folder again or train it anew."
        )
    return path


def load_checked(folder: Path, card: SkillCard, name: str) -> dict[str, torch.Tensor]:
    """The tensors of a weight file whose sha256 is the card's."""
    path = checked(folder, card, name)
    try:
        return load_file(path)
    except SafetensorError as error:
        raise UsageError(f"{path} is not a safetensors file: {error}") from error


def is_whole(folder: Path) -> bool:
    """Whether a folder holds a skill with its success head, both as its card says. Writing one may have
    been cut short."""
    if not (folder / CARD).is_file():
        return False
    try:
        card = read_card(folder)
        for name in (POLICY, AFFORDANCE):
            load_checked(folder, card, name)
    except UsageError:
        return False
    return True


def mean_network(obs_dim: int, hidden: list[int], act_dim: int) -> nn.Sequential:
    """The policy's mean as a plain network: linear layers with ELU between them."""
    sizes = [obs_dim, *hidden]
    layers: list[nn.Module] = []
    for a, b in pairwise(sizes):
        layers += [nn.Linear(a, b), nn.ELU()]
    return nn.Sequential(*layers, nn.Linear(sizes[-1], act_dim))


def mean_of_ppo(policy: nn.Module) -> nn.Sequential:
    """The mean network of an SB3 `MlpPolicy` with ELU activations, weights copied."""
    layers = [*policy.mlp_extractor.policy_net, policy.action_net]  # type: ignore[union-attr]
    linear = [layer for layer in layers if isinstance(layer, nn.Linear)]
    hidden = [layer.out_features for layer in linear[:-1]]
    net = mean_network(linear[0].in_features, hidden, linear[-1].out_features)
    targets = [layer for layer in net if isinstance(layer, nn.Linear)]
    for target, source in zip(targets, linear, strict=True):
        target.load_state_dict(source.state_dict())
    return net


def put_mean(net: nn.Sequential, policy: nn.Module) -> None:
    """Copies a mean network's weights into an SB3 `MlpPolicy` of its sizes; undoes `mean_of_ppo`."""
    layers = [*policy.mlp_extractor.policy_net, policy.action_net]  # type: ignore[union-attr]
    targets = [layer for layer in layers if isinstance(layer, nn.Linear)]
    sources = [layer for layer in net if isinstance(layer, nn.Linear)]
    for target, source in zip(targets, sources, strict=True):
        target.load_state_dict(source.state_dict())


def save_skill(
    folder: Path, card: SkillCard, weights: dict[str, dict[str, torch.Tensor]], task: str = ""
) -> None:
    """Writes a skill folder: weight files by name, then the card with their hashes.

    Weight files already in the folder and not in `weights` stay, and stay in the card. Where writing is
    cut short, the folder lacks a card or has one with other hashes: it is no skill.

    Args:
        task: text of the task file, of a skill of your own.

    Raises:
        EnvironmentFault: a file cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, tensors in weights.items():
        with atomic(folder / name) as file:
            file.write(save({key: value.contiguous() for key, value in tensors.items()}))
    if task:
        write_text(folder / TASK, task)
    files = (POLICY, AFFORDANCE, TASK)
    hashes = {name: sha256(folder / name) for name in files if (folder / name).is_file()}
    card = card.model_copy(update={"sha256": hashes})
    unsaid = {"own"} if card.own is None else None
    write_text(folder / CARD, json.dumps(card.model_dump(exclude=unsaid), indent=1) + "\n")


def sha256(path: Path) -> str:
    """Hexadecimal sha256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def wilson(successes: int, episodes: int, z: float = 1.96) -> Figure:
    """Success rate with the Wilson score interval (Wilson 1927), 95 % by default."""
    if episodes == 0:
        return Figure(successes=0, episodes=0, rate=0.0, low=0.0, high=1.0)
    p, n = successes / episodes, episodes
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    spread = z / (1 + z * z / n) * (p * (1 - p) / n + z * z / (4 * n * n)) ** 0.5
    return Figure(
        successes=successes,
        episodes=n,
        rate=round(p, 4),
        low=round(max(0.0, centre - spread), 4),
        high=round(min(1.0, centre + spread), 4),
    )


def describe(figure: Figure) -> str:
    """A rate with its interval in words."""
    return f"{figure.rate:.1%} of {figure.episodes} (95 % {figure.low:.1%} to {figure.high:.1%})"
