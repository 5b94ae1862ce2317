"""The work tree: what files hold, status, staging, materialising, checkout."""
