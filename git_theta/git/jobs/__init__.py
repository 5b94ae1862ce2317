"""Jobs on commits of a remote: workers keep clones, and fetch what a job needs."""
