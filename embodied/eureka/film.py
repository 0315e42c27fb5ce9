"""Videos of what the policies of two rewards do: the one that the search began with, and the best.

Both meet the same starts, and what is shown is the first episodes, not the best ones. The episodes lie in
``rollouts`` too, as the signals of their frames, so that people can choose between them (`--prefer`).
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from embodied.errors import EmbodiedError

if TYPE_CHECKING:
    from embodied.eureka.policies import Policies
    from planners.rewards.search import Candidate

EPISODES = 4
SEED = 3_000_003  # added to the search's seed: no training and no evaluation begins with it
ROLLOUTS = "rollouts"
FPS, HELD = 12.5, 9  # HELD: frames that an episode's end stays


def videos(
    folder: Path, task: str, seed: int, shown: Mapping[str, Candidate], policies: Policies
) -> dict[str, Any]:
    """A video of each candidate in the run folder's ``videos``.

    Args:
        shown: candidates by what they are to the search.

    Returns:
        "made": a row for every video; "missing": why others are not there, one sentence each.
    """
    from embodied.world import gl

    found = gl.choose()
    if found.backend is None:
        why = f"There are no videos, since nothing can be rendered here: {found.reason}."
        return {"made": [], "missing": [why]}
    rows, missing = [], []
    for name in ("videos", ROLLOUTS):
        (folder / name).mkdir(exist_ok=True)
    with _backend(found.backend):
        for role, candidate in shown.items():
            path = folder / "videos" / f"{role}.mp4"
            try:
                won = _film(path, task, seed + SEED, candidate, policies)
            except Exception as error:  # graphics fail in ways of their own; no result needs them
                missing.append(f"There is no video of {candidate.id}: {error}")
                continue
            rows.append(_row(role, path, candidate, seed + SEED, won))
    return {"made": rows, "missing": missing}


def _row(role: str, path: Path, candidate: Candidate, seed: int, won: list[bool]) -> dict[str, Any]:
    """What the report says of a video."""
    outcome = candidate.longest
    assert outcome is not None
    return {
        "role": role, "file": f"{path.parent.name}/{path.name}", "id": candidate.id, "hash": candidate.hash,
        "policy": outcome.policy, "steps": outcome.job.steps, "trained": outcome.job.seed,
        "final": outcome.final, "episodes": outcome.episodes, "seed": seed, "won": won,
    }  # fmt: skip


def _film(path: Path, task: str, seed: int, candidate: Candidate, policies: Policies) -> list[bool]:
    """Writes the video and its episodes' signals; returns which of them succeeded."""
    from embodied.candidates.watch import watch
    from embodied.outputs import atomic
    from embodied.overlay import captioned
    from embodied.video import VideoWriter

    assert candidate.longest is not None
    if not candidate.longest.policy:
        raise EmbodiedError(
            "its policy was not kept; search it anew, or train it with `reproduce`."
        )
    policy = candidate.longest.policy
    net, writer, won = policies.load(policy), None, []
    try:
        for episode, frames in groupby(watch(task, net, EPISODES, seed), lambda f: f.episode):
            name, states = f"{candidate.id}-{policy[:4]}-{episode + 1}", []
            title = f"{name}, episode {episode + 1} of {EPISODES}"
            for frame in frames:
                states += [frame.state] if frame.state is not None else []
                word = {None: "", True: "success", False: "failure"}[frame.success]
                picture = captioned(frame.picture, title, word)
                if writer is None:
                    writer = VideoWriter(path, FPS, (picture.shape[1], picture.shape[0]))
                for _ in range(HELD if word else 1):
                    writer.write(picture)
                won += [frame.success] if frame.success is not None else []
            signals: Any = {key: np.stack([state[key] for state in states]) for key in states[0]}
            with atomic(path.parents[1] / ROLLOUTS / f"{name}.npz") as file:
                np.savez_compressed(file, **signals)
    finally:
        if writer is not None:
            writer.close()
    return won


@contextmanager
def _backend(name: str) -> Iterator[None]:
    """Renders with a GL back end that is known to work; Gymnasium would try others first."""
    before = os.environ.get("MUJOCO_GL")
    os.environ["MUJOCO_GL"] = name
    try:
        yield
    finally:
        os.environ.pop("MUJOCO_GL")
        if before is not None:
            os.environ["MUJOCO_GL"] = before
