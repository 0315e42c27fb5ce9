"""How likely a causal language model finds each of K continuations of one prompt. Tensors only.

`reader` runs the prompt and keeps its key-value cache for the next one; `strategies` and `packed` run
the continuations; `choice` finds the fastest strategy that a given model can be trusted with.
"""

from planners.scoring.choice import Choice, choose
from planners.scoring.packed import trie
from planners.scoring.reader import Reader, common_prefix
from planners.scoring.strategies import Scored, Strategy, expanded, one_by_one

__all__ = [
    "Choice",
    "Reader",
    "Scored",
    "Strategy",
    "choose",
    "common_prefix",
    "expanded",
    "one_by_one",
    "trie",
]
