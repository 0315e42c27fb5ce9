"""What decides: language models, their scores over labels, and the SayCan choice."""

from __future__ import annotations

from embodied.errors import UsageError
from planners.model import LanguageModel
from planners.spec import Spec

DEFAULT = "embedded"


def load_language_model(spec: str = DEFAULT) -> LanguageModel:
    """The model that `--llm` names.

    Args:
        spec: ``embedded`` (offline, shipped), ``hf:<hub id or folder>`` or
            ``openai:<model>[@<base URL>]``, with settings behind a question mark where there are
            any (planners/spec.py).
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
    if parsed.kind == "openai" and parsed.source:
        return _on_a_server(parsed, spec)
    raise UsageError(
        f"There is no language model '{spec}'. Use --llm embedded, --llm hf:<id or folder> or "
        "--llm openai:<model>@<base URL>, for example 'hf:Qwen/Qwen3-0.6B?norm=pmi&temperature=0.7' "
        "or openai:qwen3@http://localhost:8000/v1."
    )


def _on_a_server(parsed: Spec, spec: str) -> LanguageModel:
    from planners.fallback import WithFallback
    from planners.openai_server import Address, OpenAIServer, ServerCfg

    address, cfg = Address.parse(parsed.source), parsed.configure(ServerCfg)

    def connect() -> LanguageModel:
        return OpenAIServer(address, cfg, spec)

    if cfg.fallback is None:
        return connect()
    spare = cfg.fallback
    return WithFallback(spec, connect, lambda: load_language_model(spare), spare)
