"""From sentences and a catalogue to the reader's tensors: encodings, hints, pieces."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from planners.embedded.encoder import WIDTH, Encoder
from planners.embedded.text import spans_of

PLAIN = set("can of bottle bag a the an drink box carton cup glass piece my".split())  # say little
NEGATION = re.compile(
    r"\b(?:except(?: for)?|but not|but no|not|no|without|other than|besides|apart from|excluding|"
    r"isn't|aren't|anything but|don't|minus|save for|leaving out|not counting|"
    r"with the exception of|but)\b"
)

_THE = r"(?: top of)?(?: the| our| my| a| that| this| its)?\s*$"
FROM = re.compile(
    r"\b(?:from|off|off of|out of|(?:lying|sitting|standing|located|placed|left|sits|stands|lies|"
    r"is|are|that's|it's|currently|waiting|found|one|ones|resting) (?:over )?(?:on|at|in))" + _THE
)
INTO = re.compile(r"\b(?:to|onto|into|towards|toward|across to|over to)" + _THE)
STOPS = frozenset(", . ; ? ! : and then but".split())


@dataclass(frozen=True)
class Item:
    """A kind or place as the reader sees it: names to match, vectors to compare.

    vectors: (2, 384) name and description, unit; words: (J, 384) vectors of its names' words.
    """

    name: str
    names: tuple[str, ...]
    vectors: Tensor
    words: Tensor


@dataclass(frozen=True)
class Sentence:
    """An encoded sentence. states (T, W); spans: character range of each token; ids (T,)."""

    text: str
    states: Tensor
    ids: Tensor
    spans: list[tuple[int, int]]

    def cpu(self) -> Sentence:
        """The same in main memory."""
        return replace(self, states=self.states.cpu(), ids=self.ids.cpu())


def encode(encoder: Encoder, texts: Sequence[str]) -> list[Sentence]:
    """The sentences' token states, each cut to its own length."""
    out = encoder(texts)
    sizes = out.mask.sum(1).tolist()
    return [
        Sentence(text, out.states[i, : sizes[i]], out.ids[i, : sizes[i]], out.spans[i])
        for i, text in enumerate(texts)
    ]


def make_items(encoder: Encoder, entries: Sequence[tuple[str, Sequence[str], str]]) -> list[Item]:
    """Items from (name, aliases, description). One encoder pass over names and descriptions."""
    titles = [name for name, _, _ in entries]
    texts = [f"{name}: {text}" for name, _, text in entries]
    vectors = _pooled(encoder, titles + texts)
    items = []
    for text, (name, aliases, _) in zip(texts, entries, strict=True):
        names = tuple(dict.fromkeys(a.lower() for a in (name, *aliases)))
        ids = {t for n in names for t in _content_ids(encoder, n)} or set(
            _content_ids(encoder, name, keep=True)
        )
        words = F.normalize(encoder.w["embeddings.word_embeddings.weight"][sorted(ids)], dim=-1)
        items.append(Item(name, names, torch.stack([vectors[name], vectors[text]]), words))
    return items


def _pooled(encoder: Encoder, texts: Sequence[str], chunk: int = 64) -> dict[str, Tensor]:
    """Text -> unit sentence vector; each text once, like lengths together."""
    order = sorted(set(texts), key=lambda text: (len(text), text))
    vectors: dict[str, Tensor] = {}
    for k in range(0, len(order), chunk):
        part = order[k : k + chunk]
        vectors |= dict(zip(part, encoder.pooled(encoder(part)), strict=True))
    return vectors


def _content_ids(encoder: Encoder, text: str, keep: bool = False) -> list[int]:
    words = [w for w in text.split() if keep or w not in PLAIN]
    return encoder.tokenizer.encode(" ".join(words), add_special_tokens=False).ids if words else []


def word_hints(
    encoder: Encoder, sentence: Sentence, items: Sequence[Item], places: bool = False
) -> Tensor:
    """(Q, T, 4) in [0, 1]: a name of the item stands here; how near the word is to its words; then

    for things both once more where an exclusion is spoken of, for places whether the name is led in
    by a word like "from" or by one like "to".
    """
    static = F.normalize(encoder.w["embeddings.word_embeddings.weight"][sentence.ids], dim=-1)
    word = torch.stack([(static @ item.words.T).amax(1) for item in items])
    word, alias = word * (word > 0.5), alias_hits(sentence, items)
    if places:
        return torch.stack([alias, word, *_led_in(sentence, alias)], -1)
    excluded = negated(sentence).float()
    return torch.stack([alias, word, alias * excluded, word * excluded], -1)


def _led_in(sentence: Sentence, alias: Tensor) -> tuple[Tensor, Tensor]:
    """Two (Q, T): where a place's name stands behind "from the" or behind "to the"."""
    out, into = torch.zeros_like(alias), torch.zeros_like(alias)
    for q, t in alias.nonzero().tolist():
        first = t
        while first > 0 and alias[q, first - 1]:
            first -= 1
        before = sentence.text[: sentence.spans[first][0]]
        out[q, t] = float(bool(FROM.search(before)))
        into[q, t] = float(bool(INTO.search(before)))
    return out, into


def sense_hints(states: Tensor, vectors: Tensor) -> Tensor:
    """(B, Q, T, 2) cosine of token states (B, T, W) with name and description (B, Q, 2, 384)."""
    last = F.normalize(states[..., -WIDTH:].float(), dim=-1)
    return torch.einsum("bqvd,btd->bqtv", vectors, last)


def alias_hits(sentence: Sentence, items: Sequence[Item]) -> Tensor:
    """(Q, T): 1 where a name of the item stands; a longer name of another item wins over it."""
    found = [
        (start, end, q)
        for q, item in enumerate(items)
        for start, end in spans_of(sentence.text, item.names)
    ]
    hits = torch.zeros(len(items), len(sentence.spans))
    for start, end, q in found:
        inside = any(
            a <= start and end <= b and b - a > end - start and o != q for a, b, o in found
        )
        if inside:
            continue
        for t, (a, b) in enumerate(sentence.spans):
            if b > a and a >= start and b <= end:
                hits[q, t] = 1
    return hits


def token_at(sentence: Sentence, position: int) -> int | None:
    """The first token that starts at or after a character position."""
    for t, (a, b) in enumerate(sentence.spans):
        if b > a and a >= position:
            return t
    return None


def pieces(sentence: Sentence, starts: Sequence[int]) -> Tensor:
    """(T,) the piece each token is in, given the tokens that open pieces after the first."""
    seg = torch.zeros(len(sentence.spans), dtype=torch.long)
    for t in starts:
        seg[t:] += 1
    return seg


def negated(sentence: Sentence) -> Tensor:
    """(T,) bool: the few tokens behind a word of exclusion, up to a comma or a conjunction."""
    flags = torch.zeros(len(sentence.spans), dtype=torch.bool)
    for m in NEGATION.finditer(sentence.text):
        t = token_at(sentence, m.end())
        for i in range(t or len(flags), min((t or 0) + 6, len(flags))):
            a, b = sentence.spans[i]
            if sentence.text[a:b] in STOPS or b == a:
                break
            flags[i] = True
    return flags
