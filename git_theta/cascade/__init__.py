"""Cascades: updated models make their descendants anew. Plans, conditions and states, without Git."""
