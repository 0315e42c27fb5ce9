"""Fits readers to encoded sentences: losses, steps, the best epoch; readers side by side in processes.

The weights of the epoch that does best on held-out sentences are kept.
"""

from __future__ import annotations

import contextlib
import copy
import multiprocessing
import random
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from planners.embedded.data import Bank, Row, Targets, collate
from planners.embedded.net import Batch, Logits, Reader, ReaderCfg
from planners.embedded.validate import Report, validate


@dataclass(frozen=True)
class FitCfg:
    """Of one reader. device: cuda where there is one, else cpu."""

    epochs: int = 7
    last: int = 2  # epochs over the whole grammar, held-out words and frames included, behind them
    last_lr: float = 5e-4
    batch: int = 64
    lr: float = 1.5e-3
    device: str = "cpu"
    reader: ReaderCfg = field(default_factory=ReaderCfg)


@dataclass(frozen=True)
class Data:
    """Encoded sentences to learn from and to check on, and what they speak of (`bank`)."""

    rows: Sequence[Row]
    whole: Sequence[Row]  # of the last epochs
    checks: Sequence[Row]
    bank: Bank


Fitted = tuple[Reader, Report]
Told = Callable[[int, float], None]  # a step was made, with this loss

_shared: Data | None = None  # what the processes of `_sharing` inherit


def fit_all(data: Data, cfg: FitCfg, seeds: Sequence[int], processes: int) -> list[Fitted]:
    """One reader per seed, `processes` at a time."""
    if processes < 2 or cfg.device != "cpu":
        return [fit(data, cfg, seed) for seed in seeds]
    with _sharing(data, processes) as pool:
        return list(pool.map(_fit_shared, [cfg] * len(seeds), seeds))


def finish_all(
    data: Data, cfg: FitCfg, readers: Sequence[Reader], seeds: Sequence[int], processes: int
) -> list[Reader]:
    """All readers after their last epochs, `processes` at a time."""
    if processes < 2 or cfg.device != "cpu":
        return [finish(data, cfg, r, seed) for r, seed in zip(readers, seeds, strict=True)]
    with _sharing(data, processes) as pool:
        return list(pool.map(_finish_shared, [cfg] * len(seeds), readers, seeds))


@contextlib.contextmanager
def _sharing(data: Data, processes: int) -> Iterator[ProcessPoolExecutor]:
    """Processes that share the sentences with this one: forked, so that nothing is copied."""
    global _shared
    _shared = data
    try:
        with ProcessPoolExecutor(processes, multiprocessing.get_context("fork")) as pool:
            yield pool
    finally:
        _shared = None


def _fit_shared(cfg: FitCfg, seed: int) -> Fitted:
    assert _shared is not None
    torch.set_num_threads(1)
    return fit(_shared, cfg, seed)


def _finish_shared(cfg: FitCfg, reader: Reader, seed: int) -> Reader:
    assert _shared is not None
    torch.set_num_threads(1)
    return finish(_shared, cfg, reader, seed)


def fit(data: Data, cfg: FitCfg, seed: int) -> Fitted:
    """One reader with the weights of its best epoch, on the CPU, and how well they validate."""
    torch.manual_seed(seed)
    reader, rng = Reader(cfg.reader).to(cfg.device), random.Random(seed)
    best, kept = Report(), reader.state_dict()
    passes = epochs(reader, data.rows, data.bank, cfg, cfg.epochs, cfg.lr, rng)
    for epoch, loss in enumerate(passes, 1):
        report = validate(reader, data.checks, data.bank, epoch)
        print(f"reader {seed}, epoch {epoch}: loss {loss:.3f}, {report.line()}", flush=True)
        if report.exact >= best.exact:
            best, kept = report, {k: v.clone() for k, v in reader.state_dict().items()}
    reader.load_state_dict(kept)
    return reader.cpu(), best


def finish(data: Data, cfg: FitCfg, reader: Reader, seed: int) -> Reader:
    """The reader after its last epochs, on the CPU.

    What it is worth on unseen words has been measured; now it gets to know these as well.
    """
    torch.manual_seed(seed)
    rng = random.Random(seed + 100)
    reader = copy.deepcopy(reader).to(cfg.device)
    for epoch, loss in enumerate(
        epochs(reader, data.whole, data.bank, cfg, cfg.last, cfg.last_lr, rng), 1
    ):
        print(f"last epoch {epoch} of {cfg.last}: loss {loss:.3f}", flush=True)
    return reader.cpu()


def epochs(
    reader: Reader, rows: Sequence[Row], bank: Bank, cfg: FitCfg, count: int, lr: float,
    rng: random.Random,
) -> Iterator[float]:  # fmt: skip
    """Train for `count` epochs of one cycle of the learning rate; the last loss of each."""
    steps = count * max(1, len(rows) // cfg.batch)
    optimiser = torch.optim.AdamW(
        reader.parameters(), lr=lr, weight_decay=0.05, betas=(0.9, 0.98), fused=True
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, lr, total_steps=steps + 1, pct_start=max(0.1, 2 / (steps + 1))
    )
    for _ in range(count):
        loss = 0.0
        for part in batches(rows, cfg.batch, rng):
            batch, y = collate(part, bank, rng)
            loss = step(reader, batch.to(cfg.device), y.to(cfg.device), part, optimiser)
            schedule.step()
        yield loss


def batches(rows: Sequence[Row], size: int, rng: random.Random) -> list[list[Row]]:
    """Batches of like length in random order: less padding, a third of the time."""
    keyed = sorted(rows, key=lambda r: len(r.sentence.ids) + 3 * rng.random())
    size = min(size, len(keyed))
    parts = [keyed[i : i + size] for i in range(0, len(keyed) - size + 1, size)]
    rng.shuffle(parts)
    return parts


@sdpa_kernel(SDPBackend.MATH)  # on short sentences the flash kernel's backward pass is slower
def step(
    reader: Reader, batch: Batch, y: Targets, part: list[Row], optimiser: torch.optim.Optimizer
) -> float:
    """One step of the optimiser; the loss before it."""
    reader.train()
    with torch.autocast(batch.states.device.type, torch.bfloat16):
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
        "members": 0.9 * (member * named).sum() / named.sum().clamp(min=1),
    }


def split_loss(x: Tensor, rows: list[Row], reader: Reader) -> Tensor:
    """Binary cross-entropy at the places where a piece may start."""
    logits = reader.split(x).float()
    picked = torch.cat([logits[i, r.split_at] for i, r in enumerate(rows)])
    wanted = torch.cat([r.split for r in rows]).to(picked.device)
    return F.binary_cross_entropy_with_logits(picked, wanted) if len(picked) else logits.sum() * 0
