"""Commits as `git log` describes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

#: The fields of a commit in the order of `CommitInfo`'s attributes; none can have a NUL.
FIELDS = ("%H", "%T", "%P", "%aI", "%aN", "%aE", "%s")

#: Options of `git log` against a user's settings.
PLAIN_LOG = ("--no-color", "--no-relative", "--no-show-signature", "--no-follow", "--encoding=UTF-8")


@dataclass(frozen=True, slots=True)
class CommitInfo:
    """A commit.

    Attributes:
        oid: Its id.
        tree: The id of its tree.
        parents: Ids of its parents; in the history of one file, the nearest ancestors that matter to it.
        date: The author's date: ISO 8601 with their time zone.
        author: The author's name.
        email: The author's address.
        subject: The first line of its message.
    """

    oid: str
    tree: str
    parents: tuple[str, ...]
    date: str
    author: str
    email: str
    subject: str


def parse_commit(fields: Sequence[str]) -> CommitInfo:
    """The commit of one record of `FIELDS`."""
    oid, tree, parents, date, author, email, subject = fields
    return CommitInfo(oid, tree, tuple(parents.split()), date, author, email, subject)
