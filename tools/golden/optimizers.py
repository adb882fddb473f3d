"""Trajectories of torch.optim, learning rates of torch.optim.lr_scheduler, clipping and averaging, all in float64.

OPTIMIZER/OPTION/FUNCTION  [4, n]  the position after 1, 10, 100 and 1000 steps
schedule/NAME              [100]   the rate of step 0, 1, ...
clip/..., ema/...                  gradients before and after; weights and their averages
loss_scale/NAME/...                [200] whether a gradient of step 0, 1, ... is infinite; the scale after it
"""
import warnings

import numpy as np
import torch

STEPS = (1, 10, 100, 1000)
START = {"quadratic": [-5.0, 4.0, -6.0, 7.0, 5.0], "rosenbrock": [-1.2, 1.0]}


def quadratic(x):
    """x^T A x / 2 - b^T x, A = D + u u^T with D from 0.1 to 10."""
    d = torch.tensor([0.1, 0.5, 1.0, 4.0, 10.0], dtype=torch.float64)
    u = torch.tensor([0.3, -0.2, 0.5, 0.1, -0.4], dtype=torch.float64)
    b = torch.tensor([1.0, -1.0, 0.5, 2.0, -3.0], dtype=torch.float64)
    return 0.5 * ((d * x * x).sum() + (u * x).sum() ** 2) - (b * x).sum()


def rosenbrock(x):
    return (1 - x[0]) ** 2 + 100 * (x[1] - x[0] ** 2) ** 2


# name: (class, rate on the quadratic, rate on Rosenbrock, options)
sgd, adagrad, rmsprop, adam, adamw = (torch.optim.SGD, torch.optim.Adagrad, torch.optim.RMSprop, torch.optim.Adam, torch.optim.AdamW)
CASES = {
    "sgd/plain": (sgd, 0.05, 1e-3, {}),
    "sgd/momentum": (sgd, 0.02, 2e-4, dict(momentum=0.9)),
    "sgd/dampening": (sgd, 0.05, 5e-4, dict(momentum=0.8, dampening=0.3)),
    "sgd/nesterov": (sgd, 0.02, 2e-4, dict(momentum=0.9, nesterov=True)),
    "sgd/weight_decay": (sgd, 0.05, 1e-3, dict(weight_decay=0.1)),
    "sgd/maximize": (sgd, 0.05, 1e-3, dict(maximize=True)),
    "sgd/all": (sgd, 0.02, 2e-4, dict(momentum=0.9, nesterov=True, weight_decay=0.05, maximize=True)),
    "sgd/l1": (sgd, 0.05, 1e-3, dict(l1=0.3)),
    "adagrad/plain": (adagrad, 0.3, 0.1, {}),
    "adagrad/rate_decay": (adagrad, 0.3, 0.1, dict(lr_decay=0.01)),
    "adagrad/weight_decay": (adagrad, 0.3, 0.1, dict(weight_decay=0.1)),
    "adagrad/initial": (adagrad, 0.3, 0.1, dict(initial_accumulator_value=0.5)),
    "adagrad/eps": (adagrad, 0.3, 0.1, dict(eps=0.1)),
    "adagrad/maximize": (adagrad, 0.3, 0.1, dict(maximize=True)),
    "rmsprop/plain": (rmsprop, 0.002, 1e-3, {}),
    "rmsprop/alpha": (rmsprop, 0.002, 1e-4, dict(alpha=0.9)),
    "rmsprop/eps": (rmsprop, 0.002, 1e-3, dict(eps=0.1)),
    "rmsprop/momentum": (rmsprop, 2e-4, 2e-4, dict(momentum=0.9)),
    "rmsprop/centred": (rmsprop, 0.002, 1e-3, dict(centered=True, eps=1e-4)),
    "rmsprop/weight_decay": (rmsprop, 0.002, 1e-3, dict(weight_decay=0.1)),
    "rmsprop/maximize": (rmsprop, 0.002, 1e-3, dict(maximize=True)),
    "rmsprop/all": (rmsprop, 5e-4, 1e-4, dict(alpha=0.95, momentum=0.5, centered=True, eps=1e-3, weight_decay=0.05)),
    "adam/plain": (adam, 0.05, 0.02, {}),
    "adam/betas": (adam, 0.05, 0.02, dict(betas=(0.7, 0.995))),
    "adam/eps": (adam, 0.05, 0.02, dict(eps=0.1)),
    "adam/weight_decay": (adam, 0.05, 0.02, dict(weight_decay=0.1)),
    "adam/amsgrad": (adam, 0.05, 0.02, dict(amsgrad=True, betas=(0.9, 0.9))),
    "adam/maximize": (adam, 0.05, 0.02, dict(maximize=True)),
    "adam/all": (adam, 0.05, 0.02, dict(amsgrad=True, betas=(0.8, 0.95), eps=1e-4, weight_decay=0.05, maximize=True)),
    "adam/l1": (adam, 0.05, 0.02, dict(l1=0.3)),
    "adamw/plain": (adamw, 0.05, 0.02, {}),
    "adamw/betas": (adamw, 0.05, 0.02, dict(betas=(0.7, 0.995))),
    "adamw/eps": (adamw, 0.05, 0.02, dict(eps=0.1)),
    "adamw/weight_decay": (adamw, 0.05, 0.02, dict(weight_decay=0.3)),
    "adamw/amsgrad": (adamw, 0.05, 0.02, dict(amsgrad=True, betas=(0.9, 0.9))),
    "adamw/maximize": (adamw, 0.05, 0.02, dict(maximize=True)),
}


def trajectory(make, rate, function, options, nudge=0):
    options = dict(options)
    l1 = options.pop("l1", 0)
    x = torch.tensor([v * (1 + nudge) for v in START[function]], dtype=torch.float64, requires_grad=True)
    optimizer = make([x], lr=rate, foreach=False, **options)
    sign = -1 if options.get("maximize") else 1
    seen = []
    for step in range(1, STEPS[-1] + 1):
        optimizer.zero_grad()
        # torch.optim has no L1 penalty; as a term of the loss it is the same thing.
        (sign * {"quadratic": quadratic, "rosenbrock": rosenbrock}[function](x) + l1 * x.abs().sum()).backward()
        optimizer.step()
        if step in STEPS:
            seen.append(x.detach().clone())
    result = torch.stack(seen)
    assert torch.isfinite(result).all() and result.abs().max() < 100, (make, function, options, result)
    return result


def stable_trajectory(make, rate, function, options):
    """Near a minimum the normalised methods are chaotic at a fixed rate: rounding grows to 1e-4 in 1,000 steps, and no two programs agree.
    The rates above keep away from that; a case that does not is refused here."""
    result, nudged = (trajectory(make, rate, function, options, nudge) for nudge in (0, 1e-14))
    growth = float((result - nudged).abs().max()) / 1e-14
    assert growth < 1e3, f"{make.__name__} {options} on {function}: rounding grows {growth:.0e} times"
    return result


def schedules():
    s = torch.optim.lr_scheduler
    made = {
        "step": lambda o: s.StepLR(o, 30, gamma=0.1),
        "milestones": lambda o: s.MultiStepLR(o, [20, 50, 51, 80], gamma=0.5),
        "exponential": lambda o: s.ExponentialLR(o, 0.95),
        "cosine": lambda o: s.CosineAnnealingLR(o, 99, eta_min=0.01),
        "one_cycle": lambda o: s.OneCycleLR(o, max_lr=0.4, total_steps=100),
        "one_cycle_options": lambda o: s.OneCycleLR(o, max_lr=0.4, total_steps=100, pct_start=0.2, div_factor=10, final_div_factor=100),
        "warm_up": lambda o: s.LinearLR(o, start_factor=1 / 8, total_iters=7),
        "warm_up_cosine": lambda o: s.SequentialLR(o, [s.LinearLR(o, start_factor=1 / 8, total_iters=7), s.CosineAnnealingLR(o, 91)], [8]),
    }
    result = {}
    for name, make in made.items():
        o = torch.optim.SGD([torch.zeros(1, dtype=torch.float64, requires_grad=True)], lr=0.4)
        schedule, rates = make(o), []
        for _ in range(100):
            rates.append(o.param_groups[0]["lr"])
            if len(rates) < 100:
                o.step()
                schedule.step()
        result[f"schedule/{name}"] = np.array(rates)
    losses = np.round(1 / (1 + 0.1 * np.minimum(np.arange(100), 40)) + 0.02 * np.sin(np.arange(100.0)), 3)
    losses[60:] -= 0.05
    result["schedule/plateau/losses"] = losses
    for name, options in {"plateau": {}, "plateau_options": dict(factor=0.5, patience=3, threshold=0.01, cooldown=4, min_lr=0.01)}.items():
        o = torch.optim.SGD([torch.zeros(1, dtype=torch.float64, requires_grad=True)], lr=0.4)
        schedule, rates = s.ReduceLROnPlateau(o, **options), []
        for loss in losses:
            schedule.step(loss)
            rates.append(o.param_groups[0]["lr"])
        result[f"schedule/{name}/rates"] = np.array(rates)
    return result


def clipping():
    generator = torch.Generator().manual_seed(5)
    result = {}
    for name, most in {"norm_above": 1.0, "norm_below": 100.0}.items():
        w = [torch.zeros(n, dtype=torch.float64, requires_grad=True) for n in (3, 7, 1)]
        for i, p in enumerate(w):
            p.grad = torch.randn(p.shape, generator=generator, dtype=torch.float64)
            result[f"clip/{name}/before{i}"] = p.grad.numpy().copy()
        result[f"clip/{name}/norm"] = torch.nn.utils.clip_grad_norm_(w, most).numpy()
        for i, p in enumerate(w):
            result[f"clip/{name}/after{i}"] = p.grad.numpy().copy()
    p = torch.zeros(9, dtype=torch.float64, requires_grad=True)
    p.grad = 2 * torch.randn(9, generator=generator, dtype=torch.float64)
    result["clip/value/before0"] = p.grad.numpy().copy()
    torch.nn.utils.clip_grad_value_([p], 0.7)
    result["clip/value/after0"] = p.grad.numpy().copy()

    average = torch.optim.swa_utils
    model = torch.nn.Linear(3, 2, bias=False, dtype=torch.float64)
    weights = torch.randn(20, 2, 3, generator=generator, dtype=torch.float64)
    with torch.no_grad():
        model.weight.copy_(weights[0])
        ema = average.AveragedModel(model, multi_avg_fn=average.get_ema_multi_avg_fn(0.9))
        ema.update_parameters(model)
        for w in weights[1:]:
            model.weight.copy_(w)
            ema.update_parameters(model)
    result["ema/weights"] = weights.numpy()
    result["ema/average"] = ema.module.weight.detach().numpy().copy()
    return result


def loss_scales():
    """torch.amp.GradScaler on parameters whose gradients are infinite in the steps that `overflows` names."""
    generator = torch.Generator().manual_seed(9)
    result = {}
    for name, (rarity, options) in {
        "defaults": (0.1, {}),
        "growing": (0.1, dict(init_scale=4.0, growth_interval=3)),
        "odd_factors": (0.2, dict(init_scale=1000.0, growth_factor=1.7, backoff_factor=0.3, growth_interval=2)),
        "to_the_end": (0.0, dict(init_scale=2.0**100, growth_factor=8.0, growth_interval=1)),
    }.items():
        overflows = torch.rand(200, generator=generator) < rarity
        w = torch.zeros(3, requires_grad=True)
        o = torch.optim.SGD([w], lr=0.1)
        scaler = torch.amp.GradScaler("cpu", **options)
        scales = []
        for overflow in overflows:
            scaler.scale(w.sum() * 0)  # makes the scale's tensor
            w.grad = torch.full((3,), float("inf") if overflow else 1.0)
            scaler.step(o)
            scaler.update()
            scales.append(scaler.get_scale())
        result[f"loss_scale/{name}/overflows"] = overflows.numpy()
        result[f"loss_scale/{name}/scales"] = np.array(scales)
    return result


def make():
    torch.set_num_threads(1)
    warnings.filterwarnings("ignore", module="torch.optim.lr_scheduler")
    tensors = {}
    for name, (kind, on_quadratic, on_rosenbrock, options) in CASES.items():
        tensors[f"{name}/quadratic"] = stable_trajectory(kind, on_quadratic, "quadratic", options).numpy()
        tensors[f"{name}/rosenbrock"] = stable_trajectory(kind, on_rosenbrock, "rosenbrock", options).numpy()
    tensors |= schedules() | clipping() | loss_scales()
    return tensors, {"made_by": f"tools/make_golden.py with torch {torch.__version__.split('+')[0]}"}
