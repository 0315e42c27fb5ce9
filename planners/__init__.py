"""What decides: language models, their scores over labels, and the SayCan choice."""

from __future__ import annotations

from embodied.errors import UsageError
from planners.model import LanguageModel

DEFAULT = "embedded"


def load_language_model(spec: str = DEFAULT) -> LanguageModel:
    """The model that `--llm` names.

    Args:
        spec: ``embedded`` (offline, shipped) or ``hf:<hub id or folder>``.
    Raises:
        UsageError: no such kind of model, or no such model.
        EnvironmentFault: it exists but cannot be had now.
    """
    kind, _, source = spec.partition(":")
    if spec == "embedded":
        from planners.embedded.model import EmbeddedModel  # torch loads only when asked

        return EmbeddedModel()
    if kind == "hf" and source:
        from planners.huggingface import HuggingFace

        return HuggingFace.load(source)
    raise UsageError(
        f"There is no language model '{spec}'. Use --llm embedded, or --llm hf:<id or folder>, "
        "for example hf:Qwen/Qwen3-0.6B."
    )
