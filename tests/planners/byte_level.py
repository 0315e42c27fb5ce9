"""The tokenizer of the tests' tiny language models: byte-level BPE, trained on a text of theirs."""

from collections.abc import Sequence

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers


def byte_level(text: str, size: int, special: Sequence[str]) -> Tokenizer:
    """A vocabulary of `size` for `text`, the special tokens first; "<bos>", if it is one, leads."""
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=size, special_tokens=list(special), initial_alphabet=alphabet
    )
    bpe.train_from_iterator([text], trainer)
    if "<bos>" in special:
        bpe.post_processor = processors.TemplateProcessing(
            single="<bos> $A", special_tokens=[("<bos>", bpe.token_to_id("<bos>"))]
        )
    return bpe
