"""Maintenance of the object store: fsck, repair, prune, du."""
