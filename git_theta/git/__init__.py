"""The edge to Git: every git command, the filter protocol, the index, hooks and attributes."""
