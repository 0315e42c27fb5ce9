"""`python -m embodied.train planner`: trains the readers, calibrates them, writes their folder.

The encoder stays frozen, so every sentence is encoded once. Held-out words, frames and kinds
(`lexicon.held_out`) never occur in the epochs that are validated; the last epochs hold all words and
frames, still without the held-out kinds, so that the shipped weights know what the tables know.
"""

from __future__ import annotations

import json
import os
import shutil
import time
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import torch
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from embodied.world import catalogue
from planners.embedded.calibration import fit_heads, fit_whole
from planners.embedded.conformal import refit
from planners.embedded.data import Bank, Row, make_rows, place_entries
from planners.embedded.encoder import PIN, SHA256, Encoder
from planners.embedded.fit import Data, FitCfg, finish_all, fit_all
from planners.embedded.grammar import Grammar
from planners.embedded.interpret import Interpreter
from planners.embedded.lexicon import new_kinds
from planners.embedded.net import Reader
from planners.embedded.reading import Calibration
from planners.embedded.store import WEIGHTS, save_readers
from planners.embedded.twins import twins
from planners.embedded.validate import Report

WHOLE = 1000  # added to the seed for the last epochs' sentences


@dataclass(frozen=True)
class PlannerTrainCfg:
    """Training of the embedded planner; the defaults are preset cpu.

    out: the folder of the weights; the shipped one if left out.
    """

    out: Path = WEIGHTS
    readers: int = 2  # trained apart, their probabilities averaged
    processes: int = 2  # readers trained at a time, one thread each
    sentences: int = 100_000
    whole: int = 24_000  # sentences of the last epochs
    checks: int = 1_600  # validation sentences, half of them about kinds never seen in training
    seed: int = 0
    fit: FitCfg = field(default_factory=FitCfg)


SMOKE = PlannerTrainCfg(
    Path("outputs/train/planner-smoke"),
    1,
    1,
    sentences=640,
    whole=320,
    checks=200,
    fit=FitCfg(epochs=1, last=1),
)
PRESETS = {"cpu": PlannerTrainCfg(), "smoke": SMOKE}  # smoke: a minute, to see that it runs


def train(
    cfg: PlannerTrainCfg | None = None,
    *,
    preset: str = "cpu",
    seed: int = 0,
    out: Path | None = None,
) -> Path:
    """Train, keep the best weights by validation, calibrate, finish, return their folder.

    Calibrated are the readers as validated, on words that they never saw: what the last epochs have
    shown them they are too sure of.

    The folder changes only at the end: a run that is cut short leaves what there was.

    Args:
        cfg: all settings; or else `preset`, a name in PRESETS, with `seed` and `out` on top.
    """
    if cfg is None:
        cfg = replace(PRESETS[preset], seed=seed)
        cfg = cfg if out is None else replace(cfg, out=out)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    print(f"training on {device}: {'there is a GPU' if device == 'cuda' else 'no GPU here'}")
    started = time.time()
    torch.set_num_threads(1)
    encoder = Encoder(device=device)
    bank = Bank(encoder)
    rows, whole, checks = _sentences(cfg, encoder, bank)
    data = Data(rows, whole, checks, bank)
    seeds = [cfg.seed + n for n in range(cfg.readers)]
    fitted = fit_all(data, replace(cfg.fit, device=device), seeds, cfg.processes)
    readers, reports = [reader for reader, _ in fitted], [report for _, report in fitted]
    about = _provenance(cfg, device, reports, started)
    partial = cfg.out.with_name(cfg.out.name + ".partial")
    save_readers(partial, readers, Calibration(), about)  # should what follows be cut short
    calibration = _calibrate(cfg, encoder, readers, data)
    print(f"calibrated: {calibration}")
    readers = finish_all(data, replace(cfg.fit, device=device), readers, seeds, cfg.processes)
    save_readers(cfg.out, readers, calibration, _provenance(cfg, device, reports, started))
    refit(cfg.out, 2 * cfg.checks)
    shutil.rmtree(partial)
    print(f"wrote {cfg.readers} readers to {cfg.out}")
    return cfg.out


def _calibrate(
    cfg: PlannerTrainCfg, encoder: Encoder, readers: list[Reader], data: Data
) -> Calibration:
    """Temperatures and the threshold for refusing, from sentences that were kept out of training."""
    known = [r for r in data.checks if not new_kinds() & set(r.example.kinds)]
    heads = fit_heads(readers, known, data.bank)
    own = catalogue.objects().items()
    kinds = [(name, tuple(spec.aliases), spec.description) for name, spec in own]
    places = place_entries(catalogue.places())
    interpreter = Interpreter(encoder, readers, kinds, places, Calibration(heads))
    parts = [
        list(twins(Grammar(cfg.seed + k, training=False), cfg.checks // 2, cfg.seed + k))
        for k in (11, 12)
    ]
    return replace(fit_whole(interpreter, *parts), heads=heads)


def _sentences(cfg: PlannerTrainCfg, encoder: Encoder, bank: Bank) -> list[list[Row]]:
    """Encoded sentences: of training, of its last epochs, of validation."""
    grammar = Grammar(cfg.seed)
    unseen = [Grammar(cfg.seed + k, training=False, strange=k == 2) for k in (1, 2)]
    examples = list({e.text: e for e in (grammar.example() for _ in range(cfg.sentences))}.values())
    grammar = Grammar(cfg.seed + WHOLE, whole=True)
    whole = list({e.text: e for e in (grammar.example() for _ in range(cfg.whole))}.values())
    seen = {e.text for e in examples}
    checks = [g.example() for g in unseen for _ in range(cfg.checks // 2)]
    checks = [e for e in checks if e.text not in seen]
    with Progress(
        TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn()
    ) as bars:
        parts = (examples, whole, checks)
        task = bars.add_task("encoding sentences", total=sum(map(len, parts)))
        return [make_rows(encoder, bank, p, done=lambda n: bars.advance(task, n)) for p in parts]


def _provenance(cfg: PlannerTrainCfg, device: str, reports: list[Report], started: float) -> dict:
    return {
        "command": f"python -m embodied.train planner --seed {cfg.seed}",
        "encoder": {"package": PIN, "sha256": SHA256},
        "config": json.loads(json.dumps(asdict(cfg), default=str)) | {"out": ""},
        "device": device,
        "minutes": round((time.time() - started) / 60, 1),
        "torch": torch.__version__,
        "validation": [report.to_json() for report in reports],
        "cores": os.cpu_count(),
    }


if __name__ == "__main__":
    import tyro

    train(tyro.cli(PlannerTrainCfg))
