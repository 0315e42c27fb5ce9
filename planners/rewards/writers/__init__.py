"""What writes rewards: the built-in grammar, or any language model, behind one protocol."""

from __future__ import annotations

from embodied.errors import UsageError
from planners.rewards.writers.base import Context, Parent, Repair, Reply, Writer
from planners.rewards.writers.grammar import GrammarWriter
from planners.spec import Spec

__all__ = ["Context", "GrammarWriter", "Parent", "Repair", "Reply", "Writer", "load_writer"]


def load_writer(spec: str = "grammar") -> Writer:
    """The writer that `--llm` names: ``grammar`` (offline), or a model as `planners` spells them.

    Raises:
        UsageError: no such kind of model, no such model, or no such setting.
        EnvironmentFault: it exists but cannot be had now.
    """
    parsed = Spec.parse(spec)
    if spec == "grammar":
        return GrammarWriter()
    if parsed.kind == "openai" and parsed.source:
        from planners.openai_server.address import Address
        from planners.openai_server.client import Server, ServerCfg
        from planners.rewards.writers.model import ModelWriter, ServerModel

        server = Server(Address.parse(parsed.source), parsed.configure(ServerCfg))
        return ModelWriter(ServerModel(server, spec))
    if parsed.kind == "hf" and parsed.source:
        from planners.huggingface import HuggingFace, HuggingFaceCfg
        from planners.rewards.writers.model import LocalModel, ModelWriter

        loaded = HuggingFace.load(parsed.source, parsed.configure(HuggingFaceCfg), spec)
        return ModelWriter(LocalModel(loaded, spec))
    raise UsageError(
        f"'{spec}' writes no rewards. Use --llm grammar (built in), --llm hf:<id or folder> or --llm "
        "openai:<model>@<base URL>, for example openai:qwen3@http://localhost:8000/v1."
    )
