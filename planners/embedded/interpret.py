"""The network at work: an instruction in, one guess per piece out."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
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
from planners.embedded.reading import QUANTS, Calibration
from planners.embedded.relations import beside, number
from planners.embedded.text import SEPARATOR, candidates, normalise, spans_of

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
        at = sorted({t for c in candidates(text) if (t := token_at(sentence, c)) is not None})
        batch = self._batch(sentence, torch.zeros(len(sentence.ids), dtype=torch.long))
        trunks = [reader.trunk(batch) for reader in self.readers]
        each = list(zip(self.readers, trunks, strict=True))
        split = self._mean("split", [r.split(x)[0] for r, x in each], torch.sigmoid)
        sure = {_led_by_order(text), *verbal_starts(text), *listed_starts(text, self.kind_names)}
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
            guess = Guess(
                text, act[i], counted(text, quant[i]), link[i],
                {item.name: roles[i, j] for j, item in enumerate(self.places)},
                p | dict.fromkeys(aside, 0.0), order[i],
                of_things(text, self.place_names), of_place(text), tuple(near),
            )  # fmt: skip
            found.append(guess)
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


LAST = re.compile(
    r"\b(?:last(?: of all)?|at the (?:very )?end|to finish)\W*$|^\W*(?:last of all|to finish)\b"
)
STARTS = re.compile(r"\b(?:start|begin) (?:with|by|off)\b|\bfirst of all\b")
EARLIER = re.compile(r"\bfirst\b(?! (counter|one))|\bbeforehand\b|\bbefore that\b")


EXCLUDING = re.compile(
    r"\b(?:except(?: for)?|but not|but no|other than|besides|apart from|excluding|save for|"
    r"(?:any|every)thing but|all(?: \w+)? but|any(?: \w+)? but|with the exception of|not counting|"
    r"leaving out|not)(?: (?:the|a|an|any|my|that|this|those|these))?\s*$"
)


def counted(piece: str, quant: np.ndarray) -> np.ndarray:
    """The quantity as a number word says it, where there is just one; else as it was read."""
    said = number(piece)
    if said is None:
        return quant
    sure = np.array([float(name == said) for name in QUANTS])
    return 0.9 * sure + 0.1 * quant


def excluded(piece: str, names: Sequence[str]) -> bool:
    """Whether a piece names the thing only to leave it out: "everything except the apple"."""
    spans = spans_of(piece, names)
    return bool(spans) and all(EXCLUDING.search(piece[:start]) for start, _ in spans)


AND_DO = re.compile(
    r"(?<!\bgo)(?<!\bcome)(?<!\brun)(?<!\btry)(?<!\bhurry)(?<!\bbe so kind)(?<!\bkind)(?<!\bup)"
    r"(?<!\bover)(?<!\bhere)(?<!\bahead)(?<!\bfavor)(?<!\bfavour)(?<!\bdear)(?<!\brobot)(?<!\buseful)"
    r"(?:,? and(?: then| also)?|,? then|;) (?=(?:bring|get|fetch|give|hand|put|place|throw|toss|bin|"
    r"discard|trash|dump|carry|leave|drop) "
    r"(?:me|us|the|a|an|one|two|three|it|them|that|this|those|these|both|all|every|some|my|away|out)\b)"
)
AT_IT = re.compile(r"(?:,|\band) while (?=you(?:'re| are) (?:at it|there|on your way)\b)")


def verbal_starts(text: str) -> list[int]:
    """Where an imperative with its object follows an "and": what no reader should overlook."""
    return [m.end() for found in (AND_DO, AT_IT) for m in found.finditer(text)]


LISTED = re.compile(
    r"(?:,? and|,|,? plus|,? as well as) (?=(?:(?:the|a|an|some|my|one|another|that|this) )?$)"
)


def listed_starts(text: str, names: Sequence[str]) -> list[int]:
    """Where the next thing of a list of names starts: "the apple and |the orange"."""
    spans, found = sorted(set(spans_of(text, names))), []
    for (start, end), (after, _) in pairwise(spans):
        link = LISTED.match(text[end:after])
        if link and not EXCLUDING.search(text[:start]) and not UNSPLIT.search(text[:start]):
            found.append(end + link.end())
    return found


UNSPLIT = re.compile(r"\b(?:neither|between|nor|where|(?:next|close) to)(?: (?:the|a|an))? *$")


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
            alone = i > 1 and len(texts[i - 1].split()) <= 2  # "X, but |only once |Y"
            order[i] = order[i - 2 if alone else i - 1] - 0.5  # "X after Y"
            continue
        if EARLIER.search(texts[i]) and "first" not in texts[0] and "then" not in link.split():
            order[i] = order[i - 1] - 0.5  # "X, but first Y"
    if len(texts) > 1 and re.match(r"before\b", texts[0]):
        order[0] = order[1] + 0.5
    for i, text in enumerate(texts):
        if LAST.search(text):  # "the sponge goes to the table last"
            order[i] += len(texts)
        elif STARTS.search(text):
            order[i] -= len(texts)
    return order


def _connector(text: str) -> str:
    """The run of separators at the end of a piece: "..., and then " """
    last = ""
    for m in SEPARATOR.finditer(text):
        if m.end() == len(text):
            last = m[0]
    return last
