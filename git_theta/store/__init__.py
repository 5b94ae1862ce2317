"""Where objects are."""
