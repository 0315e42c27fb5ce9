"""The network at work: an instruction in, one guess per piece out."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch

from planners.embedded.determiners import Det, of_place, of_things
from planners.embedded.encoder import Encoder
from planners.embedded.features import (
    Sentence,
    encode,
    make_items,
    negated,
    pieces,
    sense_hints,
    token_at,
    word_hints,
)
from planners.embedded.net import Batch, Reader
from planners.embedded.text import SEPARATOR, candidates, normalise, spans_of

Entry = tuple[str, Sequence[str], str]  # name, aliases, description


@dataclass(frozen=True)
class Guess:
    """Probabilities over the reading of one piece; see `reading` for the classes.

    act (9,), quant (5,), link (3,), roles place -> (3,), members kind -> probability.
    order: when it is to be done relative to the other pieces.
    det, where: how it speaks of its things and of its place, see `determiners`.
    """

    text: str
    act: np.ndarray
    quant: np.ndarray
    link: np.ndarray
    roles: Mapping[str, np.ndarray]
    members: Mapping[str, float]
    order: float
    det: Det = "a"
    where: Det = "the"


class Interpreter:
    """Reads instructions over a catalogue. Objects and places are known by text alone."""

    def __init__(
        self,
        encoder: Encoder,
        readers: Sequence[Reader],
        kinds: Sequence[Entry],
        places: Sequence[Entry],
    ) -> None:
        self.encoder, self.readers = encoder, list(readers)
        self.kinds, self.places = make_items(encoder, kinds), make_items(encoder, places)
        self.place_names = [name for item in self.places for name in item.names]
        self.guesses = functools.lru_cache(256)(self._guesses)
        self.guesses("bring a sponge")  # compiles what the first instruction would wait for

    def tokens(self, instruction: str) -> int:
        """How many tokens the encoder reads for it."""
        return len(self.encoder.tokenizer.encode(normalise(instruction)).ids)

    @torch.no_grad()
    def _guesses(self, instruction: str) -> tuple[Guess, ...]:
        text = normalise(instruction).strip()
        sentence = encode(self.encoder, [text])[0]
        at = sorted({t for c in candidates(text) if (t := token_at(sentence, c)) is not None})
        batch = self._batch(sentence, torch.zeros(len(sentence.ids), dtype=torch.long))
        trunks = [reader.trunk(batch) for reader in self.readers]
        lead = _led_by_order(text)
        split = (
            torch.stack([r.split(x)[0] for r, x in zip(self.readers, trunks, strict=True)])
            .sigmoid()
            .mean(0)
        )
        opens = [t for t in at if split[t] > 0.5 or sentence.spans[t][0] == lead]
        batch = self._batch(sentence, pieces(sentence, opens))
        outs = [reader.read(x, batch) for reader, x in zip(self.readers, trunks, strict=True)]

        def mean(values: list[torch.Tensor]) -> np.ndarray:
            return torch.stack(values).mean(0).numpy()

        act = mean([o.act.softmax(-1) for o in outs])
        quant, link = (
            mean([o.quant.softmax(-1) for o in outs]),
            mean([o.link.softmax(-1) for o in outs]),
        )
        roles, members = (
            mean([o.roles.softmax(-1) for o in outs]),
            mean([o.members.sigmoid() for o in outs]),
        )
        starts = [0, *(sentence.spans[t][0] for t in opens), len(text)]
        texts = [text[a:b] for a, b in pairwise(starts)]
        order = order_of(texts)
        return tuple(
            Guess(
                piece, act[i], quant[i], link[i],
                {item.name: roles[i, j] for j, item in enumerate(self.places)},
                {
                    item.name: 0.0 if excluded(piece, item.names) else float(members[i, j])
                    for j, item in enumerate(self.kinds)
                }, order[i], of_things(piece, self.place_names), of_place(piece),
            )
            for i, piece in enumerate(texts)
        )  # fmt: skip

    def _batch(self, sentence: Sentence, seg: torch.Tensor) -> Batch:
        kinds = torch.stack([item.vectors for item in self.kinds])[None]
        places = torch.stack([item.vectors for item in self.places])[None]
        states, count = sentence.states[None], int(seg.max()) + 1
        kind_words = word_hints(self.encoder, sentence, self.kinds)[None]
        place_words = word_hints(self.encoder, sentence, self.places, places=True)[None]
        return Batch(
            states, torch.ones(1, len(seg), dtype=torch.bool), negated(sentence)[None], seg[None],
            torch.zeros(count, dtype=torch.long), torch.arange(count),
            kinds.flatten(2), places[:, :, 1],
            torch.cat([kind_words, sense_hints(states, kinds)], -1),
            torch.cat([place_words, sense_hints(states, places)], -1),
        )  # fmt: skip


EARLIER = re.compile(r"\bfirst\b(?! (counter|one))|\bbeforehand\b|\bbefore that\b")


EXCLUDING = re.compile(
    r"\b(?:except(?: for)?|but not|but no|other than|besides|apart from|excluding|save for|"
    r"(?:any|every)thing but|all(?: \w+)? but|any(?: \w+)? but|with the exception of|not counting|"
    r"leaving out|not)(?: (?:the|a|an|any|my|that|this|those|these))?\s*$"
)


def excluded(piece: str, names: Sequence[str]) -> bool:
    """Whether a piece names the thing only to leave it out: "everything except the apple"."""
    spans = spans_of(piece, names)
    return bool(spans) and all(EXCLUDING.search(piece[:start]) for start, _ in spans)


def _led_by_order(text: str) -> int | None:
    """Where the main clause starts behind "before ...," or "after ...,"; None without them."""
    found = re.match(r"(?:before|after|once|as soon as)\b[^,.;]*, *", text)
    return found.end() if found else None


def order_of(texts: Sequence[str]) -> list[float]:
    """When each piece is to be done; "before" and the like end the piece that they follow."""
    order = [float(i) for i in range(len(texts))]
    for i in range(1, len(texts)):
        link = _connector(texts[i - 1])
        if re.search(r"\b(after|once)\b(?! that)", link):
            order[i] = order[i - 1] - 0.5  # "X after Y"
            continue
        if EARLIER.search(texts[i]) and "first" not in texts[0] and "then" not in link.split():
            order[i] = order[i - 1] - 0.5  # "X, but first Y"
    if len(texts) > 1 and re.match(r"before\b", texts[0]):
        order[0] = order[1] + 0.5
    return order


def _connector(text: str) -> str:
    """The run of separators at the end of a piece: "..., and then " """
    last = ""
    for m in SEPARATOR.finditer(text):
        if m.end() == len(text):
            last = m[0]
    return last
