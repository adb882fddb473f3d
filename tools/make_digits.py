#!/usr/bin/env python3
"""Writes data/digits/: the handwritten digits that scikit-learn ships, split into train, validation and test, as gzipped IDX files.

    python tools/make_digits.py [FOLDER]        needs scikit-learn and numpy; the arrays do not depend on their versions

Each class is put in the order of SHA-256("mica digits " + row), row being the position in scikit-learn's file; the first fifth (rounded) is
test, the next fifth validation, the rest train. Within each part the rows keep their original order.
"""
import gzip
import hashlib
import pathlib
import struct
import sys
import zlib

import numpy as np
from sklearn.datasets import load_digits

IDX_TYPES = {"u1": 0x08, "i2": 0x0B}


def write_idx(path, array, dtype):
    header = struct.pack(f">BBBB{array.ndim}I", 0, 0, IDX_TYPES[dtype], array.ndim, *array.shape)
    body = gzip.compress(header + array.astype(">" + dtype).tobytes(), 9, mtime=0)
    path.write_bytes(body[:9] + b"\3" + body[10:])  # "Unix" as the system, whatever Python wrote
    print(f"{path.name}: {list(array.shape)}, {path.stat().st_size} bytes")


def main():
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent.parent / "data" / "digits")
    digits = load_digits()
    images, labels = digits.images.astype(np.uint8), digits.target.astype(np.uint8)
    assert images.shape == (1797, 8, 8) and (images == digits.images).all() and images.max() == 16

    parts = {"train": [], "validation": [], "test": []}
    for c in range(10):
        rows = sorted(np.flatnonzero(labels == c), key=lambda row: hashlib.sha256(f"mica digits {row}".encode()).digest())
        fifth = round(len(rows) / 5)
        parts["test"] += rows[:fifth]
        parts["validation"] += rows[fifth:2 * fifth]
        parts["train"] += rows[2 * fifth:]

    for name, rows in parts.items():
        rows.sort()
        write_idx(folder / f"{name}-images-idx3-ubyte.gz", images[rows], "u1")
        write_idx(folder / f"{name}-labels-idx1-ubyte.gz", labels[rows], "u1")
        print("  per class:", np.bincount(labels[rows]).tolist())
    write_idx(folder / "source-rows-idx1-short.gz", np.array(sum(parts.values(), [])), "i2")
    print(f"CRC-32 in the original order: images {zlib.crc32(images.tobytes()):#010x}, labels {zlib.crc32(labels.tobytes()):#010x}")
    print("equal images:", 1797 - len({image.tobytes() for image in images}))


if __name__ == "__main__":
    main()
