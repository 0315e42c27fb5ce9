"""Checkpoints of a training: whole or absent, and enough to go on as if nothing had happened.

Optimiser, learning-rate position and generators are restored, and at a checkpoint all episodes begin
anew, killed or not, so that no simulation's state has to be kept.
"""

from __future__ import annotations

import json
import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from stable_baselines3.common.callbacks import BaseCallback

from embodied.errors import EnvironmentFault
from embodied.outputs import FULL, append_text, write_fault, write_text
from embodied.world.engine import BatchOverflow
from policies.ppo import BatchPPO, make_ppo
from policies.skill import Skill, put_mean
from policies.vec_env import TaskVecEnv

if TYPE_CHECKING:
    from policies.trainer import TrainerCfg

CRITIC_FIRST = 160_000
"""Environment steps that the critic of a policy that is trained on learns alone for."""
CAREFUL = -1.2
"""Logarithm of the standard deviation with which such a policy begins to explore."""
Progress = Callable[[int, dict[str, float]], None]


def resume_or_start(
    cfg: TrainerCfg, env: TaskVecEnv, folder: Path, settings: dict[str, Any], steps: int
) -> tuple[BatchPPO, float]:
    """The learner, new or from the last checkpoint, and the minutes it has trained."""
    own = settings.get("learning_rate", 1e-3)
    start = cfg.learning_rate or own
    # decayed to a tenth: the last stretch polishes
    schedule = LinearDecay(start, start * 0.1, steps)
    if cfg.finetune is not None:
        schedule = CriticFirst(LinearDecay(own, own * 0.1, steps), schedule, CRITIC_FIRST / steps)
    found = sorted((folder / "checkpoints").glob("step_*"))
    if not found:
        forget_after(0, folder / "metrics.jsonl")
        model = make_ppo(env, cfg.seed, cfg.device, **{**settings, "learning_rate": schedule})
        if cfg.finetune is not None:
            _go_on_from(model, Skill.load(cfg.finetune))
        return model, 0.0
    model = BatchPPO.load(
        found[-1] / "ppo.zip",
        env=env,
        device=cfg.device,
        custom_objects={"learning_rate": schedule},
    )
    saved = torch.load(found[-1] / "rng.pt", weights_only=True)
    torch.set_rng_state(saved["torch"])
    if "cuda" in saved:
        torch.cuda.set_rng_state(saved["cuda"], cfg.device)
    env.rng.set_state(saved["env"])
    progress = json.loads((found[-1] / "progress.json").read_text())
    forget_after(progress["steps"], folder / "metrics.jsonl")
    return model, progress["minutes"]


def _go_on_from(model: BatchPPO, skill: Skill) -> None:
    """Gives a new learner a trained policy, which explores little and waits for the critic."""
    put_mean(skill.net, model.policy)
    torch.nn.init.constant_(model.policy.log_std, CAREFUL)  # type: ignore[arg-type]
    model.critic_first = CRITIC_FIRST


def forget_after(steps: int, metrics: Path) -> None:
    """Drops what was noted after the checkpoint: it is lost, and will be noted again."""
    if metrics.exists():
        lines = metrics.read_text(encoding="utf-8").splitlines(keepends=True)
        whole = [line for line in lines if line.endswith("\n")]  # a kill may tear the last one
        write_text(metrics, "".join(x for x in whole if json.loads(x)["steps"] <= steps))


@contextmanager
def resumable(folder: Path) -> Iterator[None]:
    """Says of a training in `folder` that the surroundings end what becomes of it.

    Raises:
        EnvironmentFault: in place of one, or of a full disk that TensorBoard's writer met.
    """
    before = threading.excepthook

    def thread_failed(args: threading.ExceptHookArgs) -> None:
        if not _full(args.exc_value):  # TensorBoard's writer says it again where it is called next
            before(args)

    threading.excepthook = thread_failed
    try:
        yield
    except (EnvironmentFault, OSError) as error:
        if not isinstance(error, EnvironmentFault) and not _full(error):
            raise
        fault = error if isinstance(error, EnvironmentFault) else write_fault(folder, error)
        raise EnvironmentFault(
            f"{fault} The same command then goes on from the last whole checkpoint."
        ) from error
    finally:
        threading.excepthook = before


def _full(error: BaseException | None) -> bool:
    return isinstance(error, OSError) and error.errno in FULL


def write_whole(final: Path, write: Callable[[Path], None]) -> None:
    """Has `write` fill a folder beside its final name, syncs the files and renames it.

    Raises:
        EnvironmentFault: it cannot be written; nothing is left of it.
    """
    part = final.with_name(f".{final.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    try:
        part.mkdir(parents=True)
        write(part)
        for path in part.iterdir():
            with path.open("rb") as file:
                os.fsync(file.fileno())
        part.rename(final)
    except (OSError, RuntimeError) as error:  # torch's writer says RuntimeError
        shutil.rmtree(part, ignore_errors=True)
        raise write_fault(final, error) from error


@dataclass(frozen=True)
class LinearDecay:
    """Learning rate from `start` to `end` over `steps`, whatever part of them `learn` is called for."""

    start: float
    end: float
    steps: int

    def __call__(self, remaining: float) -> float:
        """SB3 passes the remaining share of its own total."""
        return self.end + (self.start - self.end) * max(0.0, min(1.0, remaining))


@dataclass(frozen=True)
class CriticFirst:
    """One rate while the critic learns alone, up to a `share` of the steps, another afterwards."""

    alone: LinearDecay
    then: LinearDecay
    share: float

    def __call__(self, remaining: float) -> float:
        """SB3 passes the remaining share of its own total."""
        return (self.alone if 1 - remaining < self.share else self.then)(remaining)


class Keeper(BaseCallback):
    """Reports progress after every rollout and keeps the last two checkpoints."""

    def __init__(
        self,
        cfg: TrainerCfg,
        env: TaskVecEnv,
        folder: Path,
        progress: Progress,
        minutes: float,
        say: Callable[[str], None] = print,
    ) -> None:
        super().__init__()
        self._say = say
        self._cfg, self._env, self._folder, self._progress = cfg, env, folder, progress
        self._before, self._began = minutes, time.monotonic()
        self._next = 0  # set at the first rollout, from where the training stands
        (folder / "checkpoints").mkdir(parents=True, exist_ok=True)

    def minutes(self) -> float:
        """Training time so far, over all parts."""
        return self._before + (time.monotonic() - self._began) / 60

    def _on_step(self) -> bool:
        return True

    def _on_training_start(self) -> None:
        self._next = self.num_timesteps + self._cfg.checkpoint_every

    def _on_rollout_start(self) -> None:
        """Behind an update and before the next rollout, where a training can be taken up again."""
        if self.num_timesteps >= self._next:
            self.checkpoint()
            self.model._last_obs = self._env.reset()  # type: ignore[attr-defined]
            self.model._last_episode_starts = np.ones(self._env.num_envs, bool)  # type: ignore[attr-defined]

    def _on_rollout_end(self) -> None:
        model = self.model
        success = float(np.mean(model.ep_success_buffer or [0.0]))
        length = float(np.mean([info["l"] for info in model.ep_info_buffer or [{"l": 0}]]))
        figures = {"success": success, "length": length}
        self._check_engine()
        for name, value in self._env.term_means.items():
            model.logger.record(f"terms/{name}", value)
        model.logger.record("rollout/success", success)
        noted = {"steps": self.num_timesteps, **figures, **self._env.term_means}
        append_text(self._folder / "metrics.jsonl", json.dumps(noted) + "\n")
        self._progress(self.num_timesteps, figures)

    def _generators(self) -> dict[str, torch.Tensor]:
        held = {"torch": torch.get_rng_state(), "env": self._env.rng.get_state()}
        if self._env.device.type == "cuda":
            held["cuda"] = torch.cuda.get_rng_state(self._env.device)
        return held

    def _check_engine(self) -> None:
        """Tells of physics that outgrew what was allocated for it."""
        engine = getattr(self._env.task, "engine", None)
        try:
            if engine is not None:
                engine.check()
        except BatchOverflow as overflow:
            self._say(f"warning, at {self.num_timesteps:,} steps: {overflow}")

    def checkpoint(self) -> None:
        """Writes a checkpoint beside its final name, syncs it, renames it, drops all but two.

        Raises:
            EnvironmentFault: it cannot be written; the last whole one is still there.
        """
        self._next = self.num_timesteps + self._cfg.checkpoint_every
        root = self._folder / "checkpoints"
        final = root / f"step_{self.num_timesteps:010d}"
        if final.exists():
            return
        write_whole(final, self._write)
        for old in sorted(root.glob("step_*"))[:-2]:
            shutil.rmtree(old)

    def _write(self, part: Path) -> None:
        self.model.save(part / "ppo.zip")
        torch.save(self._generators(), part / "rng.pt")
        (part / "progress.json").write_text(
            json.dumps({"steps": self.num_timesteps, "minutes": self.minutes()})
        )
