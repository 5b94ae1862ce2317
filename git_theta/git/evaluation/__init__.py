"""Tests of a repository's models: run on scratch copies, remembered by content, and recorded."""
