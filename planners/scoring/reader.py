"""Reading prompts with a causal language model, without reading twice what stands unchanged.

A decision's prompt begins as the one before it did: rules, examples, whatever did not change. The
key-value cache of the last prompt is cropped to what both share, and only the rest is read. Where a
cache cannot be cropped (recurrent layers, windows that have slid) the prompt is read anew.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

Ids = Sequence[int]


class UnsupportedError(Exception):
    """A model lacks what a strategy needs. Its text: one clause that says what."""


@dataclass(frozen=True)
class Reading:
    """A prompt that was read. cache: transformers' `Cache` of it, which whoever got it may write to.

    first: (V,) log-probabilities of the token that follows. tokens: how many had to be read.
    """

    cache: Any
    first: torch.Tensor
    tokens: int


class Reader:
    """Reads prompts with one model. keep: whether caches are kept from one prompt to the next."""

    def __init__(self, model: Any, keep: bool = True) -> None:
        self.model, self.keeps = model, keep
        self._few = "logits_to_keep" in inspect.signature(model.forward).parameters
        self._cache: Any = None
        self._ids: list[int] = []

    @torch.inference_mode()
    def read(self, prompt: Ids) -> Reading:
        """Read `prompt`, at least one token. The cache is the caller's until `keep` returns it.

        Raises:
            UnsupportedError: the model keeps no key-value cache of the library's kind.
        """
        cache, known = self._begun(prompt)
        ids = torch.tensor([list(prompt[known:])], device=self.model.device)
        past = {"past_key_values": cache} if known else {}
        out = self.model(input_ids=ids, use_cache=True, **past, **self.last(1))
        cache = getattr(out, "past_key_values", None)
        if not hasattr(cache, "reorder_cache"):
            raise UnsupportedError("it keeps no key-value cache")
        return Reading(cache, log_softmax(out.logits[0, -1]), len(prompt) - known)

    def last(self, count: int) -> dict[str, int]:
        """What to pass for the last `count` rows of logits; models may return all the same.

        Logits of a whole prompt would be prompt x vocabulary.
        """
        return {"logits_to_keep": count} if self._few else {}

    def keep(self, cache: Any, prompt: Ids) -> None:
        """Take back a cache that holds exactly `prompt`, for the next one that begins alike."""
        if self.keeps:
            self._cache, self._ids = cache, list(prompt)

    def forget(self) -> None:
        """Read the next prompt anew, whatever it shares with the last."""
        self._cache = None

    def _begun(self, prompt: Ids) -> tuple[Any, int]:
        """What of `prompt` is known: a cache and its length. At least one token is left to read."""
        # taken out first: a pass that is interrupted leaves a cache that holds nobody knows what
        cache, self._cache = self._cache, None
        if cache is None:
            return None, 0
        known = min(common_prefix([self._ids, prompt]), len(prompt) - 1)
        if not known or not crop(cache, len(self._ids) - known):
            return None, 0
        return cache, known


def crop(cache: Any, count: int) -> bool:
    """Remove the newest `count` tokens; False, with the cache of no more use, if it cannot be."""
    if count == 0:
        return True
    if not getattr(cache, "is_croppable", False):
        return False
    before = cache.get_seq_length()
    try:
        cache.crop(-count)  # positive counts are refused since transformers 5
    except (RuntimeError, ValueError, NotImplementedError):  # a window has slid
        return False
    return cache.get_seq_length() == before - count


def common_prefix(sequences: Sequence[Ids]) -> int:
    """How many leading tokens all sequences share."""
    every = [list(sequence) for sequence in sequences]
    low, high = min(every), max(every)  # what these two share, all share
    for i, (one, other) in enumerate(zip(low, high, strict=False)):
        if one != other:
            return i
    return min(len(low), len(high))


def log_softmax(logits: torch.Tensor) -> torch.Tensor:
    """(..., V) logits of any precision -> (..., V) float32 log-probabilities."""
    return torch.log_softmax(logits.float(), dim=-1)
