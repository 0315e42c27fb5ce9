"""The reader network: from frozen token states to the reading of each piece of an instruction.

Kinds and places are queries made from their names and descriptions, so what the catalogue gains
later is read by the same weights. Every query attends over the tokens of the whole sentence, told
which tokens are its own piece's, with hints of how well each token matches it (by word, by sense).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from planners.embedded.encoder import TAPS, WIDTH
from planners.embedded.reading import ACTS, LINKS, QUANTS, ROLES

REL = 5  # classes of a token's place relative to a piece: ≤-2, -1, own, +1, ≥+2
HINTS = 6  # per token and query, see `features.word_hints` and `features.sense_hints`
SLOTS = 8  # pieces beyond this many share the last embedding


@dataclass(frozen=True)
class ReaderCfg:
    """Sizes of the reader."""

    width: int = 192
    heads: int = 4
    early: int = 1  # layers before the split is known
    late: int = 2  # layers that know the pieces
    dropout: float = 0.1
    forget: float = 0.02  # share of tokens blanked in training: no single word may decide
    query_noise: float = 0.1  # of a kind's query, relative to its spread: not by heart


@dataclass
class Batch:
    """B sentences, N pieces, T tokens, K kinds, P places.

    states (B,T,W) mask (B,T) negated (B,T) | seg (B,T): which piece each token is in |
    owner (N,), index (N,): sentence and place in it of each piece |
    kinds (B,K,2*384), places (B,P,384), kind_hints (B,K,T,HINTS), place_hints (B,P,T,HINTS).
    """

    states: Tensor
    mask: Tensor
    negated: Tensor
    seg: Tensor
    owner: Tensor
    index: Tensor
    kinds: Tensor
    places: Tensor
    kind_hints: Tensor
    place_hints: Tensor


@dataclass
class Logits:
    """act (N,9) quant (N,5) link (N,3) roles (N,P,3) members (N,K)."""

    act: Tensor
    quant: Tensor
    link: Tensor
    roles: Tensor
    members: Tensor


class Attend(nn.Module):
    """Queries over the tokens of their sentence, biased by relative piece and by hints."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))
        self.rel_bias = nn.Parameter(torch.zeros(heads, REL))
        self.rel_value = nn.Parameter(torch.zeros(REL, width))
        self.hint_bias = nn.Parameter(torch.zeros(heads, HINTS))
        self.out = nn.Linear(width + heads * HINTS, width)

    def forward(
        self, q: Tensor, x: Tensor, rel: Tensor, mask: Tensor, hints: Tensor | None
    ) -> Tensor:
        """q (N,Q,D), x (N,T,D), rel (N,T) int, mask (N,T), hints (N,Q,T,HINTS) -> (N,Q,D)."""
        n, count, width = q.shape

        def split(y: Tensor) -> Tensor:
            return y.view(n, -1, self.heads, width // self.heads).transpose(1, 2)

        logits = (
            split(self.query(q)) @ split(self.key(x)).transpose(2, 3) / (width // self.heads) ** 0.5
        )
        logits = logits + self.rel_bias[:, rel].transpose(0, 1)[:, :, None, :]
        if hints is not None:
            logits = logits + torch.einsum("nqtf,hf->nhqt", hints, self.hint_bias)
        weight = logits.masked_fill(~mask[:, None, None, :], -1e4).softmax(-1)
        seen = (weight @ split(self.value(x) + self.rel_value[rel])).transpose(1, 2).flatten(2)
        if hints is None:
            extra = seen.new_zeros(n, count, self.heads * HINTS)
        else:
            extra = torch.einsum("nhqt,nqtf->nqhf", weight, hints.to(weight.dtype)).flatten(2)
        return self.out(torch.cat([seen, extra], -1))


def mlp(inputs: int, width: int, outputs: int) -> nn.Sequential:
    """Two layers with GELU."""
    return nn.Sequential(nn.Linear(inputs, width), nn.GELU(), nn.Linear(width, outputs))


class Reader(nn.Module):
    """Splits a sentence into pieces (`split`) and reads each of them (`read`)."""

    def __init__(self, cfg: ReaderCfg = ReaderCfg()) -> None:
        super().__init__()
        self.cfg = cfg
        d, drop = cfg.width, cfg.dropout

        def layer() -> nn.Module:
            return nn.TransformerEncoderLayer(
                d, cfg.heads, 2 * d, drop, "gelu", batch_first=True, norm_first=True
            )

        self.inputs = nn.Sequential(
            nn.LayerNorm(WIDTH * len(TAPS)), nn.Linear(WIDTH * len(TAPS), d)
        )
        self.negated = nn.Embedding(2, d)
        self.early = nn.ModuleList(layer() for _ in range(cfg.early))
        self.splitter = mlp(2 * d, d, 1)
        self.piece = nn.Embedding(SLOTS, d)
        self.opens = nn.Parameter(torch.zeros(d))
        self.late = nn.ModuleList(layer() for _ in range(cfg.late))
        self.norm = nn.LayerNorm(d)
        self.asks = nn.Parameter(torch.randn(4, d) * 0.5)
        self.ask = Attend(d, cfg.heads)
        self.summary = mlp(6 * d, d, d)
        self.act, self.quant, self.link = (nn.Linear(d, len(k)) for k in (ACTS, QUANTS, LINKS))
        self.place_in, self.kind_in = nn.Linear(WIDTH, d), nn.Linear(2 * WIDTH, d)
        self.place_attend, self.kind_attend = Attend(d, cfg.heads), Attend(d, cfg.heads)
        self.role = mlp(3 * d + 2 * HINTS, d, len(ROLES))
        self.member = mlp(4 * d + 2 * HINTS, d, 1)

    def trunk(self, batch: Batch) -> Tensor:
        """(B,T,D) before the split is known."""
        states = batch.states
        if self.training and self.cfg.forget:
            states = states * (torch.rand_like(states[..., :1]) > self.cfg.forget)
        x = self.inputs(states) + self.negated(batch.negated.long())
        for layer in self.early:
            x = layer(x, src_key_padding_mask=~batch.mask)
        return x

    def split(self, x: Tensor) -> Tensor:
        """(B,T): logit that a new piece starts at this token; meaningful at candidates only."""
        before = torch.cat([x[:, :1], x[:, :-1]], 1)
        return self.splitter(torch.cat([x, before], -1)).squeeze(-1)

    def read(self, x: Tensor, batch: Batch) -> Logits:
        """Readings of all pieces, given the trunk's states and each token's piece."""
        opens = torch.ones_like(batch.seg, dtype=torch.bool)
        opens[:, 1:] = batch.seg[:, 1:] != batch.seg[:, :-1]
        x = x + self.piece(batch.seg.clamp(max=SLOTS - 1)) + opens[..., None] * self.opens
        for layer in self.late:
            x = layer(x, src_key_padding_mask=~batch.mask)
        x, mask = self.norm(x)[batch.owner], batch.mask[batch.owner]
        offset = batch.seg[batch.owner] - batch.index[:, None]
        rel, own = offset.clamp(-2, 2) + 2, (offset == 0) & mask
        mean = (x * own[..., None]).sum(1) / own.sum(1, keepdim=True).clamp(min=1)
        peak = x.masked_fill(~own[..., None], -1e4).amax(1)
        peak = torch.where(own.any(1, keepdim=True), peak, torch.zeros_like(peak))
        asked = self.ask(self.asks.expand(len(x), -1, -1) + mean[:, None], x, rel, mask, None)
        s = self.summary(torch.cat([mean, peak, asked.flatten(1)], -1))
        return Logits(
            self.act(s), self.quant(s), self.link(s),
            self._roles(s, x, rel, mask, own, batch), self._members(s, x, rel, mask, own, batch),
        )  # fmt: skip

    def _roles(
        self, s: Tensor, x: Tensor, rel: Tensor, mask: Tensor, own: Tensor, batch: Batch
    ) -> Tensor:
        q, hints = self.place_in(batch.places)[batch.owner], batch.place_hints[batch.owner]
        seen = self.place_attend(q + s[:, None], x, rel, mask, hints)
        s = s[:, None].expand_as(seen)
        return self.role(torch.cat([seen, q, s, _peaks(hints, own, mask)], -1))

    def _members(
        self, s: Tensor, x: Tensor, rel: Tensor, mask: Tensor, own: Tensor, batch: Batch
    ) -> Tensor:
        q, hints = self.kind_in(batch.kinds), batch.kind_hints[batch.owner]
        if self.training and self.cfg.query_noise:
            q = q + self.cfg.query_noise * q.detach().std() * torch.randn_like(q)
        q = q[batch.owner]
        seen = self.kind_attend(q + s[:, None], x, rel, mask, hints)
        s = s[:, None].expand_as(seen)
        return self.member(torch.cat([seen, q, seen * q, s, _peaks(hints, own, mask)], -1)).squeeze(
            -1
        )


def _peaks(hints: Tensor, own: Tensor, mask: Tensor) -> Tensor:
    """The strongest hint inside the piece and anywhere: (N,Q,T,F) -> (N,Q,2F)."""
    inside = hints.masked_fill(~own[:, None, :, None], 0).amax(2)
    anywhere = hints.masked_fill(~mask[:, None, :, None], 0).amax(2)
    return torch.cat([inside, anywhere], -1)
