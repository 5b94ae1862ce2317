"""Programs that Git starts: the filter process, diff and merge drivers, hooks."""
