import sys
from pathlib import Path

# Spawned workers inherit sys.path, and so find `toy_env` by its plain name.
sys.path.insert(0, str(Path(__file__).parent))
