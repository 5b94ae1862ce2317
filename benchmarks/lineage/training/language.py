"""Generated sentences, and nine questions about them: the text that models are trained on.

A sentence is twelve words, such as "they will gladly lift the small lamps and small doors .", of a vocabulary
of about four thousand. Words of a kind are drawn by Zipf's law, so that most of them are rare, as in any
language: a training sees a part of them, and the embeddings of the others stay as they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    Words = NDArray[np.int64]

#: Kinds of words → the number of groups of each kind, and the number of words in a group.
_KINDS: Mapping[str, tuple[int, int]] = {
    "special": (1, 8),
    "pronoun": (3, 6),
    "auxiliary": (3, 6),
    "adverb": (2, 60),
    "verb": (4, 150),
    "determiner": (2, 8),
    "adjective": (2, 300),
    "noun": (8, 300),
}

_STARTS = dict(
    zip(_KINDS, accumulate((groups * size for groups, size in _KINDS.values()), initial=0), strict=False)
)

#: The number of different words.
VOCABULARY = sum(groups * size for groups, size in _KINDS.values())

#: Words that are no language's: the first of each sentence, and marks.
_FIRST, _STOP, _QUESTION, _AND = range(4)

#: The number of words in a sentence.
LENGTH = 12

#: Questions about sentences → the number of answers.
TASKS: Mapping[str, int] = {
    "person": 3,
    "tense": 3,
    "negation": 2,
    "action": 4,
    "number": 2,
    "sentiment": 2,
    "topic": 4,
    "coherence": 2,
    "question": 2,
}


@dataclass(frozen=True, eq=False, slots=True)
class Sentences:
    """Sentences with the answers to all questions.

    Attributes:
        words: Shape (sentences, `LENGTH`), int64.
        answers: Task → shape (sentences,), int64.
    """

    words: Words
    answers: Mapping[str, Words]


def sentences(count: int, seed: int, noise: float = 0.0) -> Sentences:
    """Random sentences.

    Args:
        count: The number of sentences.
        seed: Of the random numbers.
        noise: The share of words that are replaced by others of the vocabulary.
    """
    random = np.random.default_rng(seed)

    def group(kind: str) -> Words:
        return random.integers(0, _KINDS[kind][0], count)

    person, tense, action = group("pronoun"), group("auxiliary"), group("verb")
    negation, number, polarity, question = (random.integers(0, 2, count) for _ in range(4))
    topic, coherence = random.integers(0, 4, count), random.integers(0, 2, count)
    # Two groups of nouns to a topic: one for one thing, one for several.
    other_topic = (topic + (1 - coherence) * random.integers(1, 4, count)) % 4
    pronouns, auxiliaries = _draw(random, "pronoun", person), _draw(random, "auxiliary", tense)
    columns = [
        np.full(count, _FIRST),
        np.where(question, auxiliaries, pronouns),
        np.where(question, pronouns, auxiliaries),
        _draw(random, "adverb", negation),
        _draw(random, "verb", action),
        _draw(random, "determiner", number),
        _draw(random, "adjective", polarity),
        _draw(random, "noun", 2 * topic + number),
        np.full(count, _AND),
        _draw(random, "adjective", polarity),
        _draw(random, "noun", 2 * other_topic + number),
        np.where(question, _QUESTION, _STOP),
    ]
    words = np.stack(columns, axis=1).astype(np.int64)
    replaced = random.random(words.shape) < noise
    replaced[:, 0] = False
    words[replaced] = random.integers(0, VOCABULARY, int(replaced.sum()))
    answers: dict[str, Any] = {
        "person": person,
        "tense": tense,
        "negation": negation,
        "action": action,
        "number": number,
        "sentiment": polarity,
        "topic": topic,
        "coherence": coherence,
        "question": question,
    }
    return Sentences(words, answers)


def _draw(random: np.random.Generator, kind: str, group: Words) -> Words:
    """Words of a kind, each of a given group."""
    size = _KINDS[kind][1]
    chances = 1 / np.arange(1, size + 1)
    drawn = random.choice(size, len(group), p=chances / chances.sum())
    return _STARTS[kind] + group * size + drawn
