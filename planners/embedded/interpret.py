"""The network at work: an instruction in, one guess per piece out."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

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
from planners.embedded.net import Batch, Logits, Reader
from planners.embedded.reading import Calibration
from planners.embedded.relations import beside
from planners.embedded.starts import excluded, order_of, run_on_starts, sure_starts
from planners.embedded.surely import LIMIT, YOU, acted, counted, placed
from planners.embedded.text import candidates, normalise, spans_of

Entry = tuple[str, Sequence[str], str]  # name, aliases, description


@dataclass(frozen=True)
class Guess:
    """Probabilities over the reading of one piece; see `reading` for the classes.

    act (10,), quant (7,), link (3,), roles place -> (3,), members kind -> probability.
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
    beside: tuple[str, ...] = ()  # kinds named only to tell a place, as in "next to the apple"
    own: str = ""  # the skill of your own that it asks for, see `own_words`


class Interpreter:
    """Reads instructions over a catalogue. Objects and places are known by text alone."""

    def __init__(
        self,
        encoder: Encoder,
        readers: Sequence[Reader],
        kinds: Sequence[Entry],
        places: Sequence[Entry],
        calibration: Calibration | None = None,
    ) -> None:
        self.encoder, self.readers = encoder, list(readers)
        self.calibration = calibration or Calibration()
        self.kinds, self.places = make_items(encoder, kinds), make_items(encoder, places)
        self.kind_names = [name for item in self.kinds for name in item.names]
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
        sure = sure_starts(text, self.kind_names)
        may = {*candidates(text), *run_on_starts(text)}
        at = sorted({t for c in may if (t := token_at(sentence, c)) is not None})
        batch = self._batch(sentence, torch.zeros(len(sentence.ids), dtype=torch.long))
        trunks = [reader.trunk(batch) for reader in self.readers]
        each = list(zip(self.readers, trunks, strict=True))
        split = self._mean("split", [r.split(x)[0] for r, x in each], torch.sigmoid)
        opens = [t for t in at if split[t] > 0.5 or sentence.spans[t][0] in sure]
        batch = self._batch(sentence, pieces(sentence, opens))
        outs = [reader.read(x, batch) for reader, x in each]
        starts = [0, *(sentence.spans[t][0] for t in opens), len(text)]
        return self._told([text[a:b] for a, b in pairwise(starts)], outs)

    def _told(self, texts: Sequence[str], outs: Sequence[Logits]) -> tuple[Guess, ...]:
        """The readers' mean probabilities and the rules over words, piece by piece."""
        act = self._mean("act", [o.act for o in outs])
        quant = self._mean("quant", [o.quant for o in outs])
        link = self._mean("link", [o.link for o in outs])
        roles = self._mean("roles", [o.roles for o in outs])
        members = self._mean("members", [o.members for o in outs], torch.sigmoid)
        order, found = order_of(texts), []
        for i, text in enumerate(texts):
            p = {item.name: float(members[i, j]) for j, item in enumerate(self.kinds)}
            aside = [item.name for item in self.kinds if excluded(text, item.names)]
            near = [item.name for item in self.kinds if beside(text, item.names)]
            if any(v > 0.5 for name, v in p.items() if name not in near):
                aside += near
            plain = YOU.sub(lambda m: " " * len(m[0]), text)
            spans = {item.name: spans_of(plain, item.names) for item in self.places}
            thing = any(spans_of(text, item.names) for item in self.kinds)
            guess = Guess(
                text, acted(text, act[i], thing, any(spans.values())), counted(text, quant[i]), link[i],
                placed(
                    text,
                    {item.name: roles[i, j] for j, item in enumerate(self.places)},
                    spans,
                ),
                p | dict.fromkeys(aside, 0.0), order[i],
                of_things(text, self.place_names), of_place(text), tuple(near),
            )  # fmt: skip
            found.append(guess)
        return self._limited(found)

    def _limited(self, found: list[Guess]) -> tuple[Guess, ...]:
        """Without the kinds that a piece of its own leaves out: "something to eat. nothing spicy"."""
        for i, guess in enumerate(found):
            if not (limit := LIMIT.match(guess.text)):
                continue
            some = "some" if limit["no"] else "something"
            meant = self.guesses(f"{some} {guess.text[limit.end() :].strip(' .,;!?')}")[0].members
            out = {name for name, p in meant.items() if p > 0.5}
            for j, other in enumerate(found):
                free = j != i and other.det in ("a", "any")
                if free and any(p > 0.5 for k, p in other.members.items() if k not in out):
                    found[j] = replace(other, members={**other.members, **dict.fromkeys(out, 0.0)})
        return tuple(found)

    def _mean(
        self, head: str, logits: Sequence[Tensor], link: Callable[[Tensor], Tensor] | None = None
    ) -> np.ndarray:
        """Calibrated probabilities, averaged over the readers; softmax unless told otherwise."""
        t = self.calibration.heads[head]
        ps = [(x / t).softmax(-1) if link is None else link(x / t) for x in logits]
        return torch.stack(ps).mean(0).numpy()

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
