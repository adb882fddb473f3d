"""Writes tests/golden/resnet_names.txt: names and shapes of torchvision's residual networks, one module a line. Needs torchvision.

    python3 tools/golden/resnet_names.py
"""
import itertools
import pathlib

import torchvision


def lines(name):
    model = getattr(torchvision.models, name)(weights=None)
    yield f"{name} {sum(p.numel() for p in model.parameters())}"
    state = [(path.rpartition("."), tuple(t.shape)) for path, t in model.state_dict().items() if not path.endswith("num_batches_tracked")]
    for module, fields in itertools.groupby(state, key=lambda entry: entry[0][0]):
        yield f"  {module} " + " ".join(f"{path[2]}:{','.join(map(str, shape))}" for path, shape in fields)


if __name__ == "__main__":
    path = pathlib.Path(__file__).resolve().parents[2] / "tests" / "golden" / "resnet_names.txt"
    path.write_text("".join(line + "\n" for name in ("resnet18", "resnet34", "resnet50") for line in lines(name)))
    print(path.name, path.stat().st_size, "bytes")
