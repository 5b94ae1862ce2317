"""Maintenance of a repository's objects: fsck, repair, prune and du."""
