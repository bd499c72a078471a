"""From feature points to a state: is a point there, and where will it be?"""
