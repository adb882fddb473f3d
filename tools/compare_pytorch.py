#!/usr/bin/env python3
"""Runs the same cases in mica and in PyTorch, in turns, and prints how many times faster (or smaller) mica is.

    cmake --build build --target mica_peer
    python3 tools/compare_pytorch.py [--cases mlp_128,add] [--rounds 5] [--threads 2] [--build-dir build] [--json FILE]

The Python that runs it has PyTorch. Each side is a process of its own; one waits while the other runs. Each round runs mica, PyTorch in
contiguous memory and PyTorch in channels_last memory; compared are the fastest steps of all rounds, the faster format's for PyTorch. Models
are those of nn/models/, mirrored in tools/peer/torch_models.py; SGD with momentum (PyTorch's fused one), float32. The cases of C++ (one
addition, start-up) are built against the headers of the PyTorch that is installed. Exit status 1: a case is below its target.
"""
import argparse
import hashlib
import json
import os
import pathlib
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
FORMATS = ("contiguous", "channels_last")
CASES = {  # name: (request, the least ratio torch / mica)
    "mlp_128": ("train mlp 128", 1.5),
    "mlp_1": ("train mlp 1", 4),
    "lenet5_128": ("train lenet5 128", 2),
    "lenet5_1": ("train lenet5 1", 4),
    "cnn7_128": ("train cnn7 128", 1.1),
    "resnet20_128": ("train resnet20 128", 1.2),
    "resnet18_cifar_32": ("train resnet18_cifar 32", 1),
    "resnet18_infer_1": ("infer resnet18 1", 1),
    "resnet18_infer_8": ("infer resnet18 8", 1),
    "cnn7_memory": ("memory cnn7 128", 1 / 0.6),
    "add": ("add", 4),
    "add_backward": ("add_backward", 4),
    "start": ("start", 8),
}


def stop(message):
    sys.exit(f"compare_pytorch.py: {message}")


class Peer:
    """A process that answers one line of JSON to each line."""

    def __init__(self, command, threads):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        env=os.environ | {"OMP_NUM_THREADS": str(threads)})
        self.ask(f"threads {threads}")

    def ask(self, request):
        try:
            self.process.stdin.write(request + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass
        line = self.process.stdout.readline()
        if not line:
            stop(f"{self.process.args[0]} ended at the request '{request}'")
        return json.loads(line)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


class Comparison:
    def __init__(self, options):
        self.options = options
        self.mica_command = [str(pathlib.Path(options.build_dir) / "bin" / "mica_peer")]
        self.torch_command = [sys.executable, str(HERE / "peer" / "torch_peer.py")]
        if not os.access(self.mica_command[0], os.X_OK):
            stop(f"there is no {self.mica_command[0]}; build it: cmake --build {options.build_dir} --target mica_peer")
        self.peers, self.cpp = None, None

    def fresh(self):
        return Peer(self.mica_command, self.options.threads), Peer(self.torch_command, self.options.threads)

    def steps(self, request):
        """Fastest step in milliseconds; rounds last half a second on each side, after a warm-up of as much."""
        self.peers = self.peers or self.fresh()
        mica, torch = self.peers
        sides = [(mica, request, "")] + [(torch, request, layout) for layout in FORMATS]
        counts, best = [], {}
        for peer, request, layout in sides:
            ms = min(peer.ask(f"{request} 3 {layout}")["ms"])
            counts.append(max(3, min(2000, round(500 / ms))))
            peer.ask(f"{request} {counts[-1]} {layout}")
        for _ in range(self.options.rounds):
            for (peer, request, layout), count in zip(sides, counts):
                ms = min(peer.ask(f"{request} {count} {layout}")["ms"])
                best[layout] = min(best.get(layout, ms), ms)
        layout = min(FORMATS, key=lambda f: best[f])
        return best[""], best[layout], layout

    def memory(self, request):
        """MiB that the peak of resident memory grows by in five steps of a fresh process."""
        grown = {}
        for _ in range(self.options.rounds):
            for layout in ("", *FORMATS):
                peer = Peer(self.torch_command if layout else self.mica_command, self.options.threads)
                mib = peer.ask(f"{request} 5 {layout}")["bytes"] / 2**20
                peer.close()
                grown[layout] = min(grown.get(layout, mib), mib)
        layout = min(FORMATS, key=lambda f: grown[f])
        return grown[""], grown[layout], layout

    def torch_cpp(self):
        """Builds tools/peer/torch_cpp.cpp, once for each PyTorch."""
        if self.cpp:
            return self.cpp
        import torch
        from torch.utils import cpp_extension
        source = HERE / "peer" / "torch_cpp.cpp"
        key = hashlib.sha256(source.read_bytes() + torch.__version__.encode() + torch.__file__.encode()).hexdigest()[:12]
        self.cpp = str(pathlib.Path(self.options.build_dir) / f"torch_cpp_{key}")
        if not os.path.exists(self.cpp):
            print("building tools/peer/torch_cpp.cpp against PyTorch's headers ...", file=sys.stderr)
            includes = [f"-isystem{path}" for path in cpp_extension.include_paths()]
            libraries = [flag for path in cpp_extension.library_paths() for flag in (f"-L{path}", f"-Wl,-rpath,{path}")]
            # Without the CUDA half of a CUDA wheel, which a program on the CPU does not need: it starts faster.
            command = [os.environ.get("CXX", "c++"), "-std=c++20", "-O2", f"-D_GLIBCXX_USE_CXX11_ABI={int(torch._C._GLIBCXX_USE_CXX11_ABI)}", *includes,
                       str(source), *libraries, "-Wl,--as-needed", "-ltorch_cpu", "-lc10", "-o", self.cpp]
            if subprocess.run(command).returncode:
                stop("torch_cpp.cpp could not be built: " + " ".join(command))
        return self.cpp

    def addition(self, kind):
        """Milliseconds of one addition in C++, on one thread."""
        self.peers = self.peers or self.fresh()
        best = [float("inf")] * 2
        for _ in range(self.options.rounds):
            mica = min(self.peers[0].ask(f"{kind} 10000")["ns"] for _ in range(20))
            torch = float(subprocess.run([self.torch_cpp(), kind, "10000"], check=True, capture_output=True, text=True).stdout)
            best = [min(best[0], mica * 1e-6), min(best[1], torch * 1e-6)]
        return *best, "C++"

    def start(self, _):
        """Milliseconds from exec to exit of a program that makes one tensor."""
        best = [float("inf")] * 2
        for _ in range(self.options.rounds):
            for side, program in ((0, self.mica_command[0]), (1, self.torch_cpp())):
                for _ in range(5):
                    start = time.perf_counter()
                    subprocess.run([program, "start"], check=True)
                    best[side] = min(best[side], (time.perf_counter() - start) * 1e3)
        return *best, "C++"

    def measure(self, name):
        request = CASES[name][0]
        kind = request.split()[0]
        method = {"train": self.steps, "infer": self.steps, "memory": self.memory, "start": self.start}.get(kind, self.addition)
        return method(request)


def main():
    parser = argparse.ArgumentParser(description="compares mica with PyTorch", formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--cases", default=",".join(CASES), help="names, separated by commas")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--build-dir", default=str(HERE.parent / "build"))
    parser.add_argument("--json", metavar="FILE", help="one line a case: case, mica_ms, torch_ms, ratio (memory: mica_mib, torch_mib)")
    options = parser.parse_args()
    names = options.cases.split(",")
    if unknown := [name for name in names if name not in CASES]:
        stop(f"there is no case {', '.join(unknown)}; there are {', '.join(CASES)}")
    try:
        import torch
    except ImportError:
        stop(f"{sys.executable} has no PyTorch: pip install torch")

    comparison, results, met = Comparison(options), [], True
    print(f"PyTorch {torch.__version__}, {options.threads} threads, {options.rounds} rounds, fastest step of each side")
    print(f"{'case':20}{'mica':>12}{'PyTorch':>12}   {'':14}{'ratio':>7}{'target':>8}")
    for name in names:
        mica, other, how = comparison.measure(name)
        memory, ratio, target = CASES[name][0].startswith("memory"), other / mica, CASES[name][1]
        unit, digits = ("MiB", 1) if memory else ("us", 3) if other < 0.1 else ("ms", 3)
        scale = 1e3 if unit == "us" else 1
        met &= ratio >= target
        print(f"{name:20}{mica * scale:12.{digits}f}{other * scale:12.{digits}f} {unit:3} {how:14}{ratio:6.2f}{target:8.2f}  {'met' if ratio >= target else 'NOT MET'}", flush=True)
        keys = ("mica_mib", "torch_mib") if memory else ("mica_ms", "torch_ms")
        results.append({"case": name, keys[0]: round(mica, 7), keys[1]: round(other, 7), "ratio": round(ratio, 3)})
    if options.json:
        temporary = options.json + ".part"
        with open(temporary, "w") as file:
            file.writelines(json.dumps(result) + "\n" for result in results)
        os.replace(temporary, options.json)
    sys.exit(0 if met else 1)


if __name__ == "__main__":
    main()
