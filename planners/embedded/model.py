"""The embedded language model: offline, on the CPU, behind the planner's `LanguageModel` protocol.

    instruction -> pieces -> guesses (network) -> hypotheses (duties in this scene, with weights)
                -> next labels of each hypothesis (agenda) -> log-probabilities over the labels

It reads the instruction in the scene it was said in, which the history and the state give back, so
its reading does not drift while the scene changes. Not covered: world knowledge beyond its tables
and the catalogue's descriptions, and talk about more than one instruction at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from embodied.tasks.labels import SkillCall, opens
from embodied.world import catalogue
from embodied.world.facts import Facts
from planners.embedded.agenda import Option, locate, options
from planners.embedded.data import place_entries
from planners.embedded.encoder import Encoder
from planners.embedded.ground import Hypothesis, hypotheses
from planners.embedded.interpret import Entry, Guess, Interpreter
from planners.embedded.progress import states, succeeded
from planners.embedded.referents import Problem
from planners.embedded.store import WEIGHTS, load_readers
from planners.model import Prompt, Scores, no_skill, not_in_scene

FLOOR = 0.03  # probability kept for all labels together, whatever the reading says
SHARPEN = 1.5  # the likeliest reading counts for more than its share
REFUSE = (
    0.6  # weight of hypotheses that cannot be carried out from which the instruction is refused
)
PLACED = ("go to", "place", "bring")  # kinds whose place is part of what they are


class EmbeddedModel:
    """Scores labels, refuses what cannot be done. Keeps nothing between calls but its readings.

    kinds, places: (name, aliases, description) of what exists; the catalogue's if left out. What is
    not among them is not understood, whatever stands in a scene.
    """

    name = "embedded"

    def __init__(
        self,
        weights: Path = WEIGHTS,
        kinds: Sequence[Entry] | None = None,
        places: Sequence[Entry] | None = None,
    ) -> None:
        encoder = Encoder()
        if kinds is None:
            own = catalogue.objects().items()
            kinds = [(name, tuple(spec.aliases), spec.description) for name, spec in own]
        if places is None:
            places = place_entries(catalogue.places())
        self.interpreter = Interpreter(encoder, load_readers(weights), kinds, places)

    def score(self, prompt: Prompt, calls: Sequence[SkillCall]) -> Scores:
        """Log-probabilities over `calls` (logsumexp 0, none is -inf)."""
        p = self.probabilities(prompt, calls)
        tokens = self.interpreter.tokens(prompt.instruction)
        return Scores(logp=np.log(p), tokens=tokens, calls=1)

    def probabilities(self, prompt: Prompt, calls: Sequence[SkillCall]) -> np.ndarray:
        """(K,) probabilities over `calls`, each at least its part of the floor."""
        index = {
            (c.kind, c.obj, c.place if c.kind in PLACED else None): i for i, c in enumerate(calls)
        }
        p = np.zeros(len(calls))
        for label, weight in self._next(prompt, drawer_in(calls)):
            if label in index:
                p[index[label]] += weight
        total = p.sum()
        if total <= 0:
            return np.full(len(calls), 1 / len(calls))
        return (1 - FLOOR) * p / total + FLOOR / len(calls)

    def _next(self, prompt: Prompt, drawer: bool) -> Iterator[tuple[Option, float]]:
        trail = states(succeeded(prompt.history), prompt.facts)
        found = self.hypotheses(prompt.instruction, trail[0], drawer)
        found = [h for h in found if h.problem is None]
        for h in found:
            shares = options(locate(h.duties, trail), prompt.facts, prompt.in_front)
            total = sum(shares.values()) or 1.0
            for label, share in shares.items():
                yield label, h.weight**SHARPEN * share / total
        if not found:
            yield ("done", None, None), 1.0

    def refuse(self, prompt: Prompt, calls: Sequence[SkillCall]) -> str | None:
        """Why nothing can satisfy the instruction in the scene it was given in, or None."""
        if prompt.history:
            return None
        found = self.hypotheses(prompt.instruction, prompt.facts, drawer_in(calls))
        stuck = [h for h in found if h.problem is not None]
        if sum(h.weight for h in stuck) < REFUSE:
            return None
        known = [item.name for item in self.interpreter.kinds]
        problem = max(stuck, key=lambda h: h.weight).problem
        return None if problem is None else reason(problem, prompt.facts, known)

    def hypotheses(self, instruction: str, first: Facts, drawer: bool = False) -> list[Hypothesis]:
        """What the instruction may mean in the scene it was said in, likeliest first.

        drawer: whether it can be opened and closed (`drawer_in` the calls offered).
        """
        return hypotheses(self.guesses(instruction), first, drawer)

    def guesses(self, instruction: str) -> tuple[Guess, ...]:
        """The network's guess for each piece of the instruction."""
        return self.interpreter.guesses(instruction)


def drawer_in(calls: Sequence[SkillCall]) -> bool:
    """Whether the calls offered make the drawer a place like others."""
    return opens({call.family for call in calls})


def reason(problem: Problem, facts: Facts, known: Sequence[str]) -> str:
    """One sentence or two that say what stands in the way. known: the kinds of things there are."""
    about = problem.about.strip(" ,.;:?!")
    match problem.what:
        case "absent" | "few":
            return not_in_scene(about, facts)
        case "unknown":
            names = ", ".join(known)
            return f"Nothing in this kitchen's catalogue fits “{about}”. It knows: {names}."
        case "place":
            return f"This kitchen has no place that “{about}” could mean."
        case "drawer":
            return no_skill(f"“{about}” asks for the drawer, and it has no skill for that yet")
        case "shut":
            return no_skill(f"the {about} is in the shut drawer")
        case "gone":
            return no_skill(f"the {about} is in the trash, too deep to be taken out again")
        case "referent":
            return f"“{about}” points to something, and it is open to what: name the thing."
        case "cannot":
            return no_skill(f"it has no skill for “{about}”, it drives, picks up and puts down")
        case _:
            return f"“{about}” names nothing that this robot could do: name a thing or a place."
