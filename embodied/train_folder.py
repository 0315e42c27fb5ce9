"""The run folder of a training: which one it is, whether it may go on there, whether it is finished."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from embodied import outputs
from embodied.errors import UsageError

TABLE = "results.json"
"""What `train all` ends with."""


def finished(folder: Path) -> bool:
    """Whether a run folder holds a whole skill, or the table of all of them."""
    from policies.skill import is_whole

    return (folder / TABLE).exists() or is_whole(folder / "skill")


def run_folder(
    what: str,
    config: dict[str, object],
    out: Path | None,
    fresh: bool,
    over: Callable[[Path], bool] = finished,
) -> Path:
    """The folder of a training: its own unfinished one, or a new one.

    Args:
        what: is trained: a family, a task file or a task of gymnasium-robotics.
        config: what makes two trainings the same.
        over: whether nothing is left to be done in a folder.

    Raises:
        UsageError: out holds another training, or one at all where fresh wants none.
    """
    if out is not None:
        _check_same(out.expanduser(), config, fresh)
    folder = None if fresh or out else _unfinished(config, over)
    if folder is None:
        folder = outputs.new_run_folder("train", Path(what).stem, out, resume=True)
    if not (folder / "config.yaml").exists():
        outputs.describe_run(folder, config)
    print(f"run folder: {folder}", flush=True)
    return folder


def _check_same(folder: Path, config: dict[str, object], fresh: bool) -> None:
    """Refuse a folder with another training in it, before anything is written there.

    Raises:
        UsageError: it holds another one, or one at all where --fresh wants none.
    """
    held = outputs.read_config(folder)
    if held is None and not (folder / "checkpoints").exists():
        return
    if fresh:
        raise UsageError(
            f"{folder} holds a training, which --fresh would lose; give another --out."
        )
    held = held or {}
    for name in [*config, *held]:
        if held.get(name) != config.get(name):
            raise UsageError(
                f"{folder} holds another training: its {name} is {held.get(name, 'unknown')}, not "
                f"{config.get(name, 'given')}; give --out another folder, or the flags that this "
                "one was begun with."
            )


def _unfinished(config: dict[str, object], over: Callable[[Path], bool]) -> Path | None:
    """The latest run folder of the same settings, if something is left to be done there."""
    for folder in sorted(Path("outputs/train").glob("*/*"), reverse=True):
        if outputs.read_config(folder) == config:
            return None if over(folder) else folder
    return None
