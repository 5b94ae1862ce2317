"""Migration: files in HEAD or in all of history become manifests, LFS pointers or plain files."""
