"""Threads, progress, memory and Git settings: nothing that belongs to the field."""
