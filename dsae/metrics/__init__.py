"""Measures of what an encoder's features are worth, all on held-out episodes."""
