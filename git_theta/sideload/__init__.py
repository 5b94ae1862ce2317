"""Side-loading: updates that the user gives, rather than ones that are found in a changed file."""
