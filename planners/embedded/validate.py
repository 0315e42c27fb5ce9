"""How well a reader reads held-out sentences: per head, per form, and whole sentences."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

import torch
from torch import Tensor

from planners.embedded.data import Bank, Row, Targets, collate
from planners.embedded.lexicon import new_kinds
from planners.embedded.net import Logits, Reader


@dataclass
class Report:
    """Shares of right answers on sentences that hold words, frames or kinds kept out of training.

    exact: sentences with splits and all readings right; new_kinds: the same among those whose
    catalogue holds kinds never met in training.
    """

    epoch: int = 0
    exact: float = -1.0
    split: float = 0.0
    act: float = 0.0
    quant: float = 0.0
    link: float = 0.0
    roles: float = 0.0
    members: float = 0.0
    new_kinds: float = 0.0
    forms: dict[str, float] = field(default_factory=dict)

    def line(self) -> str:
        """One line for the terminal."""
        heads = ("exact", "split", "act", "quant", "link", "roles", "members", "new_kinds")
        forms = " ".join(f"{k}:{v:.2f}" for k, v in self.forms.items())
        return " ".join(f"{name} {getattr(self, name):.3f}" for name in heads) + " | " + forms

    def to_json(self) -> dict:
        """For model.json."""
        return asdict(self)


@torch.no_grad()
def validate(
    reader: Reader, rows: Sequence[Row], bank: Bank, epoch: int = 0, size: int = 100
) -> Report:
    """Readings by the likeliest class or at one half, on the pieces as they should be split."""
    reader.eval()
    right: dict[str, list[Tensor]] = defaultdict(list)
    whole, new, forms = [], [], defaultdict(list)
    for k in range(0, len(rows), size):
        part = list(rows[k : k + size])
        batch, y = collate(part, bank)
        batch, y = batch.to(reader.norm.weight.device), y.to(reader.norm.weight.device)
        x = reader.trunk(batch)
        logits, split = reader.read(x, batch), reader.split(x)
        cut = [
            bool(((split[i, r.split_at] > 0).float() == r.split).all()) for i, r in enumerate(part)
        ]
        marks = _marks(logits, y)
        for name, mark in marks.items():
            right[name].append(mark)
        right["split"].append(torch.tensor(cut))
        piece = torch.stack(list(marks.values())).all(0)
        for i, r in enumerate(part):
            ok = cut[i] and bool(piece[batch.owner == i].all())
            whole.append(ok)
            forms[r.example.form].append(ok)
            if new_kinds() & set(r.example.kinds):
                new.append(ok)
    means = {name: float(torch.cat(values).float().mean()) for name, values in right.items()}
    shares = {form: round(sum(v) / len(v), 3) for form, v in sorted(forms.items())}
    means = {name: round(mean, 4) for name, mean in means.items()}
    means["new_kinds"] = round(sum(new) / max(len(new), 1), 4)
    return Report(epoch, sum(whole) / len(whole), forms=shares, **means)


def _marks(logits: Logits, y: Targets) -> dict[str, Tensor]:
    roles = (logits.roles.argmax(-1) == y.roles) | (y.roles < 0)
    return {
        "act": logits.act.argmax(-1) == y.act,
        "quant": (logits.quant.argmax(-1) == y.quant) | ~y.counted,
        "link": logits.link.argmax(-1) == y.link,
        "roles": roles.all(1),
        "members": ((logits.members > 0).float() == y.members).all(1) | ~y.named,
    }
