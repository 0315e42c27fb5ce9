"""What acts: PPO on batched tasks, the skill library, learned affordances, shipped weights."""
