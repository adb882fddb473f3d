"""What PyTorch's modules, torchvision's blocks and the networks of nn/models/ compute in float64; tests/golden_modules_test.cpp has a row for each.

Nothing that goes in is stored: weights, inputs and the loss's weights are numbers(name, shape), which the test makes too. The loss is the sum of
numbers * y, or for networks the cross entropy against labels 0, 1, ..., classes - 1, 0, ...
CASE/y, CASE/loss        in training, where the module has one (dropout draws), then
CASE/dx, CASE/d/NAME     gradients by the input and by each parameter, and
CASE/after/NAME          running statistics after that pass
CASE/eval_y, CASE/eval_dx  in use, after it
Of more than 64 numbers a digest: every (size / 64)-th, then the sum of all times numbers(their name).
Metadata: made_by; cases: for each its input's shape (ids: below which number), classes, names and shapes of its state in PyTorch's order, and
float32: the largest error, relative to each tensor's largest value, that PyTorch makes in float32 in results, gradients and statistics.
"""
import json
import zlib

import numpy as np
import torch
import torchvision
from peer.torch_models import Cnn7, LeNet5, Mlp
from torch import nn
from torchvision.models.resnet import BasicBlock, Bottleneck, conv1x1

CASES = {}


def bits(name, count):
    """16 random bits for each of count numbers: the finaliser of MurmurHash3 (Appleby) of counter and name."""
    h = np.arange(count, dtype=np.uint32) * np.uint32(2654435761) + np.uint32(zlib.crc32(name.encode()))
    h = (h ^ h >> np.uint32(16)) * np.uint32(0x85EBCA6B)
    h = (h ^ h >> np.uint32(13)) * np.uint32(0xC2B2AE35)
    return (h ^ h >> np.uint32(16)) >> np.uint32(16)


def numbers(name, shape):
    """In [-2, 2); for weights divided by about the root of their fan in; for the weights of norms, and variances, in [0.5, 1.5). Exact in float32."""
    v = bits(name, int(np.prod(shape))).astype(np.float64) / 65536
    if len(shape) == 1 and name.endswith(("weight", "running_var")):
        v += 0.5
    else:
        v = 4 * v - 2
        if name.endswith("weight") and len(shape) > 1:
            v /= 2 ** (int(np.prod(shape[1:])).bit_length() // 2)
    return torch.from_numpy(v.reshape(shape))


def digest(name, t):
    v = t.detach().to(torch.float64).reshape(-1).numpy()
    if v.size <= 64:
        return v.copy()
    return np.append(v[np.arange(64) * v.size // 64], (v * numbers(name, (v.size,)).numpy()).sum())


def case(name, module, *shape, ids=0, classes=0, training=True):
    assert name not in CASES, name
    CASES[name] = (module, shape, ids, classes, training)


class CifarResNet(nn.Module):
    """The paper's section 4.2, of torchvision's blocks."""

    def __init__(self, blocks, classes):
        super().__init__()
        self.conv1, self.bn1, self.fc = nn.Conv2d(3, 16, 3, padding=1, bias=False), nn.BatchNorm2d(16), nn.Linear(64, classes)

        def stage(inputs, width, stride):
            first = nn.Sequential(conv1x1(inputs, width, stride), nn.BatchNorm2d(width)) if stride > 1 else None
            return nn.Sequential(BasicBlock(inputs, width, stride, first), *(BasicBlock(width, width) for _ in range(blocks - 1)))

        self.layer1, self.layer2, self.layer3 = stage(16, 16, 1), stage(16, 32, 2), stage(32, 64, 2)

    def forward(self, x):
        y = torch.relu(self.bn1(self.conv1(x)))
        return self.fc(self.layer3(self.layer2(self.layer1(y))).mean((2, 3)))


class Perceptron(nn.Module):
    def __init__(self, features, classes):
        super().__init__()
        self.fc = nn.Linear(features, classes)

    def forward(self, x):
        return self.fc(x.flatten(1))


def modules():
    case("linear", nn.Linear(7, 5), 4, 7)
    case("linear_no_bias", nn.Linear(7, 5, bias=False), 2, 3, 7)
    case("conv2d", nn.Conv2d(3, 5, 3), 2, 3, 7, 6)
    case("conv2d_strided", nn.Conv2d(3, 4, (3, 5), stride=2, padding=(1, 2), bias=False), 2, 3, 9, 8)
    case("conv2d_dilated", nn.Conv2d(2, 3, 3, dilation=2, padding=2), 2, 2, 8, 7)
    case("conv2d_groups", nn.Conv2d(4, 6, 3, groups=2, padding=1), 2, 4, 5, 6)
    case("conv2d_depthwise", nn.Conv2d(5, 5, 3, groups=5, padding=1, bias=False), 2, 5, 6, 5)
    case("batch_norm1d", nn.BatchNorm1d(5), 7, 5)
    case("batch_norm2d", nn.BatchNorm2d(3), 4, 3, 5, 4)
    case("batch_norm2d_options", nn.BatchNorm2d(3, momentum=0.3, eps=1e-2, affine=False), 4, 3, 5, 4)
    case("batch_norm2d_untracked", nn.BatchNorm2d(3, track_running_stats=False), 4, 3, 5, 4)
    case("layer_norm", nn.LayerNorm(7), 3, 5, 7)
    case("layer_norm_two", nn.LayerNorm((5, 7), eps=1e-3), 3, 5, 7)
    case("layer_norm_plain", nn.LayerNorm(7, elementwise_affine=False), 3, 7)
    case("embedding", nn.Embedding(6, 4), 3, 5, ids=6)
    case("max_pool2d", nn.MaxPool2d(3, 2, 1), 2, 3, 8, 7)
    case("avg_pool2d", nn.AvgPool2d(2), 2, 3, 6, 8)
    case("adaptive_avg_pool2d", nn.AdaptiveAvgPool2d((2, 3)), 2, 3, 7, 5)
    case("adaptive_max_pool2d", nn.AdaptiveMaxPool2d(2), 2, 3, 7, 5)
    case("global_avg_pool2d", nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()), 2, 3, 4, 5)
    for name, module in {"relu": nn.ReLU(), "relu6": nn.ReLU6(), "leaky_relu": nn.LeakyReLU(0.2), "elu": nn.ELU(0.5), "gelu": nn.GELU(), "gelu_tanh": nn.GELU("tanh"),
                         "silu": nn.SiLU(), "softplus": nn.Softplus(2), "softsign": nn.Softsign(), "sigmoid": nn.Sigmoid(), "tanh": nn.Tanh(),
                         "hard_swish": nn.Hardswish(), "identity": nn.Identity(), "softmax": nn.Softmax(1), "log_softmax": nn.LogSoftmax(-1),
                         "flatten": nn.Flatten()}.items():
        case(name, module, 3, 5, 7)
    case("dropout", nn.Dropout(0.3), 3, 7, training=False)
    case("dropout2d", nn.Dropout2d(0.3), 2, 3, 4, 5, training=False)
    case("basic_block", BasicBlock(6, 6), 3, 6, 7, 5)
    case("basic_block_strided", BasicBlock(6, 9, 2, nn.Sequential(conv1x1(6, 9, 2), nn.BatchNorm2d(9))), 3, 6, 7, 5)
    case("bottleneck", Bottleneck(12, 3), 3, 12, 5, 6)
    case("bottleneck_strided", Bottleneck(6, 3, 2, nn.Sequential(conv1x1(6, 12, 2), nn.BatchNorm2d(12))), 3, 6, 7, 5)
    case("sequential", nn.Sequential(nn.Conv2d(1, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(48, 6), nn.GELU(),
                                     nn.Sequential(nn.Linear(6, 5), nn.LayerNorm(5))), 3, 1, 8, 6)


def networks():
    case("perceptron", Perceptron(64, 10), 5, 1, 8, 8, classes=10)
    case("mlp", Mlp((24, 12)), 5, 1, 28, 28, classes=10)
    case("lenet5", LeNet5(), 3, 1, 28, 28, classes=10)
    case("cnn7", Cnn7(), 4, 1, 12, 12, classes=10)
    case("resnet8", CifarResNet(1, 10), 4, 3, 16, 16, classes=10)
    case("resnet20", CifarResNet(3, 7), 4, 3, 12, 12, classes=7)
    case("resnet18", torchvision.models.resnet18(num_classes=5), 3, 3, 48, 48, classes=5)
    case("resnet50", torchvision.models.resnet50(num_classes=4), 3, 3, 48, 48, classes=4)


def run(name, dtype):
    module, shape, ids, classes, training = CASES[name]
    state = {key: numbers(f"{name}/{key}", tuple(t.shape)) if t.is_floating_point() else torch.zeros_like(t) for key, t in module.state_dict().items()}
    module.to(dtype).load_state_dict(state)
    module.zero_grad()
    x = torch.from_numpy(bits(f"{name}/x", int(np.prod(shape))).astype(np.int64).reshape(shape) % ids) if ids else numbers(f"{name}/x", shape).to(dtype).requires_grad_()
    results = {}

    def passes(prefix):
        y = module(x)
        results[f"{prefix}y"] = y
        if classes:
            loss = nn.functional.cross_entropy(y, torch.arange(len(y)) % classes)
            results[f"{prefix}loss"] = loss
        else:
            loss = (numbers(f"{name}/w", tuple(y.shape)).to(dtype) * y).sum()
        loss.backward()
        if not ids:
            results[f"{prefix}dx"] = x.grad.clone()
            x.grad = None

    if training:
        module.train()
        passes("")
        results |= {f"d/{key}": p.grad.clone() for key, p in module.named_parameters()}
        results |= {f"after/{key}": b.clone() for key, b in module.named_buffers() if b.is_floating_point()}
    module.eval()
    passes("eval_")
    return {f"{name}/{key}": t.detach() for key, t in results.items()}


def make():
    torch.set_num_threads(1)
    CASES.clear()
    modules()
    networks()
    tensors, cases = {}, {}
    for name, (module, shape, ids, classes, _) in CASES.items():
        wide, narrow, worst = run(name, torch.float64), run(name, torch.float32), [0.0, 0.0, 0.0]
        for key, t in wide.items():
            kind = 1 if "/d/" in key or key.endswith("dx") else 2 if "/after/" in key else 0
            error = float((narrow[key].to(torch.float64) - t).abs().max() / t.abs().max().clamp(min=1e-30))
            worst[kind] = max(worst[kind], error)
            tensors[key] = digest(key, t)
        state = {key: list(t.shape) for key, t in module.state_dict().items()}
        cases[name] = {"input": shape, "ids": ids, "classes": classes, "state": state, "float32": worst}
    versions = f"torch {torch.__version__.split('+')[0]}, torchvision {torchvision.__version__.split('+')[0]}"
    return tensors, {"tests": json.dumps({"made_by": f"tools/make_golden.py with {versions}", "cases": cases})}
