"""``python -m embodied.bench kills``: a training killed at random points against an unbroken one.

Each kill is a SIGKILL to the real command at a random moment; the same command then goes on. In the
end the weights must be the unbroken run's, bit for bit.
"""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from embodied import cli, outputs
from embodied.errors import EmbodiedError

ROLLOUT = 96 * 16  # environment steps, with the preset smoke


@dataclass(frozen=True)
class KillsCfg:
    """Kill a training again and again; compare what becomes of it with an unbroken run."""

    family: Annotated[str, tyro.conf.Positional] = "navigate"
    """Which skill family."""
    kills: int = 10
    """How many SIGKILLs."""
    rollouts: int = 20
    """Length of the training; a checkpoint follows about every third one."""
    seed: int = 0
    """Of the training and of the moments."""
    out: Path | None = None
    """Run folder; a new dated one under outputs/bench if left out."""


def run(cfg: KillsCfg) -> int:
    """Carries out the command; exit code 1 if the weights differ."""
    cli.check_range("kills", cfg.kills, 1)
    cli.check_range("rollouts", cfg.rollouts, 4)
    folder = outputs.new_run_folder("bench", "kills", cfg.out)
    outputs.describe_run(folder, cfg)
    began = time.monotonic()
    whole = _finish(cfg, folder / "unbroken")
    took, moments = time.monotonic() - began, random.Random(cfg.seed)
    killed, ends = 0, []
    while killed < cfg.kills:  # one training after the other, each until a kill comes too late
        broken = folder / f"broken_{len(ends)}"
        while killed < cfg.kills and _kill_after(cfg, broken, moments.uniform(0.1, 0.9) * took):
            killed += 1
        ends.append(_finish(cfg, broken))
    same = all(_weights(whole) == _weights(end) for end in ends)
    told = f"{killed} kills over {len(ends)} trainings: "
    print(told + ("the weights are those of the unbroken run" if same else "the weights DIFFER"))
    outputs.write_json(folder / "results.json", {"kills": killed, "ends": len(ends), "same": same})
    return 0 if same else 1


def _begin(cfg: KillsCfg, folder: Path) -> subprocess.Popen[bytes]:
    steps = cfg.rollouts * ROLLOUT
    words = [sys.executable, "-m", "embodied.train", cfg.family, "--preset", "smoke"]
    words += ["--steps", str(steps), "--seed", str(cfg.seed), "--out", str(folder)]
    return subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _last(cfg: KillsCfg, folder: Path) -> Path:
    """The checkpoint that a training ends with."""
    return folder / "checkpoints" / f"step_{cfg.rollouts * ROLLOUT:010d}"


def _finish(cfg: KillsCfg, folder: Path) -> Path:
    """Lets a training run to its last checkpoint; what comes after it is not needed."""
    process = _begin(cfg, folder)
    while not _last(cfg, folder).exists():
        if process.poll() is not None:
            raise EmbodiedError(
                f"The training in {folder} ended early; run its command.txt to see."
            )
        time.sleep(0.05)
    process.kill()
    process.wait()
    return _last(cfg, folder)


def _kill_after(cfg: KillsCfg, folder: Path, seconds: float) -> bool:
    """Starts or goes on with a training and kills it; whether that was before its last checkpoint."""
    process = _begin(cfg, folder)
    time.sleep(seconds)
    process.send_signal(signal.SIGKILL)
    process.wait()
    return not _last(cfg, folder).exists()


def _weights(checkpoint: Path) -> bytes:
    from stable_baselines3 import PPO

    policy = PPO.load(checkpoint / "ppo.zip", device="cpu").policy
    return b"".join(value.numpy().tobytes() for value in policy.state_dict().values())


def main(argv: Sequence[str] | None = None) -> int:
    """Entry point; returns the exit code."""
    return cli.command(KillsCfg, run, argv, prog="embodied bench kills")


if __name__ == "__main__":
    sys.exit(main())
