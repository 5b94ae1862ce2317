"""Pickles, read as descriptions of objects that are never made."""
