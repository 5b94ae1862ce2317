"""History: versions of files and of parameters, by commit."""
