#!/usr/bin/env python3
"""Writes the golden files of tests/golden/: what PyTorch and ONNX's reference compute, for mica's tests to compare with.

    python3 tools/make_golden.py                 all files
    python3 tools/make_golden.py optimizers ops  some of them

Needs torch, torchvision, numpy, safetensors, and onnx for the file `onnx_nodes`. The same versions write the same bytes; they are named in each
file's metadata. A case's tensors are named CASE/NAME, see the module that makes them.
"""
import argparse
import importlib
import pathlib
import sys

FILES = ["optimizers", "ops", "modules", "onnx_nodes"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("files", nargs="*", help=f"which files: {', '.join(FILES)} (default: all)")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parent.parent / "tests" / "golden")
    args = parser.parse_args()
    if unknown := set(args.files) - set(FILES):
        parser.error(f"there is no file {', '.join(sorted(unknown))}; there are {', '.join(FILES)}")
    from safetensors.numpy import save
    args.out.mkdir(parents=True, exist_ok=True)
    for name in args.files or FILES:
        tensors, metadata = importlib.import_module(f"golden.{name}").make()
        path = args.out / f"{name}.safetensors"
        path.write_bytes(save(dict(sorted(tensors.items())), metadata))
        print(f"{path.name}: {len(tensors)} tensors, {path.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    sys.exit(main())
