"""PyTorch's side of tools/compare_pytorch.py: reads the requests that mica_peer.cpp reads, and answers in the same form.

train and infer run in contiguous and in channels_last memory, with the format as a fifth word.
"""
import json
import sys
import time


def peak_bytes():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM:"))


import torch  # noqa: E402

import torch_models  # noqa: E402

AT_START = peak_bytes()  # after the import: what PyTorch needs before it does anything is not counted


class Job:
    def __init__(self, kind, name, batch, layout):
        layout = getattr(torch, {"contiguous": "contiguous_format"}.get(layout, layout))
        self.model = torch_models.make(name).to(memory_format=layout).train(kind == "train")
        self.images = torch.randn(batch, *self.model.shape).to(memory_format=layout)
        self.labels = torch.arange(batch) % (1000 if name == "resnet18" else 10)
        self.sgd = torch.optim.SGD(self.model.parameters(), lr=0.01, momentum=0.9, fused=True)
        self.step = self.train if kind == "train" else self.infer

    def train(self):
        loss = torch.nn.functional.cross_entropy(self.model(self.images), self.labels)
        loss.backward()
        self.sgd.step()
        self.sgd.zero_grad()

    @torch.inference_mode()
    def infer(self):
        self.model(self.images)


jobs = {}


def run(kind, name, batch, steps, layout):
    if next(iter(jobs), (kind, name, batch))[:3] != (kind, name, batch):
        jobs.clear()
    key = (kind, name, batch, layout)
    if key not in jobs:
        jobs[key] = Job(kind, name, int(batch), layout)
    job, ms = jobs[key], []
    for _ in range(int(steps)):
        start = time.perf_counter()
        job.step()
        ms.append((time.perf_counter() - start) * 1e3)
    return {"ms": ms}


def answer(kind, *words):
    if kind == "threads":
        torch.set_num_threads(int(words[0]))
        return {}
    if kind == "memory":
        name, batch, steps, layout = words
        run("train", name, batch, steps, layout)
        return {"bytes": peak_bytes() - AT_START}
    return run(kind, *words)


for line in sys.stdin:
    print(json.dumps(answer(*line.split())), flush=True)
