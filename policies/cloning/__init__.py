"""Behaviour cloning, in parts: what an actor is made of, and how it is fitted to demonstrations."""
