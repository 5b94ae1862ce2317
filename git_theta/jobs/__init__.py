"""Jobs that run in threads here, or on the workers of a cluster. Nothing here knows of Git."""
