"""The reader network: from frozen token states to the reading of each piece of an instruction.

Kinds and places are queries made from their names and descriptions, so what the catalogue gains
later is read by the same weights. Every query attends over the tokens of the whole sentence, told
which tokens are its own piece's, with hints of how well each token matches it (by word, by sense).
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from torch import Tensor, nn

from planners.embedded.encoder import TAPS, WIDTH
from planners.embedded.reading import ACTS, LINKS, QUANTS, ROLES

REL = 5  # classes of a token's place relative to a piece: ≤-2, -1, own, +1, ≥+2
HINTS = 6  # per token and query, see `features.word_hints` and `features.sense_hints`
SLOTS = 12  # pieces beyond this many share the last embedding


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

    def to(self, device: str | torch.device) -> Batch:
        """The same on a device."""
        return Batch(*(getattr(self, f.name).to(device) for f in fields(self)))


@dataclass
class Logits:
    """act (N,10) quant (N,7) link (N,3) roles (N,P,3) members (N,K)."""

    act: Tensor
    quant: Tensor
    link: Tensor
    roles: Tensor
    members: Tensor


@dataclass
class Pieces:
    """Which sentence each of N pieces is of, and its tokens.

    owner (N,); rel (N,T): class of each token's place relative to the piece; mask (N,T): tokens of
    the sentence; own (N,T): tokens of the piece.
    """

    owner: Tensor
    rel: Tensor
    mask: Tensor
    own: Tensor


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

    def forward(self, q: Tensor, x: Tensor, at: Pieces, hints: Tensor | None) -> Tensor:
        """q (N,Q,D) projected queries, x (B,T,D), hints (B,Q,T,HINTS) -> (N,Q,D)."""
        n, count, width = q.shape

        def split(y: Tensor) -> Tensor:
            return y.view(y.shape[0], -1, self.heads, width // self.heads).transpose(1, 2)

        keys, values = split(self.key(x))[at.owner], split(self.value(x))[at.owner]
        logits = split(q) @ keys.transpose(2, 3) / (width // self.heads) ** 0.5
        logits = logits + self.rel_bias[:, at.rel].transpose(0, 1)[:, :, None, :]
        if hints is not None:  # the same for every piece of a sentence
            bias = torch.einsum("bqtf,hf->bhqt", hints, self.hint_bias)
            logits = logits + bias[at.owner]
        weight = logits.masked_fill(~at.mask[:, None, None, :], -1e4).softmax(-1)
        values = values + split(self.rel_value[at.rel].to(values.dtype))
        seen = (weight @ values).transpose(1, 2).flatten(2)
        if hints is None:
            extra = seen.new_zeros(n, count, self.heads * HINTS)
        else:
            own = hints[at.owner].to(weight.dtype)
            extra = (weight.transpose(1, 2) @ own).flatten(2)
        return self.out(torch.cat([seen, extra.to(seen.dtype)], -1))


def mlp(inputs: int, width: int, outputs: int) -> nn.Sequential:
    """Two layers with GELU."""
    return nn.Sequential(nn.Linear(inputs, width), nn.GELU(), nn.Linear(width, outputs))


class Joint(nn.Module):
    """Two layers with GELU over several inputs side by side, each at the size that it has.

    The first layer of a concatenation is the sum of a layer per part, so that what is the same for
    all queries, or for all pieces of a sentence, is computed once.
    """

    def __init__(self, inputs: tuple[int, ...], width: int, outputs: int) -> None:
        super().__init__()
        self.parts = nn.ModuleList(nn.Linear(n, width, bias=i == 0) for i, n in enumerate(inputs))
        self.out = nn.Linear(width, outputs)

    def forward(self, *inputs: Tensor, owner: Tensor) -> Tensor:
        """Parts (N,Q,.) or (N,1,.); the last is per sentence, (B,Q,.). -> (N,Q,outputs)."""
        *own, shared = (layer(x) for layer, x in zip(self.parts, inputs, strict=True))
        hidden = shared[owner]
        for part in own:
            hidden = hidden + part
        return self.out(nn.functional.gelu(hidden))


class Reader(nn.Module):
    """Splits a sentence into pieces (`split`) and reads each of them (`read`)."""

    def __init__(self, cfg: ReaderCfg = ReaderCfg()) -> None:
        super().__init__()
        self.cfg = cfg
        d = cfg.width

        def layer() -> nn.Module:
            return nn.TransformerEncoderLayer(
                d, cfg.heads, 2 * d, 0.0, "gelu", batch_first=True, norm_first=True
            )

        self.inputs = nn.Sequential(
            nn.LayerNorm(WIDTH * len(TAPS)),
            nn.Linear(WIDTH * len(TAPS), d),
            nn.Dropout(cfg.dropout),
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
        self.role = Joint((d, d, 2 * HINTS, d), d, len(ROLES))
        self.member = Joint((d, d, d, 2 * HINTS, d), d, 1)
        self.drop = nn.Dropout(cfg.dropout)

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
        x, offset = self.norm(x), batch.seg[batch.owner] - batch.index[:, None]
        mask = batch.mask[batch.owner]
        at = Pieces(batch.owner, offset.clamp(-2, 2) + 2, mask, (offset == 0) & mask)
        s = self.drop(self._summary(x, at))
        return Logits(
            self.act(s), self.quant(s), self.link(s),
            self._roles(s, x, at, batch), self._members(s, x, at, batch),
        )  # fmt: skip

    def _summary(self, x: Tensor, at: Pieces) -> Tensor:
        """(N,D): what each piece says."""
        mine, own = x[at.owner], at.own[..., None]
        mean = (mine * own).sum(1) / own.sum(1).clamp(min=1)
        peak = mine.masked_fill(~own, -1e4).amax(1)
        peak = torch.where(at.own.any(1, keepdim=True), peak, torch.zeros_like(peak))
        asks = self.ask.query(self.asks + mean[:, None])
        asked = self.ask(asks, x, at, None)
        return self.summary(torch.cat([mean, peak, asked.flatten(1).to(mean.dtype)], -1))

    def _roles(self, s: Tensor, x: Tensor, at: Pieces, batch: Batch) -> Tensor:
        q, hints, attend = self.place_in(batch.places), batch.place_hints, self.place_attend
        asked = attend.query(q)[at.owner] + attend.query(s)[:, None]
        seen = attend(asked, x, at, hints)
        return self.role(seen, s[:, None], _peaks(hints, at), q, owner=at.owner)

    def _members(self, s: Tensor, x: Tensor, at: Pieces, batch: Batch) -> Tensor:
        q, hints, attend = self.kind_in(batch.kinds), batch.kind_hints, self.kind_attend
        if self.training and self.cfg.query_noise:
            q = q + self.cfg.query_noise * q.detach().std() * torch.randn_like(q)
        asked = attend.query(q)[at.owner] + attend.query(s)[:, None]
        seen = attend(asked, x, at, hints)
        both = seen * q[at.owner]
        peaks = _peaks(hints, at)
        return self.member(seen, both, s[:, None], peaks, q, owner=at.owner).squeeze(-1)


def _peaks(hints: Tensor, at: Pieces) -> Tensor:
    """The strongest hint inside the piece and anywhere: (B,Q,T,F) -> (N,Q,2F); hints are >= 0."""
    anywhere = hints.clamp(min=0).amax(2)[at.owner]
    inside = (hints[at.owner] * at.own[:, None, :, None]).amax(2)
    return torch.cat([inside, anywhere], -1)
