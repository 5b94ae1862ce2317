"""Documents that state a lineage in formats of other programs, and say which statements were checked."""
