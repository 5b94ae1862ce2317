"""The page of a lineage graph: a picture that can be explored, a list of its models, and facts about each."""
