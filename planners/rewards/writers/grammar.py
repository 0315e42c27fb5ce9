"""The built-in writer: typed terms over the task's signals, evolved by what trainings showed.

Without parents it draws rewards at random from the grammar, which is also the control without
reflection. With parents it improves on them: alarms of the reflection are answered term by term, the
stage that the policy is stuck at is strengthened, weights and scales are tuned around what works, and
two parents are crossed; and of several rewards that were made so, the one is handed over that, after
all trainings so far, promises most. It needs no model and no network, and the same context gives the
same replies.
"""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

from planners.rewards.estimate import Trial, estimate
from planners.rewards.program import Program, Term
from planners.rewards.reflection import FLAT, Alarm
from planners.rewards.writers import genes
from planners.rewards.writers.base import Context, Parent, Reply
from planners.rewards.writers.genes import Gene
from planners.rewards.writers.roles import Roles

# per kind: the range of the weights that it begins with; what comes late in a task is worth more
WEIGHTS = {
    "reach": (0.5, 2.0),
    "progress": (0.5, 3.0),
    "closing": (0.2, 2.0),
    "align": (0.2, 1.0),
    "behind": (0.3, 1.5),
    "carry": (1.0, 4.0),
    "lift": (1.0, 4.0),
    "grasp": (0.5, 3.0),
    "latch": (1.0, 6.0),
    "hold": (0.5, 3.0),
    "flag": (0.5, 3.0),
    "rise": (0.5, 3.0),
    "held_lift": (2.0, 6.0),
    "held_carry": (2.0, 6.0),
    "released": (2.0, 8.0),
    "leave": (2.0, 8.0),
    "smoothness": (0.005, 0.05),
}
EXTRAS = (
    "closing",
    "align",
    "carry",
    "lift",
    "grasp",
    "hold",
    "flag",
    "rise",
    "held_lift",
    "held_carry",
    "leave",
    "smoothness",
)
GAPS = ("reach", "progress", "closing")  # kinds that are about any gap
MOST = 7  # terms of a program
TRIES = 8  # rewards that are made for every one that is handed over, the one that promises most
# stage that a policy is stuck at -> kinds of term that lead on from it; "more": weigh what is there
NEXT = {
    "approach": ("reach", "behind", "closing"),
    "touching": ("reach", "progress", "closing", "more"),
    "moving": (
        "carry",
        "behind",
        "progress",
        "closing",
        "grasp",
        "lift",
        "rise",
        "flag",
        "held_lift",
        "more",
    ),
    "arriving": (
        "latch",
        "carry",
        "reach",
        "closing",
        "held_lift",
        "held_carry",
        "released",
        "leave",
        "more",
    ),
    "finishing": (
        "latch",
        "hold",
        "carry",
        "held_lift",
        "held_carry",
        "released",
        "leave",
        "flag",
        "reach",
        "progress",
        "closing",
    ),
}
STAGES = ("approach", "touching", "moving", "arriving")  # that lead to a first success


@dataclass(frozen=True)
class Piece:
    """A term on its way: its gene, or None for one that the grammar did not write."""

    term: Term
    gene: Gene | None


class GrammarWriter:
    """See the module. A `Writer`."""

    name = "grammar"
    parallel = 1

    def write(self, context: Context, n: int) -> list[Reply]:
        """See `Writer.write`; each reply depends on its sample's number alone, not on `n`."""
        return [self._one(replace(context, sample=context.sample + i)) for i in range(n)]

    def _one(self, context: Context) -> Reply:
        # a string, because hashes of tuples of numbers collide in `Random`
        turn = context.repair.turn if context.repair else 0
        drawn = f"{context.seed}/{context.round}/{context.sample}/{turn}"
        roles, made = Roles(context.brief), []
        for i in range(TRIES if context.trials else 1):
            pieces, parents, note = Draft(context, roles, random.Random(f"{drawn}/{i}")).make()
            made.append((Program(tuple(piece.term for piece in pieces)), parents, note))
        program, parents, note = _most_promising(made, context.trials)
        rows = [{"name": t.name, "code": t.source, "weight": t.weight} for t in program.terms]
        text = json.dumps({"analysis": note, "terms": rows}, indent=1)
        return Reply(text, program, parents=parents, note=note)


Made = tuple[Program, tuple[str, ...], str]
"""A program, the ids of its parents, and how it was made."""


def _most_promising(made: list[Made], trials: Sequence[Trial]) -> Made:
    """The one to hand over of several: new if there is one, and the best that trials let expect."""
    tried = {trial.program for trial in trials}
    new = [one for one in made if one[0] not in tried] or made[:1]
    promises = estimate(tuple(trials)).promises([program for program, _, _ in new])
    return new[promises.index(max(promises))]


@dataclass
class Draft:
    """One reply in the making."""

    context: Context
    roles: Roles
    rng: random.Random

    def make(self) -> tuple[list[Piece], tuple[str, ...], str]:
        """The pieces of a program, the ids of its parents, and how it was made."""
        parents, slot = self.context.parents, self.context.sample % 8
        # what never succeeded is no place to search around: every other reward is drawn anew
        hopeless = not parents or parents[0].reflection.final < FLAT
        if not parents or slot == 7 or (hopeless and slot % 2):
            return self.fresh(), (), "drawn from the grammar"
        first = parents[0] if slot < 4 else self.rng.choice(parents[:4])
        pieces = self.pieces(first)
        if slot == 1 and not hopeless:
            return self.tuned(pieces), (first.id,), "one term tuned"
        if slot == 3 and not hopeless and len(pieces) > 2:
            return self.pruned(pieces, first), (first.id,), "a term that pays little dropped"
        others = [p for p in parents[:4] if p.id != first.id and p.reflection.final >= FLAT]
        if slot == 2 and others:
            second = self.rng.choice(others)
            crossed = self.crossed(pieces, self.pieces(second))
            return crossed, (first.id, second.id), "crossed"
        answered, notes = self.answered(pieces, first)
        if first.reflection.final < FLAT:
            staged, said = self.staged(answered, first)
            return staged, (first.id,), "; ".join([*notes, said])
        # to weigh more what an alarm has just weighed less would undo it
        answered, grown = self.grown(answered, first, more=not notes)
        return answered, (first.id,), "; ".join([*notes, grown])

    # -------------------------------------------------------------- ways to make one

    def fresh(self) -> list[Piece]:
        """Something about the end, something about getting there, and some extras."""
        kinds = [self.rng.choice(("reach", "progress"))]
        made = [self._about_the_end(kinds[0])]
        if self.rng.random() < 0.6:
            made.append(self._piece("latch"))
        if self.rng.random() < 0.6:
            made.append(self._piece("released"))
        if self.roles.touches:
            made.append(self._touching(self.rng.choice(("reach", "behind"))))
        made += [self._piece(kind) for kind in EXTRAS if self.rng.random() < 0.25]
        found = [piece for piece in made if piece is not None]
        return self._limited(found or [p for k in genes.KINDS if (p := self._piece(k))][:2])

    def tuned(self, pieces: list[Piece]) -> list[Piece]:
        """One term with another weight or other numbers: a step that tells what it was good for."""
        chosen = self.rng.randrange(len(pieces))
        piece = pieces[chosen]
        if piece.gene is not None and piece.gene.numbers and self.rng.random() < 0.5:
            made = self._of(piece.gene.jittered(self.rng), piece.term.weight)
        else:
            made = _weighted(piece, piece.term.weight * self.rng.choice((0.3, 0.5, 2.0, 3.0)))
        return [*pieces[:chosen], made, *pieces[chosen + 1 :]]

    def pruned(self, pieces: list[Piece], parent: Parent) -> list[Piece]:
        """All terms but one of the two that pay least: what is not needed is in the way of the others."""
        shares = {figures.name: figures.share for figures in parent.reflection.terms}
        ranked = sorted(pieces, key=lambda piece: shares.get(piece.term.name, 0.0))
        gone = self.rng.choice(ranked[:2])
        return [piece for piece in pieces if piece is not gone]

    def crossed(self, first: list[Piece], second: list[Piece]) -> list[Piece]:
        """The first whole, with one or two terms that only the second has, or in place of its own."""
        names = {piece.term.name for piece in first}
        new = [piece for piece in second if piece.term.name not in names]
        if not new:  # the same terms: between their weights
            weights = {piece.term.name: piece.term.weight for piece in second}
            mean = [(p.term.weight * weights.get(p.term.name, p.term.weight)) ** 0.5 for p in first]
            return [_weighted(piece, weight) for piece, weight in zip(first, mean, strict=True)]
        taken = self.rng.sample(new, min(len(new), self.rng.choice((1, 2))))
        own = list(first)
        if len(own) > 1 and self.rng.random() < 0.5:
            own.remove(self.rng.choice(own))
        return self._limited([*own, *taken])

    def answered(self, pieces: list[Piece], parent: Parent) -> tuple[list[Piece], list[str]]:
        """The terms with every alarm of the reflection answered."""
        notes = []
        for alarm in parent.reflection.alarms:
            held = next((i for i, p in enumerate(pieces) if p.term.name == alarm.term), None)
            if held is None:
                continue
            said, made = self._answer(alarm, pieces[held])
            notes.append(f"{alarm.term}: {said}")
            pieces = [*pieces[:held], *made, *pieces[held + 1 :]]
        return (self._limited(pieces) or self.fresh()), notes

    def grown(
        self, pieces: list[Piece], parent: Parent, more: bool = True
    ) -> tuple[list[Piece], str]:
        """The terms with the stage that the policy is stuck at strengthened: by another term, or, with
        `more`, by more weight."""
        stage = self._stuck(pieces, parent)
        for kind in self.rng.sample(NEXT[stage], len(NEXT[stage])):
            if kind == "more":
                if not more:
                    continue
                return self._more(pieces, touch=stage == "touching"), f"{stage}: weighed more"
            piece = self._new(stage, kind, pieces)
            if piece is not None:
                return self._limited([*pieces, piece]), f"{stage}: {kind} added"
        return self.tuned(pieces or self.fresh()), f"{stage}: one term tuned"

    def staged(self, pieces: list[Piece], parent: Parent) -> tuple[list[Piece], str]:
        """Where nothing succeeds yet, no single term helps, for each stage needs those after it to come to
        anything: the terms with one more for every stage from the one that the policy is stuck at."""
        # terms of others that led nowhere mostly lead astray
        pieces = [p for p in pieces if p.gene is not None or self.rng.random() < 0.3]
        added, first = [], STAGES.index(self._stuck(pieces, parent))
        for stage in STAGES[first:]:
            kinds = self.rng.sample(NEXT[stage], len(NEXT[stage]))
            found = (self._new(stage, kind, pieces) for kind in kinds if kind != "more")
            piece = next((piece for piece in found if piece is not None), None)
            if piece is not None:
                pieces, added = [*pieces, piece], [*added, piece.term.name]
        return self._limited(pieces or self.fresh()), f"{', '.join(added) or 'nothing'} added"

    def _new(self, stage: str, kind: str, pieces: list[Piece]) -> Piece | None:
        """A term of a kind for a stage, unless it cannot be had or is there."""
        drawn = self._touching if stage in ("approach", "touching") else self._about_the_end
        piece = drawn(kind)
        names = {p.term.name for p in pieces}
        return None if piece is None or piece.term.name in names else piece

    def _stuck(self, pieces: list[Piece], parent: Parent) -> str:
        """The stage that a training did not get beyond: a key of `NEXT`."""
        success = parent.reflection.final
        if success >= 0.5:
            return "finishing"
        touches = [piece for piece in pieces if self._is_touch(piece)]
        if self.roles.touches and not touches:
            return "approach"
        late = {f.name: f.points[-1] / f.weight for f in parent.reflection.terms if f.weight}
        if touches and success < FLAT and max(late.get(p.term.name, 0.0) for p in touches) < 0.3:
            return "touching"
        return "moving" if success < FLAT else "arriving"

    def _more(self, pieces: list[Piece], touch: bool) -> list[Piece]:
        """The terms of the stage weighed twice as much: those about touch, or all others."""
        return [
            _weighted(p, p.term.weight * 2) if self._is_touch(p) == touch else p for p in pieces
        ]

    def pieces(self, parent: Parent) -> list[Piece]:
        """A parent's terms, with the genes that can be read back."""
        known = {signal.name for signal in self.context.brief.signals}
        made = []
        for term in parent.program.terms:
            gene = genes.read(term.source)
            made.append(Piece(term, gene if gene and known.issuperset(gene.about) else None))
        return made

    # -------------------------------------------------------------- parts of them

    def _answer(self, alarm: Alarm, piece: Piece) -> tuple[str, list[Piece]]:
        weight, gene = piece.term.weight, piece.gene
        if alarm.kind == "dominance":
            return "weighed less", [_weighted(piece, weight * 0.3)]
        if alarm.kind == "hacking":
            gated = self._piece("carry") or self._piece("latch")
            return "weighed less, an end added", [_weighted(piece, weight * 0.3), *_some(gated)]
        scale = next((key for key in ("k", "e", "h") if gene and key in gene.numbers), None)
        if gene is None or scale is None or self.rng.random() < 0.3:
            return "dropped", []
        # a saturated tanh wants to be wider, a latch that is never reached too
        factor = 3.0 if scale in ("e", "h") else 1 / 3
        low, high = genes.RANGES[scale]
        moved = min(max(gene.numbers[scale] * factor, low), high)
        wider = replace(gene, numbers={**gene.numbers, scale: moved})
        return "made wider", [self._of(wider, weight)]

    def _about_the_end(self, kind: str) -> Piece | None:
        """A term of a kind, about how the task ends where it can be."""
        drawn = genes.draw(kind, self.roles, self.rng, self.roles.ends if kind in GAPS else ())
        return drawn and self._of(drawn, self._weight(kind))

    def _touching(self, kind: str) -> Piece | None:
        """A term that leads the effector to an object."""
        touches = self.roles.touches
        drawn = genes.draw(kind, self.roles, self.rng, touches)
        drawn = drawn or genes.draw("reach", self.roles, self.rng, touches)
        return drawn and self._of(drawn, 0.5 * self._weight(drawn.kind))

    def _is_touch(self, piece: Piece) -> bool:
        return piece.gene is not None and (
            piece.gene.kind == "behind" or piece.gene.about[:2] in self.roles.touches
        )

    def _piece(self, kind: str) -> Piece | None:
        drawn = genes.draw(kind, self.roles, self.rng)
        return drawn and self._of(drawn, self._weight(kind))

    def _of(self, gene: Gene, weight: float) -> Piece:
        return Piece(gene.term(float(f"{weight:.4g}"), self.context.brief), gene)

    def _weight(self, kind: str) -> float:
        low, high = WEIGHTS[kind]
        return low * (high / low) ** self.rng.random()

    def _limited(self, pieces: list[Piece]) -> list[Piece]:
        """No name twice, and not more than the grammar's most."""
        unlike = {piece.term.name: piece for piece in reversed(pieces)}
        kept = [piece for piece in pieces if unlike.get(piece.term.name) is piece]
        while len(kept) > MOST:
            kept.remove(self.rng.choice(kept))
        return kept


def _weighted(piece: Piece, weight: float) -> Piece:
    return replace(piece, term=replace(piece.term, weight=float(f"{weight:.4g}")))


def _some(piece: Piece | None) -> list[Piece]:
    return [] if piece is None else [piece]
