"""Tokens of a vocabulary and their ids, which are the rows of embeddings, as `tokenizer.json` has them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from git_theta.errors import UsageError

#: Name of the file in which Hugging Face's tokenizers are saved, beside the model.
TOKENIZER: Final = "tokenizer.json"

#: Ids are below that: the largest vocabularies have less than 300,000 tokens.
_MAX_ID: Final = 1 << 23


def tokens_of(tokenizer: Mapping[str, Any]) -> dict[str, int]:
    """Token → id, of a tokenizer's vocabulary and of the tokens that were added to it.

    Args:
        tokenizer: The content of the file.

    Raises:
        UsageError: It isn't a tokenizer's, or two tokens have one id.
    """
    model = tokenizer.get("model")
    vocabulary = model.get("vocab") if isinstance(model, dict) else None
    found: dict[str, int] = {}
    owners: dict[int, str] = {}
    for token, number in (*_listed(vocabulary), *_added(tokenizer.get("added_tokens"))):
        if not isinstance(token, str) or type(number) is not int or not 0 <= number < _MAX_ID:
            raise UsageError(f"{TOKENIZER} has a token without a valid id")
        if found.setdefault(token, number) != number:
            raise UsageError(f"{TOKENIZER} gives the token {token!r} the ids {found[token]} and {number}")
        if owners.setdefault(number, token) != token:
            raise UsageError(f"{TOKENIZER} gives {owners[number]!r} and {token!r} the id {number}")
    return found


def _listed(vocabulary: Any) -> Iterable[tuple[Any, Any]]:
    """Token and id of each item: a map has the ids, and a list of tokens with scores is in their order."""
    if isinstance(vocabulary, dict):
        return vocabulary.items()
    if isinstance(vocabulary, list):
        tokens = (item[0] if isinstance(item, list) and item else None for item in vocabulary)
        return ((token, number) for number, token in enumerate(tokens))
    raise UsageError(f"{TOKENIZER} has no vocabulary")


def _added(tokens: Any) -> Iterator[tuple[Any, Any]]:
    for item in tokens if isinstance(tokens, list) else ():
        if not isinstance(item, dict):
            raise UsageError(f"{TOKENIZER} has a token without a valid id")
        yield item.get("content"), item.get("id")
