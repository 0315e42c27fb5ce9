"""The embedded language model: offline, on the CPU, behind the planner's `LanguageModel` protocol.

    instruction -> pieces -> guesses (network) -> hypotheses (duties in this scene, with weights)
                -> next labels of each hypothesis (agenda) -> log-probabilities over the labels

It reads the instruction in the scene it was said in, which the history and the state give back, so
its reading does not drift while the scene changes. Not covered: world knowledge beyond its tables
and the catalogue's descriptions, and talk about more than one instruction at a time.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from embodied.tasks.labels import SkillCall, opens
from embodied.world import catalogue
from embodied.world.facts import Facts, kind
from planners.embedded import asking
from planners.embedded.agenda import Option, locate, options
from planners.embedded.asking import meanings
from planners.embedded.conditions import decided
from planners.embedded.conformal import FILE, TARGET_SUCCESS, threshold
from planners.embedded.data import place_entries
from planners.embedded.encoder import Encoder
from planners.embedded.ground import Hypothesis, hypotheses
from planners.embedded.interpret import Entry, Guess, Interpreter
from planners.embedded.own_words import asks
from planners.embedded.progress import seen
from planners.embedded.referents import Problem
from planners.embedded.store import WEIGHTS, load_readers
from planners.embedded.understanding import Understanding, understand
from planners.model import Prompt, Question, Scores, no_skill, not_in_scene

FLOOR = 0.03  # probability kept for all labels together, whatever the reading says
SHARPEN = 1.5  # the likeliest reading counts for more than its share
UNCLEAR = "The answers fit none of the choices; name one of them."
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
        readers, self.calibration = load_readers(weights)
        self.interpreter = Interpreter(encoder, readers, kinds, places, self.calibration)
        asking_file = weights / FILE.name
        self.asking = asking_file if asking_file.exists() else FILE
        self.threshold = threshold(TARGET_SUCCESS, self.asking)

    def aim(self, success: float, execution: float = 1.0) -> None:
        """Ask as often as it takes for a share `success` of instructions to end well.

        Args:
            execution: the share of plans that the skills carry out; what they lose, understanding
                has to make up for.
        """
        self.threshold = threshold(min(success / execution, 0.99), self.asking)

    def score(self, prompt: Prompt, calls: Sequence[SkillCall]) -> Scores:
        """Log-probabilities over `calls` (logsumexp 0, none is -inf)."""
        p = self.probabilities(prompt, calls)
        tokens = self.interpreter.tokens(prompt.instruction)
        return Scores(logp=np.log(p), tokens=tokens, calls=1)

    def probabilities(self, prompt: Prompt, calls: Sequence[SkillCall]) -> np.ndarray:
        """(K,) probabilities over `calls`, each at least its part of the floor."""
        index = {
            (c.kind, c.obj, c.place if c.kind in PLACED or c.own else None): i
            for i, c in enumerate(calls)
        }
        p = np.zeros(len(calls))
        for label, weight in self._next(prompt, Offered.of(calls)):
            if label in index:
                p[index[label]] += weight
        total = p.sum()
        if total <= 0:
            return np.full(len(calls), 1 / len(calls))
        return (1 - FLOOR) * p / total + FLOOR / len(calls)

    def _next(self, prompt: Prompt, offered: Offered) -> Iterator[tuple[Option, float]]:
        known, trail = self._understood(prompt, offered)
        found = [h for h in known.found if h.problem is None]
        for h in found:
            shares = options(locate(h.duties, trail), prompt.facts, prompt.in_front)
            total = sum(shares.values()) or 1.0
            for label, share in shares.items():
                yield label, h.weight**SHARPEN * share / total
        if not found:
            yield ("done", None, None), 1.0

    def _understood(self, prompt: Prompt, offered: Offered) -> tuple[Understanding, list[Facts]]:
        """The readings by now, and the states since they hold."""
        trail = seen(prompt)

        def read(text: str, first: Facts) -> list[Hypothesis]:
            return self.hypotheses(text, first, offered.drawer, offered.own)

        known = understand(prompt, trail, read, self.interpreter)
        return known, trail[known.start :]

    def refuse(self, prompt: Prompt, calls: Sequence[SkillCall]) -> str | None:
        """Why nothing can satisfy what was said in the scene it was said in, or None."""
        if prompt.history and not prompt.turns:
            return None
        known, trail = self._understood(prompt, Offered.of(calls))
        if len(trail) > 1 or (known.unclear and _asked_twice(prompt)):
            return UNCLEAR if known.unclear else None
        stuck = [h for h in known.found if h.problem is not None]
        total = sum(h.weight for h in known.found) or 1.0
        if sum(h.weight for h in stuck) < self.calibration.refuse * total:
            return None
        names = [item.name for item in self.interpreter.kinds]
        problem = max(stuck, key=lambda h: h.weight).problem
        several = len({kind(o) for o in prompt.facts.instances}) > 1
        if problem is None or (problem.what == "referent" and several):
            return None  # that is asked, not refused
        return reason(problem, prompt.facts, names)

    def question(
        self, prompt: Prompt, calls: Sequence[SkillCall], affordance: Sequence[float]
    ) -> Question | None:
        """See `CanAsk`: what the words leave open in this scene, where the prediction set says so."""
        known, trail = self._understood(prompt, Offered.of(calls))
        if len(trail) > 1:  # asked when it was said, and not again on the way
            return None
        found = meanings(known.found, trail[0], calls, affordance)
        return asking.question(found, self.threshold, trail[0])

    def hypotheses(
        self,
        instruction: str,
        first: Facts,
        drawer: bool = False,
        own: Collection[str] = (),
    ) -> list[Hypothesis]:
        """What the instruction may mean in the scene it was said in, likeliest first.

        Args:
            drawer: whether it can be opened and closed.
            own: names of the skills of your own that are offered.
        """
        said = decided(instruction, first, self.interpreter)
        if not said:
            return [Hypothesis((), 1.0)]  # what was asked on a condition, and that does not hold
        places = {item.name: item.names for item in self.interpreter.places}
        guesses = asks(self.guesses(said), own, places) if own else self.guesses(said)
        return hypotheses(guesses, first, drawer, self.calibration.whole)

    def guesses(self, instruction: str) -> tuple[Guess, ...]:
        """The network's guess for each piece of the instruction."""
        return self.interpreter.guesses(instruction)


def _asked_twice(prompt: Prompt) -> bool:
    asked = [turn.question.choices for turn in prompt.turns if turn.question is not None]
    return len(asked) > 1 and asked[-1] == asked[-2]


@dataclass(frozen=True)
class Offered:
    """What the calls offered say of the robot's skills.

    drawer: whether they make the drawer a place like others. own: names of skills of your own.
    """

    drawer: bool
    own: frozenset[str]

    @classmethod
    def of(cls, calls: Sequence[SkillCall]) -> Offered:
        """What these calls say."""
        return cls(
            opens({call.family for call in calls}), frozenset(c.family for c in calls if c.own)
        )


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
        case "declined":
            return "None of them is wanted, so there is nothing to do."
        case "referent":
            return f"“{about}” points to something, and it is open to what: name the thing."
        case "cannot":
            return no_skill(f"it has no skill for “{about}”, it drives, picks up and puts down")
        case _:
            return f"“{about}” names nothing that this robot could do: name a thing or a place."
