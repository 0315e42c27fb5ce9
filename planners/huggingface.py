"""Any causal language model of the Hugging Face kind, in this process, by hub id or folder.

It continues the few-shot prompt with each label; chat models get the prompt through their template
with the log as the beginning of their answer. Label and terminator are tokenised together with the
prompt, so no merge at the seam shifts probability. Remote code of a model is never run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from embodied.errors import EnvironmentFault, UsageError
from embodied.tasks.labels import SkillCall
from planners import prompt as prompts
from planners.model import Prompt, Scores, normalise
from planners.scoring import Scored, choose, common_prefix

# They begin alike and go on differently: what a strategy is tested on.
SENTINELS = ("pick up the lime soda", "pick up the coke can")
_PATHS = ("/", ".", "~")  # how a source begins that is no id
_PATIENCE = 8.0  # s, for the hub's first answer
SEAM = 64  # characters before a prompt's end that a label may change the tokens of


@dataclass(frozen=True)
class HuggingFaceCfg:
    """norm: of a label's log-probability. `sum` is SayCan's; `mean` divides by the number of
        tokens; `pmi` subtracts what the label scores without scene and instruction.
    temperature: of the softmax over the labels, above 0; `embodied bench calibrate` fits it.
    strategy: how labels are scored (planners/scoring); `auto` is the fastest that is exact.
    chunk: labels per forward pass where the cache is copied for each; memory grows with it.
    device: `auto` is the GPU if there is one. dtype: `auto` is float32 on the CPU, and the model's
        own on a GPU.
    chat: None uses the chat template if the tokenizer has one.
    """

    norm: Literal["sum", "mean", "pmi"] = "sum"
    temperature: float = 1.0
    strategy: Literal["auto", "trie", "expanded", "one_by_one"] = "auto"
    chunk: int = 32
    device: str = "auto"
    dtype: str = "auto"
    chat: bool | None = None

    def __post_init__(self) -> None:
        if not self.temperature > 0 or self.chunk < 1:
            raise UsageError("A temperature must be above 0, and a chunk at least 1.")


@dataclass(frozen=True)
class Sampled:
    """What a model wrote. complete: it came to its own end. read, written: tokens."""

    text: str
    complete: bool
    read: int
    written: int


class HuggingFace:
    """A `LanguageModel` over a transformers causal LM and its tokenizer."""

    # text models tend to call half-finished work done; see planners/saycan.py
    done_lead = 4.0

    def __init__(
        self,
        model: Any,
        tokenizer: Any,
        name: str = "hf",
        cfg: HuggingFaceCfg | None = None,
    ) -> None:
        self.name, self.cfg = name, cfg or HuggingFaceCfg()
        self.model, self.tokenizer = model.eval(), tokenizer
        has_template = bool(getattr(tokenizer, "chat_template", None))
        self.chat = has_template if self.cfg.chat is None else self.cfg.chat
        if self.chat and not has_template:
            raise UsageError(f"{name} has no chat template; leave `chat` off to use it as it is.")
        self._opening = self._specials()
        self._neutral: dict[tuple[str, ...], Scored] = {}
        start, trial = self.split(prompts.neutral(), SENTINELS)
        self.scorer = choose(self.model, start[-24:], trial, self.cfg.strategy)

    @classmethod
    def load(
        cls, source: str, cfg: HuggingFaceCfg | None = None, name: str | None = None
    ) -> HuggingFace:
        """Load model and tokenizer.

        Args:
            source: a folder, or an id on the hub (downloaded once, then read from the cache).
            name: what `--llm` calls it.
        Raises:
            UsageError: no such folder or id, or not a causal language model.
            EnvironmentFault: the hub cannot be reached and the cache has no copy.
        """
        cfg = cfg or HuggingFaceCfg()
        gpu = torch.cuda.is_available()
        device = cfg.device if cfg.device != "auto" else "cuda" if gpu else "cpu"
        own = "auto" if device != "cpu" else torch.float32
        dtype = own if cfg.dtype == "auto" else getattr(torch, cfg.dtype)
        folder = Path(source).expanduser()
        where = str(folder) if folder.is_dir() else source
        try:
            try:  # what is here needs no network, and is not asked for there
                tokenizer, model = _pretrained(where, dtype, local_files_only=True)
            except (OSError, ValueError, KeyError):
                if folder.is_dir() or source.startswith(_PATHS):
                    raise
                _reach_hub(source)
                tokenizer, model = _pretrained(where, dtype)
        except (OSError, ValueError, KeyError) as error:
            raise _load_error(source, folder.is_dir(), error) from error
        return cls(model.to(device), tokenizer, name or f"hf:{source}", cfg)

    def describe(self) -> str:
        """One line: what was chosen automatically, and why."""
        device, dtype = self.model.device, str(self.model.dtype).removeprefix("torch.")
        why = "" if device.type != "cpu" or self.cfg.device != "auto" else " (no GPU found)"
        form = "through its chat template" if self.chat else "as a base model (no chat template)"
        how = f"labels scored by {self.scorer.name} ({self.scorer.why})"
        return f"{self.name} on {device}{why}, {dtype}, prompted {form}; {how}"

    def score(self, prompt: Prompt, calls: Sequence[SkillCall]) -> Scores:
        """See `LanguageModel.score`.

        Raises:
            UsageError: even without examples the prompt is longer than the model's context.
        """
        labels = tuple(call.label for call in calls)
        if not prompt.history:  # so that no episode's last digits depend on the one before
            self.scorer.reader.forget()
        text = self._fitting(prompt, labels)
        scored = self.scorer.score(*self.split(text, labels), self.cfg.chunk)
        values, tokens, passes = scored.logp, scored.tokens, scored.calls
        if self.cfg.norm == "mean":
            values = values / scored.lengths
        if self.cfg.norm == "pmi":
            if labels not in self._neutral:
                split = self.split(prompts.neutral(), labels)
                # with a cache of its own, so that the prompt's survives
                base = self._neutral[labels] = self.scorer.afresh().score(*split, self.cfg.chunk)
                tokens, passes = tokens + base.tokens, passes + base.calls
            values = values - self._neutral[labels].logp
        logp = normalise(np.asarray(values), self.cfg.temperature)
        return Scores(logp, tokens, passes)

    def generate(self, text: str, max_tokens: int) -> str:
        """See `CanGenerate`: the likeliest continuation, or answer of a chat model.

        Raises:
            UsageError: text and answer together are longer than the model's context.
        """
        return self.sample(text, max_tokens).text

    def room(self, text: str) -> int:
        """Tokens that an answer to `text` may have before the model's context is full."""
        return self._context - len(self._asked(text))

    def sample(
        self, text: str, max_tokens: int, temperature: float = 0.0, seed: int = 0
    ) -> Sampled:
        """A continuation, or an answer of a chat model; at temperature 0 the likeliest one.

        Raises:
            UsageError: text and answer together are longer than the model's context.
        """
        ids = torch.tensor([self._asked(text)], device=self.model.device)
        room, size = self._context, ids.shape[1] + max_tokens
        if size > room:
            raise UsageError(f"{self.name} reads {room} tokens at once, and this takes {size}.")
        pad = self.tokenizer.pad_token_id
        drawn = {"do_sample": True, "temperature": temperature} if temperature else {}
        gpus = [self.model.device] if self.model.device.type == "cuda" else []
        with torch.inference_mode(), torch.random.fork_rng(gpus):
            torch.manual_seed(seed)
            made = self.model.generate(
                ids,
                attention_mask=torch.ones_like(ids),
                max_new_tokens=max_tokens,
                pad_token_id=self.tokenizer.eos_token_id if pad is None else pad,
                **{"do_sample": False, **drawn},
            )
        fresh = made[0, ids.shape[1] :]
        answer = self.tokenizer.decode(fresh, skip_special_tokens=True)
        return Sampled(answer, len(fresh) < max_tokens, ids.shape[1], len(fresh))

    @property
    def _context(self) -> int:
        return getattr(self.model.config, "max_position_embeddings", None) or 1 << 30

    def _asked(self, text: str) -> list[int]:
        """Token ids of a question, as a chat model wants to be asked."""
        if self.chat:
            ask = [{"role": "user", "content": text}]
            text = self.tokenizer.apply_chat_template(
                ask, add_generation_prompt=True, tokenize=False, enable_thinking=False
            )
        return [*self._opening, *self._encode(text)]

    def text(self, prompt: Prompt, shots: int | None = None) -> str:
        """Exactly what the model reads before a label, special tokens of the template included."""
        if not self.chat:
            return prompts.render(prompt, shots)
        messages, begun = prompts.chat(prompt, shots)
        try:
            return self._through_template(messages, begun)
        except Exception as error:  # templates raise whatever they like
            if "system" not in str(error).lower() and "role" not in str(error).lower():
                raise
            system, user = messages  # some templates know no system role
            both = f"{system['content']}\n\n{user['content']}"
            return self._through_template([{"role": "user", "content": both}], begun)

    def _through_template(self, messages: list[dict[str, str]], begun: str) -> str:
        return self.tokenizer.apply_chat_template(
            [*messages, {"role": "assistant", "content": begun}],
            continue_final_message=True,
            tokenize=False,
            enable_thinking=False,
        )

    def _fitting(self, prompt: Prompt, labels: Sequence[str]) -> str:
        """The text with as many examples as the context holds."""
        room = self._context
        longest = max(len(self._encode(prompts.continuation(label))) for label in labels)
        size = 0
        for shots in range(len(prompts.EXAMPLES), -1, -1):
            text = self.text(prompt, shots)
            size = len(self._encode(text)) + len(self._opening) + longest
            if size <= room:
                return text
        raise UsageError(
            f"{self.name} reads {room} tokens at once, and the prompt alone has {size}; "
            "choose a model with a longer context."
        )

    def split(self, text: str, labels: Sequence[str]) -> tuple[list[int], list[list[int]]]:
        """Token ids of what all continuations share with the prompt, and of what each adds."""
        ends = [prompts.continuation(label) for label in labels]
        head, tail = self._cut(text, max(ends, key=len))
        before = [*self._opening, *self._encode(head)] if head else list(self._opening)
        alone, *whole = (self._encode(tail + end) for end in ("", *ends))
        shared = common_prefix([alone, *whole])
        return [*before, *alone[:shared]], [ids[shared:] for ids in whole]

    def _cut(self, text: str, end: str) -> tuple[str, str]:
        """`text` in two where tokens never reach across, so that labels need not repeat it all."""
        cut = text.rfind("\n", 0, max(0, len(text) - SEAM))
        if cut > 0:
            head, tail = text[:cut], text[cut:]
            if self._encode(head) + self._encode(tail + end) == self._encode(text + end):
                return head, tail
        return "", text

    def _encode(self, text: str) -> list[int]:
        return self.tokenizer(text, add_special_tokens=False)["input_ids"]

    def _specials(self) -> list[int]:
        """What the tokenizer puts before a plain text; a template brings its own."""
        if self.chat:
            return []
        plain, full = self._encode("a"), self.tokenizer("a")["input_ids"]
        for i in range(len(full) - len(plain) + 1):
            if full[i : i + len(plain)] == plain:
                return list(full[:i])
        return []


def _pretrained(where: str, dtype: Any, **how: Any) -> tuple[Any, Any]:
    from transformers import AutoModelForCausalLM, AutoTokenizer  # takes seconds to import

    tokenizer = AutoTokenizer.from_pretrained(where, **how)
    return tokenizer, AutoModelForCausalLM.from_pretrained(where, dtype=dtype, **how)


def _reach_hub(source: str) -> None:
    """One question to the hub, since the library asks for each file five times, half a minute long.

    Raises:
        EnvironmentFault: no answer.
    """
    from huggingface_hub import constants
    from huggingface_hub.utils import get_session

    try:
        get_session().head(constants.ENDPOINT, timeout=_PATIENCE)
    except Exception as error:  # of whichever HTTP library it uses
        raise EnvironmentFault(
            f"The model '{source}' is not on this machine and {constants.ENDPOINT} cannot be reached; "
            "connect, or give the folder of a model, or use --llm embedded."
        ) from error


def _load_error(source: str, is_folder: bool, error: Exception) -> Exception:
    """What to tell a person whose model did not load."""
    causes: list[str] = []
    cause: BaseException | None = error
    while cause is not None:
        causes.append(type(cause).__name__)
        cause = cause.__cause__ or cause.__context__
    reason = " ".join(str(error).split())[:300]
    if is_folder:
        return UsageError(f"The folder '{source}' holds no causal language model: {reason}")
    unknown = {"RepositoryNotFoundError", "HFValidationError", "GatedRepoError"}
    if unknown & set(causes) or not isinstance(error, OSError) or source.startswith(_PATHS):
        return UsageError(
            f"There is no language model '{source}': no such folder, and no such public id on "
            f"huggingface.co. Give a folder or an id such as 'Qwen/Qwen3-0.6B'. ({reason})"
        )
    return EnvironmentFault(
        f"The model '{source}' is not on this machine and the hub cannot be reached; connect, or "
        f"give the folder of a model, or use --llm embedded. ({reason})"
    )
