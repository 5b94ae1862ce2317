"""Views of a lineage graph: trees for a terminal, JSON, and the languages of programs that draw graphs."""
