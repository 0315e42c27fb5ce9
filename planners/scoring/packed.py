"""All continuations in one packed sequence: a trie whose nodes attend to the prompt and their forebears.

Labels begin alike ("pick up the ..."), and what they share is computed once. The nodes stand in one
row behind the cached prompt; a 4-D attention mask hides from each all nodes but those on its own
path, and position ids count along the path. Exact wherever attention sees only mask and positions:
full attention, no window, no recurrence, no bias by distance in the row (`why_not`).
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from planners.scoring.reader import Ids, Reader, UnsupportedError, crop
from planners.scoring.strategies import Scored

NODES = (
    512  # per pass; their logits take 4 bytes x vocabulary each, 300 MB for a vocabulary of 150k
)


@dataclass
class Packed:
    """A trie over options. Node 0 is the prompt's end; nodes 1..N have a token, parents first.

    Only nodes with children are nodes: a last token is predicted, never read. An edge is a token
    predicted at a node; every option is the sum of the edges on its path.
    """

    tokens: list[int] = field(default_factory=lambda: [-1])
    parents: list[int] = field(default_factory=lambda: [-1])
    depths: list[int] = field(default_factory=lambda: [0])
    edges: dict[tuple[int, int], int] = field(default_factory=dict)  # (node, token) -> index
    paths: list[list[int]] = field(default_factory=list)  # edges of each option

    @classmethod
    def of(cls, options: Sequence[Ids]) -> Packed:
        """Build it."""
        self, children = cls(), {}
        for option in options:
            node, path = 0, []
            for i, token in enumerate(option):
                path.append(self.edges.setdefault((node, token), len(self.edges)))
                if i == len(option) - 1:
                    break
                if (node, token) not in children:
                    children[node, token] = len(self.tokens)
                    self.tokens.append(token)
                    self.parents.append(node)
                    self.depths.append(self.depths[node] + 1)
                node = children[node, token]
            self.paths.append(path)
        return self

    def __len__(self) -> int:
        return len(self.tokens) - 1

    def visible(self) -> torch.Tensor:
        """(N, N) bool: which node (column) each node (row) may attend to."""
        seen = torch.eye(len(self) + 1, dtype=torch.bool)
        for node in range(1, len(self) + 1):
            seen[node] |= seen[self.parents[node]]
        return seen[1:, 1:]


@torch.inference_mode()
def trie(reader: Reader, prompt: Ids, options: Sequence[Ids], chunk: int = 0) -> Scored:
    """One pass over the prompt, one per `NODES` nodes of the trie; nothing is copied.

    Raises:
        UnsupportedError: the cache cannot be cropped.
    """
    reading = reader.read(prompt)
    cache = reading.cache
    logp = torch.zeros(len(options), dtype=torch.float64)
    read, calls = reading.tokens, 1
    for members in parts(options, NODES):
        packed = Packed.of([options[i] for i in members])
        edges = _edges(reader.model, cache, len(prompt), reading.first, packed).cpu()
        logp[members] = torch.stack([edges[path].sum() for path in packed.paths])
        if len(packed):
            read, calls = read + len(packed), calls + 1
            if not crop(cache, len(packed)):
                raise UnsupportedError("its key-value cache cannot be cropped")
    reader.keep(cache, prompt)
    return Scored(logp, torch.tensor([len(option) for option in options]), read, calls)


def parts(options: Sequence[Ids], limit: int) -> Iterator[list[int]]:
    """Indices of options, alike ones together, in groups whose tries have `limit` nodes or so."""
    order = sorted(range(len(options)), key=lambda i: list(options[i]))
    group: list[int] = []
    size = 0
    for i in order:
        inner = list(options[i][:-1])
        known = 0
        if group:
            last = options[group[-1]]
            while known < min(len(inner), len(last) - 1) and inner[known] == last[known]:
                known += 1
            if size + len(inner) - known > limit:
                yield group
                group, size, known = [], 0, 0
        group.append(i)
        size += len(inner) - known
    yield group


def why_not(model: Any) -> str | None:
    """What in a model's configuration rules the trie out, or None."""
    config = model.config.get_text_config(decoder=True)
    if "position_ids" not in inspect.signature(model.forward).parameters:
        return "it takes no position ids"
    attention = getattr(config, "_attn_implementation", None)
    if attention not in ("sdpa", "eager"):
        return f"{attention} attention takes no mask of our own"
    kinds = set(getattr(config, "layer_types", None) or ["full_attention"])
    kinds |= {f"{kind} attention" for kind in getattr(config, "attention_layers", None) or ()}
    odd = sorted(kinds - {"full_attention", "global attention"})
    if odd:
        return f"it has layers of {' and '.join(odd)}"
    windowed = getattr(config, "use_sliding_window", True) and not getattr(config, "layer_types", 0)
    if windowed and getattr(config, "sliding_window", None):
        return f"its attention has a window of {config.sliding_window} tokens"
    if getattr(config, "alibi", False):
        return "its attention is biased by distance"
    return None


def _edges(model: Any, past: Any, length: int, first: torch.Tensor, packed: Packed) -> torch.Tensor:
    """(E,) float64 log-probability of each edge. past: cache of `length` tokens, written to."""
    index = torch.tensor(list(packed.edges), device=first.device)
    if not len(packed):
        return first[index[:, 1]].double()
    size, dtype = len(packed), model.dtype
    mask = torch.zeros(1, 1, size, length + size, dtype=dtype, device=first.device)
    hidden = ~packed.visible().to(first.device)
    mask[0, 0, :, length:].masked_fill_(hidden, torch.finfo(dtype).min)
    logits = model(
        input_ids=torch.tensor([packed.tokens[1:]], device=first.device),
        attention_mask=mask,
        position_ids=torch.tensor([packed.depths[1:]], device=first.device) + length - 1,
        past_key_values=past,
    ).logits[0].float()  # fmt: skip
    # row 0 is the prompt's end, whose log-probabilities are known
    total = torch.cat([first.new_zeros(1), logits.logsumexp(-1)])
    node, token = index[:, 0], index[:, 1]
    picked = logits[(node - 1).clamp(min=0), token]
    return torch.where(node == 0, first[token], picked - total[node]).double()
