"""`python -m embodied.train planner`: trains the reader, checks it, writes its folder.

The encoder stays frozen, so every sentence is encoded once. Validation sentences hold words and
frames that are kept out of training (`lexicon.held_out`); the weights that do best there are kept.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import time
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import torch
import torch.nn.functional as F
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from torch import Tensor

from planners.embedded.data import Bank, Row, Targets, collate, make_rows
from planners.embedded.encoder import PIN, SHA256, Encoder
from planners.embedded.grammar import Grammar
from planners.embedded.net import Batch, Logits, Reader, ReaderCfg
from planners.embedded.store import WEIGHTS, save_readers
from planners.embedded.validate import Report, validate


@dataclass(frozen=True)
class PlannerTrainCfg:
    """Training of the embedded planner; the defaults are preset cpu, some twenty minutes on a free core.

    out: the folder of the weights; the shipped one if left out.
    """

    out: Path = WEIGHTS
    readers: int = 2  # trained apart, their probabilities averaged
    sentences: int = 26_000
    checks: int = 1_500  # validation sentences
    epochs: int = 6
    batch: int = 64
    lr: float = 1.5e-3
    seed: int = 0
    reader: ReaderCfg = field(default_factory=ReaderCfg)


SMOKE = PlannerTrainCfg(
    Path("outputs/train/planner-smoke"), sentences=640, checks=200, epochs=1, readers=1
)
PRESETS = {"cpu": PlannerTrainCfg(), "smoke": SMOKE}  # smoke: a minute, to see that it runs


def losses(logits: Logits, y: Targets) -> dict[str, Tensor]:
    """One term per head; members and counts only where the label means something."""
    named, counted = y.named.float(), y.counted.float()
    member = F.binary_cross_entropy_with_logits(
        logits.members.float(), y.members, reduction="none"
    ).sum(1)
    quant = F.cross_entropy(logits.quant.float(), y.quant, reduction="none", label_smoothing=0.02)
    return {
        "act": F.cross_entropy(logits.act.float(), y.act, label_smoothing=0.02),
        "quant": 0.5 * (quant * counted).sum() / counted.sum().clamp(min=1),
        "link": 0.5 * F.cross_entropy(logits.link.float(), y.link),
        "roles": 4
        * F.cross_entropy(logits.roles.float().flatten(0, 1), y.roles.flatten(), ignore_index=-100),
        "members": 0.5 * (member * named).sum() / named.sum().clamp(min=1),
    }


def split_loss(x: Tensor, rows: list[Row], reader: Reader) -> Tensor:
    """Binary cross-entropy at the places where a piece may start."""
    logits = reader.split(x).float()
    picked = torch.cat([logits[i, r.split_at] for i, r in enumerate(rows)])
    wanted = torch.cat([r.split for r in rows])
    return F.binary_cross_entropy_with_logits(picked, wanted) if len(picked) else logits.sum() * 0


def train(
    cfg: PlannerTrainCfg | None = None,
    *,
    preset: str = "cpu",
    seed: int = 0,
    out: Path | None = None,
) -> Path:
    """Train, keep the best weights by validation, return their folder.

    Args:
        cfg: all settings; or else `preset`, a name in PRESETS, with `seed` and `out` on top.
    """
    if cfg is None:
        cfg = replace(PRESETS[preset], seed=seed)
        cfg = cfg if out is None else replace(cfg, out=out)
    started = time.time()
    torch.set_num_threads(1)
    encoder = Encoder()
    bars = Progress(
        TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn()
    )
    with bars:
        bank = Bank(encoder)
        rows, checks = _sentences(cfg, encoder, bank, bars)
        readers, reports = [], []
        for number in range(cfg.readers):
            torch.manual_seed(cfg.seed + number)
            reader, report = _fit(cfg, number, rows, checks, bank, bars)
            readers, reports = [*readers, reader], [*reports, report]
            # a run that is cut short leaves these; the weights in use change only at the end
            save_readers(_partial(cfg), readers, _provenance(cfg, reports, len(rows), started))
    save_readers(cfg.out, readers, _provenance(cfg, reports, len(rows), started))
    shutil.rmtree(_partial(cfg))
    print(f"wrote {cfg.readers} readers to {cfg.out}")
    return cfg.out


def _partial(cfg: PlannerTrainCfg) -> Path:
    return cfg.out.with_name(cfg.out.name + ".partial")


def _sentences(
    cfg: PlannerTrainCfg, encoder: Encoder, bank: Bank, bars: Progress
) -> tuple[list[Row], list[Row]]:
    grammar, unseen = Grammar(cfg.seed), Grammar(cfg.seed + 1, training=False)
    examples = list({e.text: e for e in (grammar.example() for _ in range(cfg.sentences))}.values())
    seen = {e.text for e in examples}
    checks = [e for e in (unseen.example() for _ in range(cfg.checks)) if e.text not in seen]
    task = bars.add_task("encoding sentences", total=len(examples) + len(checks))
    done = lambda n: bars.advance(task, n)  # noqa: E731
    return make_rows(encoder, bank, examples, done=done), make_rows(
        encoder, bank, checks, done=done
    )


def _fit(
    cfg: PlannerTrainCfg,
    number: int,
    rows: list[Row],
    checks: list[Row],
    bank: Bank,
    bars: Progress,
) -> tuple[Reader, Report]:
    """One reader with the weights of its best epoch, and how well they validate."""
    reader, rng = Reader(cfg.reader), random.Random(cfg.seed + number)
    best, kept = Report(), reader.state_dict()
    steps = cfg.epochs * (len(rows) // cfg.batch)
    optimiser = torch.optim.AdamW(
        reader.parameters(), lr=cfg.lr, weight_decay=0.05, betas=(0.9, 0.98), fused=True
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, cfg.lr, total_steps=steps + 1, pct_start=max(0.1, 2 / (steps + 1))
    )
    task = bars.add_task("training", total=steps)
    for epoch in range(1, cfg.epochs + 1):
        for part in _batches(rows, cfg.batch, rng):
            batch, y = collate(part, bank, rng)
            loss = _step(reader, batch, y, part, optimiser)
            schedule.step()
            bars.update(task, advance=1, description=f"reader {number + 1}, loss {loss:.3f}")
        report = validate(reader, checks, bank, epoch)
        bars.console.print(f"reader {number + 1}, epoch {epoch}: {report.line()}")
        if report.exact >= best.exact:
            best, kept = report, {k: v.clone() for k, v in reader.state_dict().items()}
    reader.load_state_dict(kept)
    return reader, best


def _batches(rows: list[Row], size: int, rng: random.Random) -> list[list[Row]]:
    """Batches of like length in random order: less padding, a third of the time."""
    keyed = sorted(rows, key=lambda r: len(r.sentence.ids) + 3 * rng.random())
    parts = [keyed[i : i + size] for i in range(0, len(keyed) - size + 1, size)]
    rng.shuffle(parts)
    return parts


def _step(
    reader: Reader, batch: Batch, y: Targets, part: list[Row], optimiser: torch.optim.Optimizer
) -> float:
    reader.train()
    with torch.autocast("cpu", torch.bfloat16):
        x = reader.trunk(batch)
        logits = reader.read(x, batch)
        loss = 0.5 * split_loss(x, part, reader)
        for term in losses(logits, y).values():
            loss = loss + term
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(reader.parameters(), 1.0)
    optimiser.step()
    return float(loss.detach())


def _provenance(
    cfg: PlannerTrainCfg, reports: list[Report], sentences: int, started: float
) -> dict:
    return {
        "command": "python -m embodied.train planner --preset cpu",
        "encoder": {"package": PIN, "sha256": SHA256},
        "config": json.loads(json.dumps(asdict(cfg), default=str)) | {"out": ""},
        "sentences": sentences,
        "minutes": round((time.time() - started) / 60, 1),
        "torch": torch.__version__,
        "validation": [report.to_json() for report in reports],
        "threads": torch.get_num_threads(),
        "cores": os.cpu_count(),
    }


if __name__ == "__main__":
    import tyro

    train(tyro.cli(PlannerTrainCfg))
