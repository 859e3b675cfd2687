#!/usr/bin/env python3
"""Exports scikit-learn's handwritten digits to one .npz that train.py reads.

Needs: numpy, scikit-learn (any environment; it may be another one than the one with PyTorch).
Usage: prepare.py digits.npz
"""
import sys

import numpy as np
from sklearn.datasets import load_digits

digits = load_digits()
images = digits.images.astype(np.float32)[:, None] / 16.0  # [1797, 1, 8, 8] in [0, 1]
np.savez_compressed(sys.argv[1], images=images, labels=digits.target.astype(np.int64))
print(f"{sys.argv[1]}: {images.shape[0]} images")
