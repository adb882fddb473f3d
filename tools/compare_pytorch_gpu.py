#!/usr/bin/env python3
"""Trains the same networks on one GPU in mica and in PyTorch, in turns, and prints how many times faster mica is.

    cmake --build --preset cuda --target mica_peer
    python3 tools/compare_pytorch_gpu.py [--cases resnet50_256] [--rounds 5] [--limit 600] [--json FILE]

The Python that runs it has PyTorch with CUDA. mica and PyTorch are processes of their own on the same card; one waits while the other runs. PyTorch is
run at its best: channels_last, autocast to bfloat16, cudnn.benchmark, fused SGD; eager, with torch.compile, and as a CUDA graph of the whole step
(eager kernels), one mode after the other beside mica. Compared are medians over rounds, each about half a second long behind a warm-up. add: the host's microseconds of one addition
of one element, not waiting for the device (PyTorch's from Python). A mode that a side lacks is said to be missing, and is no success.
Exit status 1: a case is below its target or was not measured.
"""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
MODES = ("eager", "compile", "graph")
CASES = {  # name: (mica's request, PyTorch's case, the mode that the target is about, the least ratio PyTorch / mica)
    "resnet50_256": ("train resnet50 256 {} bf16 cuda", "resnet50 256", "eager", 1.15),
    "resnet50_32": ("train resnet50 32 {} bf16 cuda", "resnet50 32", "eager", None),
    "resnet50_32_captured": ("train resnet50 32 {} bf16 cuda captured", "resnet50 32", "eager", 1.8),
    "add": ("add {} cuda", "add", "eager", None),
}
MOST_MICROSECONDS = 3.5  # of the host, for mica's addition


def stop(message):
    sys.exit(f"compare_pytorch_gpu.py: {message}")


class Peer:
    """A process that answers one line of JSON to each line."""

    def __init__(self, command):
        self.command = command
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def ask(self, request):
        try:
            self.process.stdin.write(request + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass
        line = self.process.stdout.readline()
        if not line:
            said = self.process.stderr.read().strip().splitlines()
            raise RuntimeError(f"{pathlib.Path(self.command[-1]).name}: {said[-1] if said else 'ended without a word'}")
        return json.loads(line)

    def close(self):
        self.process.kill()
        self.process.wait()


def torch_side():
    """Answers requests on stdin: '{case} {mode} {steps}'."""
    sys.path.insert(0, str(HERE / "peer"))
    import torch
    import torch_models
    torch.backends.cudnn.benchmark = True
    jobs = {}

    def make(name, batch, mode):
        model = torch_models.make(name).cuda().to(memory_format=torch.channels_last).train()
        images = torch.randn(batch, *model.shape, device="cuda").to(memory_format=torch.channels_last)
        labels = torch.arange(batch, device="cuda") % 1000
        sgd = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, fused=True)
        called = torch.compile(model) if mode == "compile" else model

        def step(set_to_none=True):
            with torch.autocast("cuda", torch.bfloat16, cache_enabled=mode != "graph"):
                loss = torch.nn.functional.cross_entropy(called(images), labels)
            loss.backward()
            sgd.step()
            sgd.zero_grad(set_to_none=set_to_none)
        if mode != "graph":
            return step
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(5):
                step(False)
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            step(False)
        return graph.replay

    def answer(words):
        *case, mode, steps = words
        steps = int(steps)
        if case == ["add"]:
            x = torch.ones(1, device="cuda")
            torch.cuda.synchronize()
            start = time.perf_counter()
            for _ in range(steps):
                torch.add(x, x)
            ns = (time.perf_counter() - start) * 1e9 / steps
            torch.cuda.synchronize()
            return {"ns": ns}
        key = (*case, mode)
        if key not in jobs:
            jobs.clear()
            torch.cuda.empty_cache()
            jobs[key] = make(case[0], int(case[1]), mode)
        torch.cuda.synchronize()
        start = time.perf_counter()
        for _ in range(steps):
            jobs[key]()
        torch.cuda.synchronize()
        return {"ms": [(time.perf_counter() - start) * 1e3 / steps]}

    for line in sys.stdin:
        print(json.dumps(answer(line.split())), flush=True)


class Side:
    """One process for one mode, so that another mode's memory is not in its way."""

    def __init__(self, name, command, request, once):
        self.name, self.request, self.once, self.times, self.missing, self.steps = name, request, once, [], None, 3
        self.peer = Peer(command)

    def measure(self, steps):
        answer = self.peer.ask(self.request.format(steps))
        return answer["ns"] * 1e-6 if "ns" in answer else answer["ms"][0]

    def try_to(self, action):
        if self.missing is None:
            try:
                action()
            except RuntimeError as error:
                self.missing = str(error)

    def warm_up(self):
        self.measure(3)
        ms = self.measure(3)
        self.steps = 500 if self.once else max(3, min(2000, round(500 / ms)))
        self.measure(self.steps)

    def round(self):
        self.times.append(self.measure(self.steps))


def compare(name, options, end):
    request, case, about, target = CASES[name]
    once, scale = name == "add", 1e3 if name == "add" else 1
    modes = ("eager",) if once else MODES
    mica = Side("mica", [options.peer], request, once)
    mica.try_to(mica.warm_up)
    row, all_times, rounds = {"table": "training, ms a step (add: host, us an op)", "case": name}, [], []
    row["mica"] = None
    for mode in modes:  # one at a time beside mica: together they would not fit in the card's memory
        side = Side(mode, [sys.executable, __file__, "--torch-side"], f"{case} {mode} {{}}", once)
        mica.times = []
        side.try_to(side.warm_up)
        for _ in range(options.rounds):
            if time.monotonic() > end:
                break
            mica.try_to(mica.round)
            side.try_to(side.round)
        side.peer.close()
        all_times += mica.times
        row[mode] = round(statistics.median(side.times) * scale, 4) if side.times else f"not measured: {side.missing or 'the time limit came first'}"
        if mica.times and side.times:
            row[f"{mode} / mica"] = round(statistics.median(side.times) / statistics.median(mica.times), 3)
        rounds.append(min(len(mica.times), len(side.times)))
    mica.peer.close()
    row["mica"] = round(statistics.median(all_times) * scale, 4) if all_times else f"not measured: {mica.missing or 'the time limit came first'}"
    row["rounds"] = min(rounds)
    ratio = row.get(f"{about} / mica")
    if name == "add":
        row["target"] = f"mica <= {MOST_MICROSECONDS} us"
        met = bool(all_times) and row["mica"] <= MOST_MICROSECONDS
    elif target:
        row["target"] = f"{about} / mica >= {target}"
        met = ratio is not None and ratio >= target
    else:
        row["target"], met = "", ratio is not None
    row["met"] = "yes" if met else "NO"
    return row, met


def main():
    if sys.argv[1:] == ["--torch-side"]:
        return torch_side()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", default=",".join(CASES), help="names, separated by commas")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--limit", type=float, default=600, metavar="SECONDS", help="no round begins after this time (600)")
    parser.add_argument("--peer", default=str(HERE.parent / "build" / "cuda" / "bin" / "mica_peer"), metavar="PATH", help="mica's side (build/cuda/bin/mica_peer)")
    parser.add_argument("--json", metavar="FILE", help="one line a case")
    options = parser.parse_args()
    names = options.cases.split(",")
    if unknown := [name for name in names if name not in CASES]:
        stop(f"there is no case {', '.join(unknown)}; there are {', '.join(CASES)}")
    try:
        import torch
    except ImportError:
        stop(f"{sys.executable} has no PyTorch: run it with a Python that has")
    if not torch.cuda.is_available():
        stop("there is no GPU that PyTorch can use on this machine")
    if not os.access(options.peer, os.X_OK):
        stop(f"there is no {options.peer}; build it: cmake --build --preset cuda --target mica_peer")
    end = time.monotonic() + options.limit
    print(f"PyTorch {torch.__version__}, {torch.cuda.get_device_name()}, {options.rounds} rounds, medians")
    all_met, lines = True, []
    for name in names:
        row, met = compare(name, options, end)
        all_met &= met
        lines.append(row)
        print("  ".join(f"{key} {value}" for key, value in row.items() if key != "table"), flush=True)
        if options.json:  # after each case: what is measured is kept
            with open(options.json + ".part", "w") as file:
                file.writelines(json.dumps(line) + "\n" for line in lines)
            os.replace(options.json + ".part", options.json)
    return 0 if all_met else 1


if __name__ == "__main__":
    sys.exit(main())
