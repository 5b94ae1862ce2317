"""Merges written for mergekit, as YAML: https://github.com/arcee-ai/mergekit."""
