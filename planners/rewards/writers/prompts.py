"""What a language model is told: the documented signals, the task in words, and what trainings showed.

It never sees a reward that comes with a task, only the state view's own documentation. Reflection and
advice follow Eureka's prompts (Ma et al., ICLR 2024), and the last round's best comes with its figures.
"""

from __future__ import annotations

from typing import Any

from planners.rewards.program import functions_help
from planners.rewards.writers.base import Context, Parent

SHOWN = 3  # parents in a prompt
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "analysis": {"type": "string"},
        "terms": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "name": {"type": "string"},
                    "code": {"type": "string"},
                    "weight": {"type": "number"},
                },
                "required": ["name", "code", "weight"],
                "additionalProperties": False,
            },
        },
    },
    "required": ["analysis", "terms"],
    "additionalProperties": False,
}
FORMAT = """Answer with one JSON object and nothing else:
{"analysis": "what you conclude, in a few sentences",
 "terms": [{"name": "short_name", "code": "def short_name(s):\\n    return ...", "weight": 1.0}]}
The reward is the sum of weight times term; do not multiply by the weight yourself."""
ADVICE = """First look at each term by itself:
- If success stays near zero, rewrite the reward: pay for every stage on the way to the task's end.
- A term that hardly changes over a training gives no direction: change its scale, rewrite it, or drop it.
- A term that is much larger than the others drowns them: weigh it less.
- If the reward rises while success does not, a term is earned without doing the task: mend that term."""


def render(context: Context) -> str:
    """The whole prompt, as one message of the user."""
    parts = [
        "You are an expert in designing rewards for reinforcement learning.",
        context.brief.document(),
        functions_help(),
    ]
    if context.start is not None and not context.parents:
        parts.append(f"The reward so far, which is poor:\n{context.start.text()}")
    for rank, parent in enumerate(context.parents[:SHOWN]):
        parts.append(_shown(parent, rank))
    if context.parents:
        parts.append(ADVICE)
    parts.append(f"{_wish(context)}\n{FORMAT}")
    if context.repair is not None:
        problems = "\n".join(f"- {problem}" for problem in context.repair.problems)
        parts.append(
            f"You answered:\n{context.repair.text[:6000]}\n\nThat cannot be used:\n{problems}\n"
            "Mend exactly this and answer again, whole, in the same format."
        )
    return "\n\n".join(parts)


def _shown(parent: Parent, rank: int) -> str:
    place = "The best reward so far" if rank == 0 else f"Number {rank + 1} so far"
    return f"{place}:\n{parent.program.text()}\n{parent.reflection.text()}"


def _wish(context: Context) -> str:
    if context.parents:
        return f"Write an improved reward. This is variant {context.sample + 1}: try an idea of its own."
    return f"Write a reward for this task. This is variant {context.sample + 1}: try an idea of its own."
