"""How likely a causal language model finds each of K continuations of one prefix. Tensors only.

The prefix runs once; its key-value cache is then expanded over the continuations, which run as one
right-padded batch per chunk. Padding stands after what is scored, so it changes nothing, for
recurrent layers neither. A strategy is a function of the type `Strategy`; `one_by_one` is the
reference that every other one must equal, and what models without a cache get.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch

Ids = Sequence[int]


@dataclass(frozen=True)
class Scored:
    """logp: (K,) float64, sum of the tokens' natural log-probabilities. lengths: (K,) tokens each.

    tokens: read by the model in all. calls: forward passes.
    """

    logp: torch.Tensor
    lengths: torch.Tensor
    tokens: int
    calls: int


Strategy = Callable[[Any, Ids, Sequence[Ids], int], Scored]


def common_prefix(sequences: Sequence[Ids]) -> int:
    """How many leading tokens all sequences share."""
    every = [list(sequence) for sequence in sequences]
    low, high = min(every), max(every)  # what these two share, all share
    for i, (one, other) in enumerate(zip(low, high, strict=False)):
        if one != other:
            return i
    return min(len(low), len(high))


@torch.inference_mode()
def expanded(model: Any, prefix: Ids, options: Sequence[Ids], chunk: int) -> Scored:
    """One pass over the prefix, one per chunk of options.

    Args:
        model: a transformers causal LM.
        prefix: at least one token.
        options: each at least one token.
        chunk: options per pass. The cache is copied for each: 147 kB per prefix token and option
            for a model of 36 layers with 8 key-value heads of 128 in half precision.
    """
    device = model.device
    ids = torch.tensor([list(prefix)], device=device)
    # logits of the whole prefix would be prefix x vocabulary; only the last row is needed
    few = "logits_to_keep" in inspect.signature(model.forward).parameters
    out = model(input_ids=ids, use_cache=True, **({"logits_to_keep": 1} if few else {}))
    cache = getattr(out, "past_key_values", None)
    if cache is None or not hasattr(cache, "reorder_cache"):
        return one_by_one(model, prefix, options, chunk)
    first = _log_softmax(out.logits[0, -1])
    sums, calls = [], 1
    for start in range(0, len(options), chunk):
        part = options[start : start + chunk]
        head = first[torch.tensor([option[0] for option in part], device=device)]
        tail = _tails(model, cache, len(prefix), part) if max(map(len, part)) > 1 else 0.0
        calls += max(map(len, part)) > 1
        sums.append((head + tail).double().cpu())
    lengths = torch.tensor([len(option) for option in options])
    read = len(prefix) + sum(max(0, len(option) - 1) for option in options)
    return Scored(torch.cat(sums), lengths, read, calls)


@torch.inference_mode()
def one_by_one(model: Any, prefix: Ids, options: Sequence[Ids], chunk: int = 1) -> Scored:
    """The reference: a full pass for each option."""
    sums = []
    for option in options:
        ids = torch.tensor([[*prefix, *option]], device=model.device)
        logp = _log_softmax(model(input_ids=ids).logits[0, len(prefix) - 1 : -1])
        picked = logp.gather(-1, torch.tensor(option, device=model.device)[:, None])
        sums.append(picked.double().sum().cpu())
    lengths = torch.tensor([len(option) for option in options])
    read = int(lengths.sum()) + len(prefix) * len(options)
    return Scored(torch.stack(sums), lengths, read, len(options))


def _tails(model: Any, cache: Any, length: int, part: Sequence[Ids]) -> torch.Tensor:
    """(k,) log-probability of every token of each option but its first, given the cached prefix."""
    device, size, width = model.device, len(part), max(map(len, part)) - 1
    ids = torch.zeros(size, width, dtype=torch.long, device=device)
    aims = torch.zeros_like(ids)
    mask = torch.zeros_like(ids)
    for row, option in enumerate(part):
        last = len(option) - 1
        ids[row, :last] = torch.tensor(option[:-1], device=device)
        aims[row, :last] = torch.tensor(option[1:], device=device)
        mask[row, :last] = 1
    copies = copy.deepcopy(cache)  # the forward pass writes into it
    # works for every kind of layer, recurrent ones included, unlike batch_repeat_interleave
    copies.reorder_cache(torch.zeros(size, dtype=torch.long, device=device))
    seen = torch.ones(size, length, dtype=torch.long, device=device)
    attention = torch.cat([seen, mask], dim=1)
    logits = model(input_ids=ids, attention_mask=attention, past_key_values=copies).logits
    picked = _log_softmax(logits).gather(-1, aims[..., None])[..., 0]
    return (picked * mask).double().sum(-1)


def _log_softmax(logits: torch.Tensor) -> torch.Tensor:
    return torch.log_softmax(logits.float(), dim=-1)
