"""Migrate: change how files are stored, in HEAD or in all of history: as manifests, LFS pointers or plain."""
