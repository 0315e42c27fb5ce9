"""The training grammar: sentences over the goal language with the reading of each piece."""

from __future__ import annotations

import random
import re

from planners.embedded.clauses import Clauses
from planners.embedded.forms import FORMS
from planners.embedded.lexicon import BACK, PLACES, Draw, kinds, new_kinds, table
from planners.embedded.phrases import MARK, Phrases, World, split_marks
from planners.embedded.reading import Example, Segment
from planners.embedded.text import misspell, normalise

REAL = 16
PLAIN = 0.65  # share of sentences as most people speak, with few ornaments


class Grammar(Clauses):
    """Draws sentences.

    training: keep to the words, frames and kinds that are not held out; without it every sentence
    holds at least one of them. strange: also without training, sentences about kinds that never
    occur in training, known by their descriptions alone. whole: with held-out words and frames (but
    not kinds) as well, for the last pass of training.
    """

    def __init__(
        self, seed: int, training: bool = True, strange: bool = False, whole: bool = False
    ) -> None:
        self.rng, self.whole = random.Random(seed), whole
        self.training, self.strange = training, strange
        self.kinds = [k for k in kinds().values() if k.name not in new_kinds()]
        self.new = [k for k in kinds().values() if k.name in new_kinds()]

    def example(self) -> Example:
        """One sentence."""
        while True:
            self.draw = Draw(self.rng, self.training, self.whole)
            self.plain = self.rng.random() < PLAIN
            self.p = Phrases(self.draw, self._world(), self.plain)
            form = self.rng.choices(list(FORMS), [w for w, _ in FORMS.values()])[0]
            marked, segments = FORMS[form][1](self)
            spoken = frozenset().union(*(s.members for s in segments)) & new_kinds()
            if self.training or (bool(spoken) if self.strange else self.draw.unseen > 0):
                return self._finish(marked, segments, form)

    def _world(self) -> World:
        rng = self.rng
        others = list(table("manner")["otherplaces"])
        extra = rng.sample(others, 2) if rng.random() < 0.2 else []
        places = (*PLACES, BACK, *extra)
        spare = tuple(rng.sample(self.kinds[REAL:], 24))  # spoken of, not there
        if self.strange:
            some = rng.sample(self.kinds[:REAL], REAL // 2)
            return World((*rng.sample(self.new, REAL - len(some)), *some), places, spare)
        if rng.random() < 0.6:
            return World(tuple(self.kinds[:REAL]), places, spare)
        own = rng.sample(self.kinds[:REAL], rng.randint(2, 8))
        return World((*own, *rng.sample(self.kinds[REAL:], REAL - len(own))), places, spare)

    def _finish(self, marked: str, segments: list[Segment], form: str) -> Example:
        marked = re.sub(r"\s+", " ", marked).strip()
        if self.rng.random() < (0.05 if self.plain else 0.12):
            marked = misspell(marked, self.rng, MARK)
        parts = [normalise(part) for part in marked.split(MARK)]
        text, starts = split_marks(MARK.join(parts))
        assert len(starts) == len(segments), (marked, segments)
        names = tuple(k.name for k in self.p.world.kinds)
        return Example(text, starts, tuple(segments), names, self.p.world.places, form)
