import sys
from pathlib import Path

import torch

from dsae.commands import opengl

opengl.ensure()  # before any test imports mujoco, which reads its choice then
torch.set_num_threads(1)
# For `examples`, by its plain name.
sys.path.insert(0, str(Path(__file__).parent))
