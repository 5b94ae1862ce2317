"""Adapters: names of their tensors, and their settings, as PEFT and other tools write them."""
