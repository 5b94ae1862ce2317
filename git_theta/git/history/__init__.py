"""History: versions of files and of parameters."""
