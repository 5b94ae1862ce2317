"""Huffman trees as zlib builds them: of two shortest subtrees, zlib's heap decides which is joined first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Alphabet:
    """The symbols of a tree.

    Attributes:
        count: Their number.
        max_bits: Bits of the longest code.
        extra: Bits that follow the code of each symbol.
    """

    count: int
    max_bits: int
    extra: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Tree:
    """A Huffman code.

    Attributes:
        lengths: Bits of each symbol's code; 0 for a symbol that doesn't occur.
        codes: The codes, their first bit lowest.
        last: The last symbol that has a code.
    """

    lengths: tuple[int, ...]
    codes: tuple[int, ...]
    last: int

    def bits(self, frequencies: Sequence[int], extra: Sequence[int]) -> int:
        """Bits of all symbols.

        Args:
            frequencies: How often each occurs.
            extra: Bits that follow the code of each.
        """
        used = zip(frequencies, self.lengths, extra, strict=True)
        return sum(count * (length + more) for count, length, more in used if count)


def tree_of(lengths: Sequence[int]) -> Tree:
    """The canonical code with some lengths."""
    codes, code = [0] * len(lengths), 0
    for bits in range(1, max(lengths, default=0) + 1):
        for symbol, length in enumerate(lengths):
            if length == bits:
                codes[symbol] = int(f"{code:0{bits}b}"[::-1], 2)
                code += 1
        code <<= 1
    last = max((symbol for symbol, length in enumerate(lengths) if length), default=-1)
    return Tree(tuple(lengths), tuple(codes), last)


def build_tree(frequencies: Sequence[int], alphabet: Alphabet) -> Tree:
    """The code that zlib gives symbols of some frequencies: of two, at least.

    Args:
        frequencies: How often each symbol occurs.
        alphabet: The symbols.
    """
    count = alphabet.count
    weights = [*frequencies, *[0] * (count + 1)]
    depths = [0] * len(weights)
    used = [symbol for symbol in range(count) if weights[symbol]]
    last = used[-1] if used else -1
    while len(used) < 2:
        if last < 2:
            last += 1
            forced = last
        else:
            forced = 0
        weights[forced] = 1
        used.append(forced)
    lengths = _limited(weights, *_joined(used, weights, depths, count), last, alphabet)
    return tree_of(lengths[:count])


def _joined(
    used: list[int], weights: list[int], depths: list[int], count: int
) -> tuple[list[int], list[int]]:
    """All nodes, the root first, as they were taken from the heap, and the parent of each node."""
    heap = [0, *used]

    def sift(place: int) -> None:
        node, size = heap[place], len(heap) - 1
        child = place << 1
        while child <= size:
            if child < size and _before(heap[child + 1], heap[child], weights, depths):
                child += 1
            if _before(node, heap[child], weights, depths):
                break
            heap[place] = heap[child]
            place, child = child, child << 1
        heap[place] = node

    for place in range(len(used) // 2, 0, -1):
        sift(place)
    taken: list[int] = []
    parents = [0] * len(weights)
    node = count
    while len(heap) > 2:
        first = heap[1]
        heap[1] = heap[-1]
        heap.pop()
        sift(1)
        second = heap[1]
        taken += (first, second)
        weights[node] = weights[first] + weights[second]
        depths[node] = max(depths[first], depths[second]) + 1
        parents[first] = parents[second] = node
        heap[1] = node
        node += 1
        sift(1)
    return [*taken, heap[1]][::-1], parents


def _before(one: int, other: int, weights: list[int], depths: list[int]) -> bool:
    if weights[one] == weights[other]:
        return depths[one] <= depths[other]
    return weights[one] < weights[other]


def _limited(
    weights: list[int], nodes: list[int], parents: list[int], last: int, alphabet: Alphabet
) -> list[int]:
    """Bits of each node's code, at most `max_bits`."""
    lengths = [0] * len(weights)
    counts = [0] * (alphabet.max_bits + 1)
    overflow = 0
    for node in nodes[1:]:
        bits = lengths[parents[node]] + 1
        if bits > alphabet.max_bits:
            bits, overflow = alphabet.max_bits, overflow + 1
        lengths[node] = bits
        if node <= last:
            counts[bits] += 1
    if not overflow:
        return lengths
    while overflow > 0:
        bits = alphabet.max_bits - 1
        while not counts[bits]:
            bits -= 1
        counts[bits] -= 1
        counts[bits + 1] += 2
        counts[alphabet.max_bits] -= 1
        overflow -= 2
    leaves = iter([node for node in reversed(nodes) if node <= last])
    for bits in range(alphabet.max_bits, 0, -1):
        for _ in range(counts[bits]):
            lengths[next(leaves)] = bits
    return lengths
