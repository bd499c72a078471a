"""MuJoCo, imported after its OpenGL has been chosen: it reads the choice while it is imported."""

import os
import sys

if sys.platform == "linux" and "DISPLAY" not in os.environ:
    # Its own choice needs a screen.
    os.environ.setdefault("MUJOCO_GL", "egl")
import mujoco

__all__ = ["mujoco"]
