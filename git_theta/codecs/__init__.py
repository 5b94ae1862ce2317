"""Codecs: the bytes of a tensor to fewer bytes and back. A closed set: see docs/design/14-layout.md."""
