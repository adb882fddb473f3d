#!/usr/bin/env python3
"""Puts what a part of tools/gpu_check.sh found into docs/results/DATE-GPU.json, and writes the Markdown beside it anew from all parts in there.

    gpu_report.py --results DIR --part N --title TEXT --command TEXT --status passed|failed --seconds S [--note TEXT]... [--rows FILE]

FILE has one JSON object a line (or one array): a row of a table; "table" names the table, the other keys are its columns. --machine FILE gives the
machine as JSON in place of asking nvidia-smi and nvcc.
"""
import argparse
import datetime
import json
import os
import pathlib
import re
import subprocess
import sys


def said(*command):
    """The first line of what a command prints; "" where it fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip().splitlines()[0].strip() if done.returncode == 0 and done.stdout.strip() else ""


def machine(root, nvcc):
    fields = said("nvidia-smi", "--query-gpu=name,driver_version,memory.total,compute_cap", "--format=csv,noheader").split(", ")
    if len(fields) != 4:
        sys.exit("gpu_report.py: there is no GPU on this machine: nvidia-smi names none")
    release = subprocess.run([nvcc, "--version"], capture_output=True, text=True).stdout if nvcc else ""
    cpu = next((line.split(":")[1].strip() for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")), "")
    versions = {"CUDA": (re.search(r"release ([\d.]+)", release) or ["", ""])[1], "compiler": said("c++", "--version"),
                "PyTorch": said(sys.executable, "-c", "import torch; print(torch.__version__, 'with cuDNN', torch.backends.cudnn.version())")}
    commit = said("git", "-C", str(root), "rev-parse", "--short", "HEAD") + (" with changes" if said("git", "-C", str(root), "status", "--porcelain", "-uno") else "")
    return {"GPU": fields[0], "driver": fields[1], "memory": fields[2], "compute capability": fields[3], **{k: v for k, v in versions.items() if v},
            "CPU": f"{cpu}, {os.cpu_count()} threads", "commit": commit}


def read_rows(file):
    text = file.read_text().strip() if file and file.exists() else ""
    if text.startswith("["):
        rows = json.loads(text)
    else:
        rows = [json.loads(line) for line in text.splitlines() if line.strip()]
    if not all(isinstance(row, dict) for row in rows):
        sys.exit(f"gpu_report.py: {file} has something else than objects")
    return rows


def cell(value):
    if isinstance(value, float):
        value = f"{value:.4g}"
    return str("" if value is None else value).replace("|", "\\|").replace("\n", " ")


def tables(rows):
    out = []
    for name in dict.fromkeys(row.get("table", "") for row in rows):
        mine = [{k: v for k, v in row.items() if k != "table"} for row in rows if row.get("table", "") == name]
        columns = list(dict.fromkeys(key for row in mine for key in row))
        out += ["", f"**{name}**" if name else "", "", "| " + " | ".join(map(cell, columns)) + " |", "|" + "---|" * len(columns)]
        out += ["| " + " | ".join(cell(row.get(c)) for c in columns) + " |" for row in mine]
    return out


def markdown(results):
    out = [f"# {results['machine']['GPU']}, {results['date']}", "", "Written by `tools/gpu_check.sh` from the JSON beside it.", ""]
    out += [f"- {key}: {value}" for key, value in results["machine"].items()]
    for number, part in sorted(results["parts"].items()):
        out += ["", f"## Part {number}: {part['title']}: {part['status']}", "", f"`{part['command']}`, {part['seconds']:.0f} s, {part['time']}"]
        if part["machine"] != results["machine"]:
            out += ["", "On: " + ", ".join(f"{k} {v}" for k, v in part["machine"].items() if results["machine"].get(k) != v)]
        out += [f"\n{note}" for note in part["notes"]]
        out += tables(part["rows"])
    return "\n".join(out) + "\n"


def write(path, text):
    part = path.with_name(path.name + ".part")
    part.write_text(text)
    os.replace(part, path)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--results", type=pathlib.Path, required=True)
    parser.add_argument("--part", required=True)
    parser.add_argument("--title", required=True)
    parser.add_argument("--command", required=True)
    parser.add_argument("--status", choices=("passed", "failed"), required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--note", action="append", default=[])
    parser.add_argument("--rows", type=pathlib.Path)
    parser.add_argument("--machine", type=pathlib.Path)
    parser.add_argument("--nvcc", default="")
    options = parser.parse_args()
    rows = read_rows(options.rows)
    where = json.loads(options.machine.read_text()) if options.machine else machine(pathlib.Path(__file__).resolve().parent.parent, options.nvcc)
    now = datetime.datetime.now()
    name = f"{now:%Y-%m-%d}-" + re.sub(r"[^a-z0-9]+", "-", where["GPU"].lower()).strip("-")
    options.results.mkdir(parents=True, exist_ok=True)
    path = options.results / f"{name}.json"
    results = json.loads(path.read_text()) if path.exists() else {"date": f"{now:%Y-%m-%d}", "machine": where, "parts": {}}
    results["parts"][options.part] = {"title": options.title, "command": options.command, "status": options.status, "seconds": options.seconds, "time": f"{now:%H:%M}",
                                      "machine": where, "notes": options.note, "rows": rows}
    write(path, json.dumps(results, indent=1) + "\n")
    write(path.with_suffix(".md"), markdown(results))
    print(path.with_suffix(".md"))


if __name__ == "__main__":
    main()
