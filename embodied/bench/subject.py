"""A language model to measure on where none is at hand: the right shape, random weights, offline.

It knows nothing. What scoring costs depends on the shape alone, and so does whether two ways of
scoring agree.
"""

from __future__ import annotations

from typing import Any

from planners.huggingface import HuggingFace
from planners.model import Prompt

SHAPE: dict[str, Any] = {
    "vocab_size": 32_000,  # the cost of the output layer is part of the measurement
    "initializer_range": 0.05,  # transformers' 0.02 makes every label about equally likely
    "hidden_size": 640, "num_hidden_layers": 12, "num_attention_heads": 10,
    "num_key_value_heads": 5, "intermediate_size": 1728, "max_position_embeddings": 4096,
    "tie_word_embeddings": True,
}  # fmt: skip


def random_llama(prompt: Prompt, seed: int = 0, **shape: Any) -> HuggingFace:
    """A Llama of 75 million random weights behind the back end, with words like a real one's.

    Args:
        prompt: what its tokenizer is trained on; its tokens are then about as long as real ones.
        shape: of another Llama, in the words of its configuration.
    """
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(seed)
    config = LlamaConfig(**(SHAPE | shape))
    return HuggingFace(LlamaForCausalLM(config), _tokenizer(prompt), "random llama")


def _tokenizer(prompt: Prompt) -> Any:
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=800, initial_alphabet=alphabet, show_progress=False, special_tokens=["<bos>"]
    )
    bpe.train_from_iterator([prompt.text], trainer)
    return PreTrainedTokenizerFast(tokenizer_object=bpe, bos_token="<bos>")
