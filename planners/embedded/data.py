"""Training data in tensors: sentences encoded once, batches put together on demand."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import partial

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from embodied.world.catalogue import PlaceSpec
from planners.embedded.encoder import Encoder
from planners.embedded.features import (
    Item,
    Sentence,
    encode,
    make_items,
    negated,
    pieces,
    sense_hints,
    token_at,
    word_hints,
)  # fmt: skip
from planners.embedded.lexicon import BACK, kinds, place_names, table
from planners.embedded.net import Batch
from planners.embedded.reading import ACTS, LINKS, QUANTS, Example
from planners.embedded.text import candidates

AMBIGUOUS = ("place", "seat", "position", "person", "kitchen table", "counter")
PLACE_TEXT = {BACK: ("back", ("its place",), "back to where it was before, its original place")}
ASKED = 8  # kinds that a training sentence is asked about each time
NAMED_ACTS = ("move", "hold", "find", "swap", "release")


@dataclass
class Row:
    """One sentence ready for batching; hints (Q, T, 4) over its kinds and its places."""

    sentence: Sentence
    example: Example
    seg: Tensor
    split_at: Tensor
    split: Tensor
    negated: Tensor
    kind_words: Tensor
    place_words: Tensor


class Bank:
    """All kinds (several descriptions each) and places of the grammar as vectors."""

    def __init__(self, encoder: Encoder) -> None:
        from embodied.world import catalogue

        entries, self.variants = [], {}
        for kind in kinds().values():
            self.variants[kind.name] = range(len(entries), len(entries) + len(kind.descriptions))
            entries += [(kind.name, kind.aliases, text) for text in kind.descriptions]
        self.kinds: list[Item] = make_items(encoder, entries)
        self.kind_vectors = torch.stack([item.vectors for item in self.kinds])
        self.places = {i.name: i for i in make_items(encoder, place_entries(catalogue.places()))}
        others = table("manner")["otherplaces"]
        extra = [
            (name, [s.removeprefix("the ") for s in row["say"]], row["description"])
            for name, row in others.items()
        ]
        self.places |= {item.name: item for item in make_items(encoder, extra)}

    def first(self, name: str) -> Item:
        """A kind's item with its first description."""
        return self.kinds[self.variants[name][0]]


def place_entries(specs: Mapping[str, PlaceSpec]) -> list[tuple[str, Sequence[str], str]]:
    """(name, aliases, description) of the catalogue's places and of "back".

    To the catalogue's aliases come the tables' names of the places that they know.
    """
    entries = []
    for name, spec in specs.items():
        said = [re.sub(r"^(the|our|my|a|that) ", "", text) for text in place_names().get(name, ())]
        names = [text for text in said if text not in AMBIGUOUS]
        entries.append((name, (*spec.aliases, *names), spec.description))
    return [*entries, PLACE_TEXT[BACK]]


def make_rows(
    encoder: Encoder,
    bank: Bank,
    examples: Sequence[Example],
    chunk: int = 64,
    done: Callable[[int], None] = lambda n: None,
) -> list[Row]:
    """Encode the sentences, shortest first so that little is padding, and match their words."""
    order = sorted(range(len(examples)), key=lambda i: len(examples[i].text))
    rows: dict[int, Row] = {}
    for k in range(0, len(order), chunk):
        part = order[k : k + chunk]
        for i, sentence in zip(
            part, _encode(encoder, [examples[i].text for i in part]), strict=True
        ):
            rows[i] = _row(encoder, bank, sentence, examples[i])
        done(len(part))
    return [rows[i] for i in range(len(examples))]


def _encode(encoder: Encoder, texts: Sequence[str]) -> list[Sentence]:
    """Sentences encoded in bfloat16: three times as fast, and as good for training."""
    with torch.autocast(encoder.device.type, torch.bfloat16):
        return [sentence.cpu() for sentence in encode(encoder, texts)]


def _row(encoder: Encoder, bank: Bank, sentence: Sentence, example: Example) -> Row:
    at = sorted({t for c in candidates(example.text) if (t := token_at(sentence, c)) is not None})
    opens = sorted(
        {_snap(t, at) for s in example.starts[1:] if (t := token_at(sentence, s)) is not None}
    )
    half = Sentence(sentence.text, sentence.states.half(), sentence.ids, sentence.spans)
    return Row(
        half, example, pieces(sentence, opens), torch.tensor(at, dtype=torch.long),
        torch.tensor([float(t in opens) for t in at]), negated(sentence),
        word_hints(encoder, sentence, [bank.first(k) for k in example.kinds]).half(),
        word_hints(encoder, sentence, [bank.places[p] for p in example.places], places=True).half(),
    )  # fmt: skip


def _snap(token: int, at: Sequence[int]) -> int:
    """The nearest candidate at or shortly behind a start ("so, equip" starts behind the comma)."""
    return next((t for t in at if token <= t <= token + 4), token)


@dataclass
class Targets:
    """Labels of a batch; masks say where a label means something. See `Logits` for shapes."""

    act: Tensor
    quant: Tensor
    link: Tensor
    roles: Tensor
    members: Tensor
    named: Tensor  # (N,) members count
    counted: Tensor  # (N,) quant counts

    def to(self, device: str | torch.device) -> Targets:
        """The same on a device."""
        return Targets(*(getattr(self, f.name).to(device) for f in fields(self)))


def collate(
    rows: Sequence[Row], bank: Bank, rng: random.Random | None = None
) -> tuple[Batch, Targets]:
    """A batch and its labels.

    With `rng`, for training: descriptions are drawn, some name matches forgotten, and each sentence
    is asked about some of its kinds only (each is read apart from the others).
    """
    padded = partial(pad_sequence, batch_first=True)
    states = padded([r.sentence.states for r in rows]).float()
    mask = padded([torch.ones(len(r.sentence.ids), dtype=torch.bool) for r in rows])
    neg, seg = padded([r.negated for r in rows]), padded([r.seg for r in rows])
    asked = [_asked(r.example, rng) for r in rows]
    b, t = mask.shape
    k, p = len(asked[0]), max(len(r.example.places) for r in rows)
    kind_words, place_words = torch.zeros(b, k, t, 4), torch.zeros(b, p, t, 4)
    kind_vectors, place_vectors = torch.zeros(b, k, 2, 384), torch.zeros(b, p, 2, 384)
    for i, r in enumerate(rows):
        n = len(r.sentence.ids)
        words = r.kind_words[asked[i]].float()
        if rng is not None:
            words = words * _kept(rng, k, 0.08)
        spots = r.place_words.float() * (1 if rng is None else _kept(rng, len(r.place_words), 0.12))
        kind_words[i, :, :n], place_words[i, : len(spots), :n] = words, spots
        names = [r.example.kinds[j] for j in asked[i]]
        picks = [rng.choice(bank.variants[x]) if rng else bank.variants[x][0] for x in names]
        kind_vectors[i] = bank.kind_vectors[picks]
        for j, name in enumerate(r.example.places):
            place_vectors[i, j] = bank.places[name].vectors
    owner = torch.tensor([i for i, r in enumerate(rows) for _ in r.example.segments])
    index = torch.tensor([j for r in rows for j in range(len(r.example.segments))])
    batch = Batch(
        states, mask, neg, seg, owner, index, kind_vectors.flatten(2), place_vectors[:, :, 1],
        torch.cat([kind_words, sense_hints(states, kind_vectors)], -1),
        torch.cat([place_words, sense_hints(states, place_vectors)], -1),
    )  # fmt: skip
    return batch, _targets(rows, asked, p)


def _asked(example: Example, rng: random.Random | None) -> list[int]:
    """Indices of the kinds to ask about: all of them, or in training some meant and some not."""
    every = list(range(len(example.kinds)))
    if rng is None:
        return every
    meant = frozenset().union(*(s.members for s in example.segments))
    yes = [i for i in every if example.kinds[i] in meant]
    chosen = rng.sample(yes, min(len(yes), ASKED // 2))
    rest = [i for i in every if i not in chosen]
    return chosen + rng.sample(rest, ASKED - len(chosen))


def _kept(rng: random.Random, count: int, drop: float) -> Tensor:
    """(count, 1, 1) of ones, some zero: matches that are forgotten, so that meaning has to do."""
    return torch.tensor([float(rng.random() > drop) for _ in range(count)])[:, None, None]


def _targets(rows: Sequence[Row], asked: Sequence[Sequence[int]], p: int) -> Targets:
    pairs = [(r.example, s) for r in rows for s in r.example.segments]
    kinds_of = [
        [r.example.kinds[j] for j in of] for r, of in zip(rows, asked, strict=True)
        for _ in r.example.segments
    ]  # fmt: skip
    roles, members = torch.full((len(pairs), p), -100), torch.zeros(len(pairs), len(asked[0]))
    for i, (example, s) in enumerate(pairs):
        for j, place in enumerate(example.places):
            roles[i, j] = 1 if place in s.targets else 2 if place in s.sources else 0
        members[i] = torch.tensor([float(name in s.members) for name in kinds_of[i]])
    named = [s.link == "own" and (s.act in NAMED_ACTS or bool(s.members)) for _, s in pairs]
    return Targets(
        torch.tensor([ACTS.index(s.act) for _, s in pairs]),
        torch.tensor([QUANTS.index(s.quant) for _, s in pairs]),
        torch.tensor([LINKS.index(s.link) for _, s in pairs]),
        roles, members,
        torch.tensor(named),
        torch.tensor([s.act in NAMED_ACTS[:4] or bool(s.members) for _, s in pairs]),
    )  # fmt: skip
