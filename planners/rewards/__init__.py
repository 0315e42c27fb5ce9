"""Rewards that write themselves: documented state views, reward programs, and the walls around them.

- `views`: what a reward writer is told of a task, and what its terms may read.
- `program`, `language`, `functions`: a reward as named terms x weights, in a small checked language.
- `checks`: whether a program can be trained with at all, on a probe batch.
- `job`: what a training of a candidate is asked for and what it answers.
- `sandbox`: the process that candidates are trained in.
"""
