"""What decides: language models, their scores over labels, and the SayCan choice."""

from __future__ import annotations

from embodied.errors import UsageError
from planners.model import LanguageModel
from planners.spec import Spec

DEFAULT = "embedded"


def load_language_model(spec: str = DEFAULT) -> LanguageModel:
    """The model that `--llm` names.

    Args:
        spec: ``embedded`` (offline, shipped) or ``hf:<hub id or folder>``, with settings behind a
            question mark where there are any (planners/spec.py).
    Raises:
        UsageError: no such kind of model, no such model, or no such setting.
        EnvironmentFault: it exists but cannot be had now.
    """
    parsed = Spec.parse(spec)
    if parsed.kind == "embedded" and not parsed.source and not parsed.settings:
        from planners.embedded.model import EmbeddedModel  # torch loads only when asked

        return EmbeddedModel()
    if parsed.kind == "hf" and parsed.source:
        from planners.huggingface import HuggingFace, HuggingFaceCfg

        return HuggingFace.load(parsed.source, parsed.configure(HuggingFaceCfg), spec)
    raise UsageError(
        f"There is no language model '{spec}'. Use --llm embedded, or --llm hf:<id or folder>, "
        "for example hf:Qwen/Qwen3-0.6B or 'hf:Qwen/Qwen3-0.6B?norm=pmi&temperature=0.7'."
    )
