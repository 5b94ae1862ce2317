"""Archives of checkpoints: files in them are located by their own formats."""
