"""A demonstration on real data: train a small classifier, branch, fine-tune, and version every step."""
