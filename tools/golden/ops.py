"""What PyTorch computes in float64, value and gradient of every op, one small case a line; tests/golden_test.cpp has a row for each.

CASE/x0, x1, ...  inputs: floats stored as f32 and used as f64, ids and masks as they are; undefined ones are absent
CASE/y0, y1, ...  outputs
CASE/w0, ...      weights: the loss is the sum over the float outputs of w y
CASE/dx0, ...     its gradient by the float inputs that have one
"""
import zlib

import numpy as np
import torch
import torch.nn.functional as F

CASES = {}
f64, f32 = torch.float64, torch.float32


class Fixed:
    """An input without gradient."""

    def __init__(self, value):
        self.value = value


def case(name, f, *inputs):
    """f: what PyTorch does. inputs: a shape (normal numbers), a tensor, Fixed(either), or None."""
    assert name not in CASES, name
    CASES[name] = (f, inputs)


def normal(*shape, seed=1):
    return torch.from_numpy(np.random.RandomState(seed).standard_normal(shape))


def positive(*shape, seed=1):
    return normal(*shape, seed=seed).abs() + 0.1


def ids(below, *shape, seed=1):
    return torch.from_numpy(np.random.RandomState(seed).randint(0, below, shape))


def few(*shape, seed=1):
    """Halves from -1 to 1: many of them equal."""
    return ids(5, *shape, seed=seed).to(f64) / 2 - 1


def pointwise():
    # Both signs, 0, the kinks of relu6, hard_sigmoid, ..., and large values.
    grid = torch.tensor([-30, -6.5, -6, -3.5, -3, -2.25, -1, -0.75, -0.5, -0.1, -1e-3, 0, 1e-3, 0.1, 0.5, 0.75, 1, 1.5, 2.25, 2.5, 3, 3.5, 6, 6.5, 30], dtype=f64)
    smooth = grid[grid != 0]
    above = positive(3, 7)
    # hard_sigmoid: PyTorch's own multiplies by a float32 sixth.
    for name, f in {"negative": torch.neg, "square": torch.square, "sin": torch.sin, "cos": torch.cos, "expm1": torch.expm1, "exp": torch.exp, "abs": torch.abs,
                    "sign": torch.sign, "floor": torch.floor, "ceil": torch.ceil, "round": torch.round, "identity": lambda x: x.clone(),
                    "sigmoid": torch.sigmoid, "tanh": torch.tanh, "relu": F.relu, "relu6": F.relu6, "leaky_relu": F.leaky_relu, "elu": F.elu, "gelu": F.gelu,
                    "silu": F.silu, "softsign": F.softsign, "hard_sigmoid": lambda x: F.relu6(x + 3) / 6, "hard_swish": F.hardswish}.items():
        case(name, f, grid)
    case("reciprocal", torch.reciprocal, smooth)
    for name, f in {"log": torch.log, "log1p": torch.log1p, "sqrt": torch.sqrt, "rsqrt": torch.rsqrt}.items():
        case(name, f, above)
    case("step", lambda x: torch.heaviside(x, torch.zeros((), dtype=x.dtype)), Fixed(grid))
    case("leaky_relu/slope", lambda x: F.leaky_relu(x, 0.2), grid)
    case("elu/alpha", lambda x: F.elu(x, 0.5), grid)
    case("gelu_tanh", lambda x: F.gelu(x, approximate="tanh"), grid)
    case("softplus", lambda x: F.softplus(x, threshold=1000), grid)
    case("softplus/beta", lambda x: F.softplus(x, beta=2.5, threshold=1000), grid)
    case("clamp", lambda x: torch.clamp(x, -1, 2.25), grid)
    case("clamp/min", lambda x: torch.clamp(x, min=0.5), grid)
    case("clamp/max", lambda x: torch.clamp(x, max=-0.5), grid)
    case("pow/3", lambda x: x**3, grid)
    case("pow/2", lambda x: x**2, grid)
    case("pow/0", lambda x: x**0, grid)
    case("pow/0.5", lambda x: x**0.5, above)
    case("pow/-1.5", lambda x: x**-1.5, above)
    case("pow/base", lambda x: 2.5**x, grid)
    case("pow/tensors", torch.pow, positive(3, 1, 5), (4, 1))
    case("pow/zero", torch.pow, torch.zeros(4, dtype=f64), torch.tensor([0.0, 0.5, 1, 2], dtype=f64))
    case("pow/negative_base", torch.pow, torch.tensor([-2.0, -0.5, -3], dtype=f64), Fixed(torch.tensor([2.0, 3, -1], dtype=f64)))
    case("isnan", torch.isnan, Fixed(torch.tensor([1, float("nan"), float("inf"), 0], dtype=f64)))
    for name, f in {"add": torch.add, "subtract": torch.sub, "multiply": torch.mul, "divide": torch.div}.items():
        case(name, f, (3, 5), (3, 5))
        case(f"{name}/broadcast", f, (3, 1, 5), (4, 1))
        case(f"{name}/zero_dim", f, (), (2, 3))
        case(f"{name}/size_1", f, (2, 1), (1, 3))
    case("add/same", lambda x: x + x, (3,))
    case("add/empty", torch.add, (2, 0), (1, 1))
    case("add/number", lambda x: x + 2.5, (3,))
    case("subtract/number", lambda x: 2.5 - x, (3,))
    case("multiply/number", lambda x: x * 2.5, (3,))
    case("divide/number", lambda x: 2.5 / x, (3,))
    for name, f in {"maximum": torch.maximum, "minimum": torch.minimum}.items():
        case(name, f, (3, 1, 5), (4, 1))
        case(f"{name}/ties", f, few(4, 6), few(4, 6, seed=2))
    for name, f in {"equal": torch.eq, "not_equal": torch.ne, "less": torch.lt, "less_equal": torch.le, "greater": torch.gt, "greater_equal": torch.ge,
                    "logical_and": torch.logical_and, "logical_or": torch.logical_or, "logical_xor": torch.logical_xor}.items():
        case(name, f, Fixed(few(3, 1, 5)), Fixed(few(4, 1, seed=2)))
        case(f"{name}/integers", f, ids(3, 7), ids(3, 7, seed=2))
    case("logical_not", torch.logical_not, Fixed(few(3, 5)))
    case("where", torch.where, ids(2, 3, 1, 5).bool(), (4, 1), (5,))
    case("where/condition", lambda c, a, b: torch.where(c > 0, a, b), Fixed((3, 4)), (3, 4), ())


def reductions():
    for name, f in {"sum": torch.sum, "mean": torch.mean, "max": torch.amax, "min": torch.amin, "logsumexp": torch.logsumexp}.items():
        case(name, lambda x, f=f: f(x, dim=tuple(range(x.dim()))), (3, 5, 4))
        case(f"{name}/first", lambda x, f=f: f(x, dim=0), (3, 5, 4))
        case(f"{name}/two", lambda x, f=f: f(x, dim=(0, 2), keepdim=True), (3, 5, 4))
        case(f"{name}/last", lambda x, f=f: f(x, dim=-1, keepdim=True), (3, 5, 17))
    case("sum/empty", lambda x: x.sum(1), (2, 0))
    case("sum/integers", torch.sum, ids(100, 3, 5))
    case("sum/bool", torch.sum, ids(2, 3, 5).bool())
    case("max/ties", lambda x: torch.amax(x, dim=1), few(5, 9))
    case("min/ties", torch.amin, few(5, 9))
    for name, f in {"argmax": torch.argmax, "argmin": torch.argmin}.items():
        case(name, lambda x, f=f: f(x, dim=-1), Fixed((3, 5, 4)))
        case(f"{name}/middle", lambda x, f=f: f(x, dim=1), Fixed((3, 5, 4)))
        case(f"{name}/ties", lambda x, f=f: f(x, dim=0), Fixed(few(9, 4)))
    case("var", torch.var, (3, 5, 4))
    case("var/population", lambda x: torch.var(x, correction=0), (3, 5))
    case("var/dims", lambda x: torch.var(x, dim=(0, 2), keepdim=True), (3, 5, 4))
    case("std", lambda x: torch.std(x, dim=1, correction=2), (3, 5, 4))
    for p in (1, 2, 3, 0.5, float("inf")):
        case(f"norm/{p}", lambda x, p=p: torch.linalg.vector_norm(x, p), (3, 5))
    case("norm/dims", lambda x: torch.linalg.vector_norm(x, 2, dim=(0, 2), keepdim=True), (3, 5, 4))
    case("norm/zero", lambda x: torch.linalg.vector_norm(x, 2), torch.zeros(3, dtype=f64))
    case("all", torch.all, ids(2, 3, 4).bool())
    case("any", lambda x: torch.any(x, dim=1), ids(2, 3, 4).bool())
    case("any/nan", torch.any, Fixed(torch.tensor([0.0, float("nan")], dtype=f64)))
    case("cumsum", lambda x: torch.cumsum(x, -1), (3, 5))
    case("cumsum/first", lambda x: torch.cumsum(x, 0), (3, 5))
    for name, f in {"softmax": F.softmax, "log_softmax": F.log_softmax}.items():
        case(name, lambda x, f=f: f(x, dim=-1), (3, 17))
        case(f"{name}/first", lambda x, f=f: f(x, dim=0), (5, 3, 2))
        case(f"{name}/middle", lambda x, f=f: f(x, dim=1), (2, 5, 3, 4))
        case(f"{name}/large", lambda x, f=f: f(x, dim=-1), 200 * normal(3, 4))


def products():
    for name, a, b in (("", (3, 4), (4, 5)), ("/batched", (5, 2, 3), (5, 3, 4)), ("/broadcast", (2, 1, 3, 4), (5, 4, 2)), ("/matrix", (2, 3, 4), (4, 5)),
                       ("/dot", (7,), (7,)), ("/vector_matrix", (4,), (4, 3)), ("/matrix_vector", (3, 4), (4,)), ("/batch_vector", (2, 3, 4), (4,)),
                       ("/vector_batch", (4,), (2, 4, 3)), ("/large", (17, 33), (33, 19)), ("/empty", (3, 0), (0, 2)), ("/one", (1, 1), (1, 1))):
        case(f"matmul{name}", torch.matmul, a, b)
    case("matmul/transposed", lambda a, b: torch.matmul(a.transpose(0, 1), b), (4, 3), (4, 5))
    case("linear", F.linear, (3, 4), (5, 4), (5,))
    case("linear/no_bias", F.linear, (3, 4), (5, 4))
    case("linear/1d", F.linear, (4,), (5, 4), (5,))
    case("linear/3d", F.linear, (2, 3, 4), (5, 4), (5,))


def convolutions():
    for name, x, w, bias, options in (
            ("3x3", (2, 3, 6, 7), (4, 3, 3, 3), True, dict(padding=1)), ("valid", (2, 3, 6, 7), (4, 3, 3, 3), True, {}), ("no_bias", (1, 2, 5, 5), (3, 2, 3, 3), False, {}),
            ("stride2", (2, 3, 7, 8), (4, 3, 3, 3), True, dict(stride=2, padding=1)), ("stride_2_1", (2, 3, 7, 6), (4, 3, 3, 2), True, dict(stride=(2, 1), padding=(1, 0))),
            ("stride3", (1, 2, 8, 8), (2, 2, 2, 2), True, dict(stride=3)), ("dilation2", (2, 3, 8, 7), (4, 3, 3, 3), True, dict(dilation=2, padding=2)),
            ("dilation_1_2", (1, 2, 6, 9), (3, 2, 3, 3), False, dict(dilation=(1, 2), stride=(2, 1))), ("groups2", (2, 4, 5, 5), (6, 2, 3, 3), True, dict(groups=2, padding=1)),
            ("depthwise", (2, 5, 6, 5), (5, 1, 3, 3), True, dict(groups=5, padding=1)), ("depthwise_twice", (2, 3, 6, 5), (6, 1, 3, 3), True, dict(groups=3, stride=2, padding=1)),
            ("1x1", (2, 5, 4, 3), (7, 5, 1, 1), True, {}), ("1x1_stride2", (2, 5, 5, 4), (3, 5, 1, 1), False, dict(stride=2)),
            ("1x1_padded", (1, 2, 3, 3), (2, 2, 1, 1), True, dict(padding=1)), ("5x5", (2, 1, 8, 8), (3, 1, 5, 5), True, dict(padding=2)),
            ("7x7_stride2", (1, 3, 13, 12), (4, 3, 7, 7), False, dict(stride=2, padding=3)), ("1x3", (2, 3, 4, 6), (2, 3, 1, 3), True, dict(padding=(0, 1))),
            ("2x2", (1, 2, 5, 6), (3, 2, 2, 2), True, {}), ("whole_image", (2, 3, 4, 5), (6, 3, 4, 5), True, {}), ("wide", (1, 17, 5, 4), (19, 17, 3, 3), True, dict(padding=1)),
            ("one_pixel", (1, 1, 1, 1), (1, 1, 1, 1), True, {}), ("groups_dilated", (1, 4, 7, 7), (4, 2, 3, 3), True, dict(groups=2, dilation=2, stride=2, padding=1))):
        case(f"conv2d/{name}", lambda *v, o=options: F.conv2d(*v, **o), x, w, *([w[:1]] if bias else []))


def pooling():
    for name, x, options in (
            ("2", (2, 3, 6, 8), dict(kernel_size=2)), ("odd", (2, 3, 5, 7), dict(kernel_size=2)), ("3_stride2_padded", (2, 3, 7, 8), dict(kernel_size=3, stride=2, padding=1)),
            ("overlap", (1, 2, 6, 5), dict(kernel_size=3, stride=1)), ("gaps", (1, 2, 8, 9), dict(kernel_size=2, stride=3)),
            ("uneven", (2, 2, 7, 6), dict(kernel_size=(3, 2), stride=(2, 1), padding=(1, 0))), ("ceil", (1, 2, 6, 7), dict(kernel_size=3, stride=2, ceil_mode=True)),
            ("ceil_padded", (1, 2, 7, 6), dict(kernel_size=3, stride=2, padding=1, ceil_mode=True)), ("ceil_drops", (1, 1, 4, 4), dict(kernel_size=2, stride=3, padding=1, ceil_mode=True)),
            ("one", (1, 1, 3, 3), dict(kernel_size=1))):
        case(f"max_pool2d/{name}", lambda v, o=options: F.max_pool2d(v, **o), x)
        case(f"avg_pool2d/{name}", lambda v, o=options: F.avg_pool2d(v, **o), x)
        if "padding" in options:
            case(f"avg_pool2d/{name}_uncounted", lambda v, o=options: F.avg_pool2d(v, count_include_pad=False, **o), x)
    case("max_pool2d/dilated", lambda v: F.max_pool2d(v, 2, stride=1, dilation=(2, 3)), (1, 2, 6, 7))
    case("max_pool2d/ties", lambda v: F.max_pool2d(v, 3, 2, 1), few(1, 2, 7, 7))
    for size in ((1, 1), (3, 3), (2, 5), (4, 4), (9, 8)):
        for name, f in {"avg": F.adaptive_avg_pool2d, "max": F.adaptive_max_pool2d}.items():
            case(f"adaptive_{name}_pool2d/{size[0]}x{size[1]}", lambda v, f=f, s=size: f(v, s), (2, 3, 7, 5))
    case("global_avg_pool2d", lambda v: v.mean((2, 3)), (2, 3, 4, 5))


def norms():
    def batch(training, momentum=0.1, eps=1e-5, relu=False):
        def f(x, weight, bias, mean, var, add=None):
            mean, var = mean.clone() if mean is not None else None, var.clone() if var is not None else None
            y = F.batch_norm(x, mean, var, weight, bias, training, momentum, eps)
            y = y + add if add is not None else y
            y = F.relu(y) if relu else y
            return (y, mean, var) if mean is not None else y
        return f

    running = Fixed((3,)), Fixed(positive(3, seed=3))
    case("batch_norm", batch(True), (4, 3, 5, 2), (3,), (3,), *running)
    case("batch_norm/2d", batch(True), (7, 3), (3,), (3,), *running)
    case("batch_norm/3d", batch(True), (2, 3, 5), (3,), (3,), *running)
    case("batch_norm/options", batch(True, 0.3, 1e-2), (2, 3, 4, 4), (3,), (3,), *running)
    case("batch_norm/plain", batch(True), (2, 3, 4, 4), None, None, None, None)
    case("batch_norm/relu", batch(True, relu=True), (4, 3, 5, 2), (3,), (3,), *running)
    case("batch_norm/add_relu", batch(True, relu=True), (4, 3, 5, 2), (3,), (3,), *running, (4, 3, 5, 2))
    case("batch_norm/add", batch(True), (4, 3, 5, 2), (3,), (3,), *running, (4, 3, 5, 2))
    case("batch_norm/eval", batch(False), (4, 3, 5, 2), (3,), (3,), *running)
    case("batch_norm/eval_2d", batch(False), (4, 3), (3,), (3,), *running)
    case("batch_norm/eval_plain", batch(False), (4, 3, 5, 2), None, None, *running)
    case("batch_norm/eval_add_relu", batch(False, relu=True), (4, 3, 5, 2), (3,), (3,), *running, (4, 3, 5, 2))
    case("layer_norm", lambda x, w, b: F.layer_norm(x, (7,), w, b), (3, 5, 7), (7,), (7,))
    case("layer_norm/two", lambda x, w, b: F.layer_norm(x, (5, 7), w, b), (3, 5, 7), (5, 7), (5, 7))
    case("layer_norm/plain", lambda x: F.layer_norm(x, (33,)), (3, 33))
    case("layer_norm/eps", lambda x, w, b: F.layer_norm(x, (5,), w, b, 0.1), (2, 5), (5,), (5,))


def shapes():
    case("cat", lambda *x: torch.cat(x), (2, 3), (1, 3), (4, 3))
    case("cat/middle", lambda *x: torch.cat(x, 1), (2, 3, 2), (2, 1, 2), (2, 0, 2))
    case("cat/last", lambda *x: torch.cat(x, -1), (2, 3), (2, 2))
    case("cat/same", lambda x: torch.cat([x, x], 0), (2, 3))
    case("stack", lambda *x: torch.stack(x), (2, 3), (2, 3))
    case("stack/last", lambda *x: torch.stack(x, -1), (2, 3), (2, 3), (2, 3))
    case("split", lambda x: x.split(2, 1), (2, 7, 3))
    case("chunk", lambda x: x.chunk(3), (8, 2))
    case("pad", lambda x: F.pad(x, (1, 2)), (2, 3))
    case("pad/image", lambda x: F.pad(x, (1, 0, 2, 3), value=1.5), (2, 1, 3, 4))
    case("pad/negative", lambda x: F.pad(x, (-1, 2, 1, -2)), (2, 4, 5))
    case("pad/reflect", lambda x: F.pad(x, (2, 1, 1, 2), mode="reflect"), (2, 1, 3, 4))
    case("pad/replicate", lambda x: F.pad(x, (2, 1, 1, 3), mode="replicate"), (2, 1, 3, 4))
    case("flip", lambda x: x.flip([0, 2]), (2, 3, 4))
    case("roll", lambda x: x.roll(-2, 1), (2, 5))
    case("reshape", lambda x: x.reshape(4, -1), (2, 3, 4))
    case("reshape/permuted", lambda x: x.permute(2, 0, 1).reshape(6, 4), (2, 3, 4))
    case("flatten", lambda x: x.flatten(1), (2, 3, 4, 5))
    case("permute", lambda x: x.permute(2, 0, 1), (2, 3, 4))
    case("transpose", lambda x: x.transpose(-1, 0), (2, 3, 4))
    case("expand", lambda x: x.expand(4, 2, 3), (2, 1))
    case("squeeze", lambda x: x.squeeze(1), (2, 1, 3))
    case("unsqueeze", lambda x: x.unsqueeze(-1), (2, 3))
    case("select", lambda x: x.select(1, -2), (2, 3, 4))
    case("slice", lambda x: x[:, 1:6:2], (3, 7))
    case("slice/negative", lambda x: x[-3:-1], (5, 2))
    case("slice_update", lambda x, u: torch.slice_scatter(x, u, 1, 2, 4), (3, 6), (3, 2))
    case("tril", lambda x: x.tril(1), (4, 5))
    case("triu", lambda x: x.triu(-1), (2, 4, 5))
    case("embedding", lambda w, i: F.embedding(i, w), (5, 3), ids(5, 4, 2))
    case("embedding/padding", lambda w, i: F.embedding(i, w, padding_idx=2), (5, 3), ids(5, 9))
    case("one_hot", lambda i: F.one_hot(i, 6), ids(6, 2, 4))
    case("gather", lambda x, i: x.gather(1, i), (3, 5), ids(5, 3, 4))
    case("gather/first", lambda x, i: x.gather(0, i), (3, 5), ids(3, 7, 2))
    case("index_select", lambda x, i: x.index_select(1, i), (3, 5, 2), ids(5, 7))
    case("index_add", lambda x, i, v: x.index_add(0, i, v), (4, 3), ids(4, 6), (6, 3))
    case("masked_fill", lambda x, m: x.masked_fill(m, -2.5), (3, 4), ids(2, 4).bool())
    case("masked_select", torch.masked_select, (3, 4), ids(2, 3, 4).bool())
    case("index/mask", lambda x, m: x[m], (4, 3), torch.tensor([True, False, True, True]))
    case("index/integers", lambda x, i: x[i], (4, 3), ids(4, 2, 3))
    case("sort", lambda x: torch.sort(x, dim=0, stable=True), (5, 3))
    case("sort/descending", lambda x: torch.sort(x, descending=True, stable=True), (3, 9))
    case("topk", lambda x: torch.topk(x, 3), (4, 7))


def losses():
    for r in ("mean", "sum", "none"):
        case(f"mse/{r}", lambda x, t, r=r: F.mse_loss(x, t, reduction=r), (3, 5), (3, 5))
        case(f"cross_entropy/{r}", lambda x, t, r=r: F.cross_entropy(x, t, reduction=r), (4, 7), ids(7, 4))
        case(f"cross_entropy/everything_{r}", lambda x, t, w, r=r: F.cross_entropy(x, t, w, ignore_index=2, label_smoothing=0.1, reduction=r), (9, 5), ids(5, 9),
             Fixed(positive(5)))
        case(f"nll/{r}", lambda x, t, w, r=r: F.nll_loss(x, t, w, ignore_index=1, reduction=r), (6, 5), ids(5, 6), Fixed(positive(5)))
        case(f"bce_with_logits/{r}", lambda x, t, r=r: F.binary_cross_entropy_with_logits(x, t, reduction=r), 10 * normal(3, 5), Fixed(positive(3, 5).clamp(max=1)))
        case(f"bce_with_logits/everything_{r}", lambda x, t, w, p, r=r: F.binary_cross_entropy_with_logits(x, t, w, pos_weight=p, reduction=r), (4, 3),
             Fixed(positive(4, 3).clamp(max=1)), Fixed(positive(4, 1)), Fixed(positive(3)))
    case("cross_entropy/weights", lambda x, t, w: F.cross_entropy(x, t, w), (6, 5), ids(5, 6), Fixed(positive(5)))
    case("cross_entropy/smoothing", lambda x, t: F.cross_entropy(x, t, label_smoothing=0.2), (6, 5), ids(5, 6))
    case("cross_entropy/smoothing_weights", lambda x, t, w: F.cross_entropy(x, t, w, label_smoothing=0.2), (6, 5), ids(5, 6), Fixed(positive(5)))
    case("cross_entropy/ignored", lambda x, t: F.cross_entropy(x, t), (6, 5), torch.tensor([0, -100, 3, 4, -100, 1]))
    case("cross_entropy/image", lambda x, t, w: F.cross_entropy(x, t, w, label_smoothing=0.1, ignore_index=0), (2, 5, 3, 4), ids(5, 2, 3, 4), Fixed(positive(5)))
    case("cross_entropy/image_none", lambda x, t: F.cross_entropy(x, t, reduction="none"), (2, 5, 3), ids(5, 2, 3))
    case("cross_entropy/large", lambda x, t: F.cross_entropy(x, t), 300 * normal(3, 4), ids(4, 3))
    case("nll/plain", lambda x, t: F.nll_loss(x, t), (6, 5), ids(5, 6))
    case("nll/image", lambda x, t: F.nll_loss(x, t), (2, 5, 3, 4), ids(5, 2, 3, 4))


def rounded(x):
    """The same value in float32 and float64."""
    return x.to(f32).to(f64) if x.is_floating_point() else x


def run(name, f, inputs):
    seed = zlib.crc32(name.encode())
    tensors, values = {}, []
    for i, given in enumerate(inputs):
        fixed, given = isinstance(given, Fixed), given.value if isinstance(given, Fixed) else given
        if given is None:
            values.append(None)
            continue
        x = rounded(normal(*given, seed=(seed + i) % 2**32) if isinstance(given, tuple) else given).clone()
        tensors[f"x{i}"] = x.to(f32) if x.is_floating_point() else x
        values.append(x.requires_grad_(x.is_floating_point() and not fixed))
    outputs = f(*values)
    outputs = [outputs] if isinstance(outputs, torch.Tensor) else list(outputs)
    loss = 0
    for i, y in enumerate(outputs):
        tensors[f"y{i}"] = y.detach()
        if y.requires_grad:
            w = rounded(normal(*y.shape, seed=(seed + 100 + i) % 2**32))
            tensors[f"w{i}"] = w.to(f32)
            loss = loss + (w * y).sum()
    if isinstance(loss, torch.Tensor):
        loss.backward()
    for i, x in enumerate(values):
        if x is not None and x.requires_grad:
            tensors[f"dx{i}"] = x.grad
    return {f"{name}/{key}": t.detach().numpy().copy(order="C") for key, t in tensors.items()}


def promotion():
    """result_type of every two dtypes, in the order of mica's DType: both with dimensions, and the second without."""
    order = [torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.int64, torch.int32, torch.uint8, torch.bool]
    table = np.array([[[order.index(torch.result_type(torch.ones(1, dtype=a), torch.ones(shape, dtype=b))) for b in order] for a in order] for shape in ((1,), ())])
    return {"promotion/table": table.astype(np.int64)}


def make():
    torch.set_num_threads(1)
    CASES.clear()
    for group in (pointwise, reductions, products, convolutions, pooling, norms, shapes, losses):
        group()
    tensors = promotion()
    for name, (f, inputs) in CASES.items():
        tensors |= run(name, f, inputs)
    return tensors, {"made_by": f"tools/make_golden.py with torch {torch.__version__.split('+')[0]}"}
