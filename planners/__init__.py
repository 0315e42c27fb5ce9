"""What decides: language models, their scores over labels, and the SayCan choice."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial

from embodied.errors import UsageError
from planners.model import LanguageModel
from planners.spec import Spec

DEFAULT = "embedded"
ERRAND = ("navigate", "pick", "navigate", "place")  # what most instructions come down to


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
    return prepare(spec)()


def prepare(spec: str) -> Callable[[], LanguageModel]:
    """What loads the model, once all that can be wrong about the spec itself has been checked.

    Raises:
        UsageError: no such kind of model, or no such setting.
        EnvironmentFault: a key is needed and not there.
    """
    parsed = Spec.parse(spec)
    if parsed.kind == "embedded" and not parsed.source and not parsed.settings:
        return _embedded
    if parsed.kind == "hf" and parsed.source:
        from planners.huggingface import HuggingFace, HuggingFaceCfg

        return partial(HuggingFace.load, parsed.source, parsed.configure(HuggingFaceCfg), spec)
    if parsed.kind == "openai" and parsed.source:
        from planners.fallback import WithFallback
        from planners.openai_server import Address, OpenAIServer, ServerCfg

        cfg = parsed.configure(ServerCfg)
        connect = partial(OpenAIServer, Address.parse(parsed.source), cfg, spec)
        if cfg.fallback is None:
            return connect
        return partial(WithFallback, spec, connect, prepare(cfg.fallback), cfg.fallback)
    raise UsageError(
        f"There is no language model '{spec}'. Use --llm embedded, --llm hf:<id or folder> or "
        "--llm openai:<model>@<base URL>, for example 'hf:Qwen/Qwen3-0.6B?norm=pmi&temperature=0.7' "
        "or openai:qwen3@http://localhost:8000/v1."
    )


def _embedded() -> LanguageModel:
    from planners.embedded.model import EmbeddedModel  # torch loads only when asked

    return EmbeddedModel()


def aim(model: LanguageModel, success: float, rates: Mapping[str, float]) -> None:
    """Tells a model that can ask back which share of instructions is to end well.

    Args:
        rates: success of the robot's skills by family; what they lose, understanding has to make
            up for.
    """
    set_aim = getattr(model, "aim", None)
    if set_aim is not None:
        set_aim(success, math.prod(rates[family] for family in ERRAND))
