"""The training grammar: sentences over the goal language with the reading of each piece."""

from __future__ import annotations

import random
import re

from planners.embedded.clauses import Clauses
from planners.embedded.forms import FORMS
from planners.embedded.lexicon import BACK, PLACES, Draw, kinds, table
from planners.embedded.phrases import MARK, Phrases, World, split_marks
from planners.embedded.reading import Example, Segment
from planners.embedded.text import misspell, normalise

REAL = 16


class Grammar(Clauses):
    """Draws sentences. `training` keeps to the words and frames that are not held out."""

    def __init__(self, seed: int, training: bool = True) -> None:
        self.rng = random.Random(seed)
        self.training = training
        self.kinds = list(kinds().values())

    def example(self) -> Example:
        """One sentence; outside training one that holds at least one unseen word or frame."""
        while True:
            self.draw = Draw(self.rng, self.training)
            self.p = Phrases(self.draw, self._world())
            form = self.rng.choices(list(FORMS), [w for w, _ in FORMS.values()])[0]
            marked, segments = FORMS[form][1](self)
            if self.training or self.draw.unseen:
                return self._finish(marked, segments, form)

    def _world(self) -> World:
        rng = self.rng
        others = list(table("manner")["otherplaces"])
        extra = rng.sample(others, 2) if rng.random() < 0.2 else []
        places = (*PLACES, BACK, *extra)
        if rng.random() < 0.6:
            return World(tuple(self.kinds[:REAL]), places)
        own = rng.sample(self.kinds[:REAL], rng.randint(2, 8))
        return World((*own, *rng.sample(self.kinds[REAL:], REAL - len(own))), places)

    def _finish(self, marked: str, segments: list[Segment], form: str) -> Example:
        marked = re.sub(r"\s+", " ", marked).strip()
        if self.rng.random() < 0.12:
            marked = misspell(marked, self.rng, MARK)
        parts = [normalise(part) for part in marked.split(MARK)]
        text, starts = split_marks(MARK.join(parts))
        assert len(starts) == len(segments), (marked, segments)
        names = tuple(k.name for k in self.p.world.kinds)
        return Example(text, starts, tuple(segments), names, self.p.world.places, form)
