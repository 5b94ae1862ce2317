"""One repository: its folders and settings, the manifests in its history, its records of conflicts."""
