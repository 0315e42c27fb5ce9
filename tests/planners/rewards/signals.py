"""A state view with a signal for every kind of term, and random values for any view."""

import torch

from planners.rewards.views import Brief, Signal

ARM = Brief(
    "stack",
    "Put the cube at the goal.",
    "The cube rests within 0.05 m of the goal.",
    (
        Signal("grip_pos", (3,), "m", "world", "position of the gripper"),
        Signal("cube_pos", (3,), "m", "world", "position of the cube"),
        Signal("goal", (3,), "m", "world", "where the cube is wanted"),
        Signal("park_goal", (3,), "m", "world", "where the gripper is when at rest"),
        Signal("cube_vel", (3,), "m/s", "world", "velocity of the cube"),
        Signal("finger_opening", (1,), "m", "", "gap between the fingers"),
        Signal("cube_height", (1,), "m", "world", "of the cube above the table"),
        Signal("held", (1,), "bool", "", "whether both fingers touch the cube"),
        Signal("angle", (1,), "rad", "", "of the lid"),
        Signal("action", (4,), "1", "", "what the policy did"),
    ),
)


def values(brief: Brief, n: int) -> dict[str, torch.Tensor]:
    rng = torch.Generator().manual_seed(0)
    return {name: 0.5 * torch.randn(n, size, generator=rng) for name, size in brief.sizes.items()}
