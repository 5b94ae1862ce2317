"""Bisection of models: along their versions, and along what they were made from."""
