"""Settings that must be in the environment before torch, tokenizers or MuJoCo are imported."""

import os
import tempfile

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("HF_HUB_OFFLINE", "1")  # a test that needs the network is a defect
os.environ["EMBODIED_HOME"] = tempfile.mkdtemp(prefix="embodied-home-")  # no skills but ours
