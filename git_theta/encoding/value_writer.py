"""The value writer: stores a value as the cheapest payload, and gives the manifest entry that names it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, partial
from itertools import chain

from git_theta.encoding.allowed_updates import OnFailure
from git_theta.encoding.budget import can_be_derived, can_be_extended
from git_theta.encoding.candidates import BaseCandidate, candidate_from, usable_bases
from git_theta.encoding.choice import BaseSource, EncodingChoice
from git_theta.encoding.feature_cache import FeatureCache
from git_theta.encoding.readable import as_readable
from git_theta.encoding.stored_value import SmallPayload, StoredValue, UnpackedSource
from git_theta.encoding.twins import Original
from git_theta.errors import CorruptError, MissingObjectError, PluginError
from git_theta.model.digest import digest
from git_theta.model.manifest import Entry, ObjectRef, Source
from git_theta.model.tensor import TensorSpec, is_bytes
from git_theta.settings import DEFAULT_DEPTH
from git_theta.store.batch import Batch
from git_theta.store.local import LocalStore
from git_theta.store.packs import PACK_BELOW
from git_theta.updates import AUTO
from git_theta.updates.base import UnsuitableError

#: Bytes of the smallest value that is looked for in values of another form: small ones cost less than that.
_LEAST_DERIVED = 1 << 10

#: Finds sources by the digests of their values, among everything that was ever stored here.
FindSources = Callable[[Iterable[str]], Mapping[str, Source]]

#: Gives the candidate that an entry is by one of its links, and whether that is at the depth limit.
_CandidateOf = Callable[[Entry, Source, bool], BaseCandidate]


@dataclass(frozen=True, slots=True)
class ValueWriter:
    """Stores values, each as the cheapest update of its bases.

    Attributes:
        store: The local object store.
        batch: The transaction that puts objects into the store.
        sources: Preferred sources of values, by digest: those of earlier manifests.
        known: Finds sources by digest in everything stored so far; asked after `sources`.
        updates: Names of the updates that may be chosen; `dense` always may.
        depth: Maximal number of updates in a chain, but for ones that save much; see `usable_bases`.
        lazy: Whether objects that `sources` name but the store lacks are on a remote, so that their values
            needn't be stored again.
        failed: Called for each update of a package that fails; the value is then stored in another way.
        cache: Features of stored values of which many new ones may be parts.
    """

    store: LocalStore
    batch: Batch
    sources: Mapping[str, Source]
    known: FindSources = lambda _digests: {}
    updates: Sequence[str] = AUTO
    depth: int = DEFAULT_DEPTH
    lazy: bool = False
    failed: OnFailure = lambda _error: None
    cache: FeatureCache = field(default_factory=FeatureCache)

    def write(
        self,
        name: str,
        spec: TensorSpec,
        value: memoryview,
        bases: Iterable[Entry] = (),
        relatives: Iterable[Entry] = (),
    ) -> StoredValue:
        """Store a value, unless the store has it.

        Args:
            name: The parameter's name.
            spec: Dtype and shape.
            value: Logical bytes: C-contiguous, little-endian, `spec.nbytes` of them.
            bases: Parameters that the value may be an update of; a lazy iterable isn't read for a value that
                is stored already.
            relatives: Parameters that it may be made of, arranged otherwise; the bases count too. A lazy
                iterable isn't read if a base will do.

        Raises:
            ThetaError: The store can't be written.
        """
        key = digest(value)
        source = self.stored(key)
        if source:
            return StoredValue(name, spec, key, source)
        return self.write_new(name, spec, key, value, bases, relatives)

    def write_new(
        self,
        name: str,
        spec: TensorSpec,
        key: str,
        value: memoryview,
        bases: Iterable[Entry] = (),
        relatives: Iterable[Entry] = (),
        original: Original | None = None,
        is_distant: Callable[[Entry], bool] = lambda _entry: False,
    ) -> StoredValue:
        """Store a value that the store doesn't have.

        Args:
            name: The parameter's name.
            spec: Dtype and shape.
            key: Digest of the value.
            value: As for `write`.
            bases: As for `write`.
            relatives: As for `write`.
            original: A value of the same file that it's probably nearly equal to.
            is_distant: Whether the value has nothing in common with a base, by some elements all over both.

        Raises:
            ThetaError: The store can't be written.
        """
        # `git status` finds that every value is stored, and loads nothing of this.
        from git_theta.encoding.selection import choices

        before = self.sources.get(key)
        if before:
            # Encoding is deterministic: a lost object comes back under its name.
            again = self._restored(value, spec, before, original)
            if again:
                return StoredValue(name, spec, key, self._encode(again, before.payload))
        bases = as_readable(bases, self.store)
        # Each way to store the value looks at the bases; they're decoded for the first ones only.
        candidate_of: _CandidateOf = cache(partial(candidate_from, self.store))
        candidates: Iterable[BaseCandidate] = _distinct(
            replace(candidate, distant=is_distant(entry))
            for entry in bases
            for candidate in self._candidates(entry, candidate_of)
        )
        if original:
            candidates = chain(candidates, original.candidates(self.depth, self.store))
        words = spec.as_bytes
        others = chain(bases, _as_readable_later(relatives, self.store))
        derived = partial(self._derived, value, words, others, candidate_of)
        mixed = partial(self._mixed, value, words, bases, candidate_of)
        for choice in choices(value, words, candidates, self.updates, self.failed, derived, mixed):
            try:
                return StoredValue(name, spec, key, self._encode(choice))
            except PluginError as error:
                self.failed(error)
            except (UnsuitableError, CorruptError, MissingObjectError):
                # The value is at hand: a damaged base only means another choice.
                continue
        raise AssertionError("dense is always possible")

    def _candidates(self, entry: Entry, candidate_of: _CandidateOf) -> Iterator[BaseCandidate]:
        """An earlier version as it is, and what its chain begins with."""
        from git_theta.encoding.first_versions import first_version
        from git_theta.updates.patch import MEMORY

        spec = entry.spec.as_bytes
        memory = MEMORY if is_bytes(spec) else 0
        later = False
        for source, at_limit in usable_bases(entry.source, spec.nbytes, self.depth, self.store.size):
            if self.has(source) and can_be_extended(source, spec.nbytes, self.store, memory):
                yield replace(candidate_of(entry, source, at_limit), begins_chain=later)
                later = True
        if self.depth > 1 and is_bytes(spec) and self.has(entry.source):
            first = first_version(entry, self.store)
            if first:
                yield first

    def _derived(
        self, value: memoryview, spec: TensorSpec, relatives: Iterable[Entry], candidate_of: _CandidateOf
    ) -> Iterator[BaseCandidate]:
        """Bases that are made of stored values, and that every reader accepts."""
        nearest = self._nearest(relatives, candidate_of) if spec.nbytes >= _LEAST_DERIVED else []
        if not nearest:
            return
        from git_theta.encoding.forms import derived_candidates
        from git_theta.updates.arrange import Arrange

        if Arrange.name in self.updates:
            yield from self._affordable(derived_candidates(value, spec, nearest, self.cache), spec)

    def _mixed(
        self, value: memoryview, spec: TensorSpec, bases: Sequence[Entry], candidate_of: _CandidateOf
    ) -> Iterator[BaseCandidate]:
        """Bases that are computed from several values, and that every reader accepts."""
        different = list({entry.digest: entry for entry in bases}.values())
        if len(different) < 2:
            return
        from git_theta.encoding.mixtures import mixtures
        from git_theta.updates.recipe import Recipe

        if Recipe.name in self.updates:
            yield from self._affordable(mixtures(value, spec, self._nearest(different, candidate_of)), spec)

    def _nearest(self, entries: Iterable[Entry], candidate_of: _CandidateOf) -> list[BaseCandidate]:
        """The entries whose objects are here, as they are or the nearest links of their chains."""
        return [
            candidate_of(entry, source, at_limit)
            for entry in entries
            for source, at_limit in usable_bases(
                entry.source, entry.spec.nbytes, self.depth, self.store.size
            )[:1]
            if self.has(source)
        ]

    def _affordable(self, candidates: Iterable[BaseCandidate], spec: TensorSpec) -> Iterator[BaseCandidate]:
        for candidate in candidates:
            choice = candidate.source
            if isinstance(choice, EncodingChoice) and can_be_derived(choice, spec.nbytes, self.store):
                yield candidate

    def stored(self, key: str) -> Source | None:
        """The source of a value that the store has; `None` for a new one.

        Args:
            key: Digest of the value.
        """
        return self.all_stored((key,)).get(key)

    def all_stored(self, keys: Iterable[str]) -> dict[str, Source]:
        """The sources of the values that the store has, by their digests."""
        found: dict[str, Source] = {}
        others: list[str] = []
        for key in keys:
            before = self.sources.get(key)
            if before and (self.has(before) or self.lazy or self._has_alternative(key)):
                found[key] = before
            else:
                others.append(key)
        known = self.known(others) if others else {}
        return found | {key: source for key, source in known.items() if self.has(source)}

    def write_derived(
        self, name: str, spec: TensorSpec, key: str, update: str, payload: bytes, inputs: tuple[Source, ...]
    ) -> StoredValue:
        """Store a value as a small payload that computes it from other values, once for equal payloads.

        Args:
            name: The parameter's name.
            spec: Dtype and shape.
            key: Digest of the value.
            update: Name of the update, for example `recipe`.
            payload: The update's payload.
            inputs: Sources of the other values.

        Raises:
            ThetaError: The store can't be written.
        """
        return StoredValue(
            name, spec, key, UnpackedSource(update, SmallPayload(self.batch.buffer.put(payload)), inputs)
        )

    def source_of(self, key: str) -> Source | None:
        """The source of a value by its digest; `None` if it isn't known. Its objects may be missing."""
        return self.sources.get(key) or self.known((key,)).get(key)

    def _has_alternative(self, key: str) -> bool:
        """Whether an alternative source of a value is stored: manifests keep the own one then."""
        other = self.store.alternatives.get(key) if self.store.alternatives else None
        return other is not None and self.has(other)

    def has(self, source: Source) -> bool:
        """Whether the store has every object of a source.

        If so, the objects are protected from pruning until a manifest names them.
        """
        return all(self.batch.claim(ref.oid) for ref in source.payloads())

    def _restored(
        self, value: memoryview, spec: TensorSpec, lost: Source, original: Original | None
    ) -> EncodingChoice | None:
        """The choice that gives a lost payload again; `None` if its bases are lost too."""
        from git_theta.encoding.selection import dense_choice, repeated_choice

        if lost.place is not None:
            return None
        if lost.update == "dense":
            return dense_choice(value, spec)
        if all(self.has(part) for part in lost.inputs):
            return repeated_choice(value, spec, lost, self.store)
        if original and lost.inputs == (self.sources.get(original.stored.digest),):
            # It's lost as well, and restored with this one.
            return repeated_choice(value, spec, lost, self.store, original.base)
        return None

    def _encode(self, choice: EncodingChoice, lost: ObjectRef | None = None) -> UnpackedSource:
        """Encode a choice, and the choices below; payloads of at least `PACK_BELOW` bytes become objects."""
        inputs = tuple(
            self._encode(part) if isinstance(part, EncodingChoice) else part for part in choice.inputs
        )
        pieces = choice.payload()
        head, size = [], 0
        for piece in pieces:
            # The piece's buffer is reused by the next one.
            head.append(bytes(piece))
            size += len(piece)
            if size >= PACK_BELOW:
                return UnpackedSource(choice.update, self.batch.put(chain(head, pieces)), inputs)
        payload = self.batch.buffer.put(b"".join(head))
        return UnpackedSource(choice.update, SmallPayload(payload, lost), inputs)


def _as_readable_later(entries: Iterable[Entry], store: LocalStore) -> Iterator[Entry]:
    """Entries as by `as_readable`, read only if they're asked for."""
    yield from as_readable(entries, store)


def _distinct(candidates: Iterable[BaseCandidate]) -> Iterator[BaseCandidate]:
    """The candidates without those of an earlier source: one version begins the chains of several others."""
    seen: set[BaseSource] = set()
    for candidate in candidates:
        if candidate.source not in seen:
            seen.add(candidate.source)
            yield candidate
