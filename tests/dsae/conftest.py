import sys
from pathlib import Path

import torch

# The tests share two cores; and results must not depend on how many there are.
torch.set_num_threads(1)
# For `blobs`, by its plain name.
sys.path.insert(0, str(Path(__file__).parent))
