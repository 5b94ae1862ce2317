"""One repository: its settings, the manifests in its history, its records of conflicts."""
