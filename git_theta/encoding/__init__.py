"""How a value becomes objects, and objects become a value again."""
