"""The structure of models: modules, told by the names of parameters, and how they feed each other."""
