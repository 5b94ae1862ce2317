"""Changes between two versions of a checkpoint, for a reader: a person or a script."""
