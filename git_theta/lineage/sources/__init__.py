"""Sources of derivations beside records: files of libraries that name the parents of a model."""
