"""Pure layers, each usable alone."""
