"""What decides: language models, their scores over labels, and the SayCan choice."""
