"""Training policies with reward programs in place of the rewards that tasks ship with.

- `tasks`: every task that a reward can be written for, and its brief.
- `skill_views`, `field_views`: the documented state view of our skills, and of gymnasium-robotics' tasks.
- `skills`, `field`: how either is trained and judged. `book`: what is noted of the terms on the way.
- `watch`: what a policy does, picture by picture.
- `training`: a job's outcome, trained in this process. `sandboxed`: the same behind both walls.
"""
