#!/usr/bin/env python3
"""Writes docs/kernels.md from the kernels of cuda/ and the compiler's report on them.

    python3 tools/kernels.py             writes it (needs nvcc; no GPU)
    python3 tools/kernels.py --check     fails where it does not fit the code: a kernel that is new, gone or has another comment (no nvcc needed)

The comment above a kernel says what a thread or block does, and in these words what it moves and computes:

    sizeof(X) + sizeof(Y) bytes per element, 2 operations per element        any unit; "each" instead of "per ..."; "no operations" for a copy

A kernel whose comment lacks either is an error. Numbers of 16-bit and 32-bit elements follow from the first such expression.
"""
import argparse
import concurrent.futures
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
CUDA = ROOT / "cuda"
PAGE = ROOT / "docs" / "kernels.md"
ARCH = "sm_90"
BANDWIDTH, FLOPS = 3.0e12, 67e12  # an H100 (SXM): a copy, read + written; float32 outside tensor cores
TENSOR_FLOPS = {2: 989e12}        # and on them, by the size of an element, dense
SIZES = {"label": 8, "I": 1, "Acc": 4, "C": 4, "double": 8, "float": 4, "int": 4, "int64_t": 8}  # sizeof that does not follow T
NAMES = {"arity": 2, "states": 1, "splits": 2, "parts": 2, "taps": 9, "m": 128, "n": 128}  # an example where the number is a kernel's own

HEAD = f"""# Kernels

Written by `python3 tools/kernels.py` from `cuda/` and the report of nvcc for {ARCH}. Bytes and operations are those that the comment above each
kernel names. **Limit**: the most elements (or what the unit is) an H100 can do, in 10^9 a second: 3.0 TB/s, what a copy reaches on that card, over the
bytes of an element of 16 and of 32 bits; or its published rate over the operations, where that is less (67 TFLOP/s in float32; 989 TFLOP/s in 16 bits
for kernels on tensor cores; marked *op*; alone where most bytes come from caches). It is an assumption to measure against, not a measurement. (Where a
number is the kernel's own: arity 2, states 1, splits 2, parts 2, taps 9, tiles of 128 x 128.)
**Variants**: how many instantiations are compiled; registers a thread, bytes of static shared memory, of stack and of spills (stores + loads) are the
largest among them.
"""


def stop(message):
    sys.exit(f"kernels.py: {message}")


class Kernel:
    def __init__(self, file, name, comment):
        self.file, self.name, self.comment = file, name, comment
        self.bytes, self.unit = quantity(comment, "bytes")
        self.operations, _ = quantity(comment, "operations?")
        self.report = "| ? | ? | ? | ? | ? |"

    def missing(self):
        return [what for what, value in (("bytes", self.bytes), ("operations", self.operations)) if value is None]

    def limit(self, size):
        moved, done = evaluate(self.bytes, size), evaluate(self.operations, size)
        if done is None or not moved and "from caches" not in self.comment:
            return "-"
        infinite = float("inf")
        cached = "from caches" in self.comment
        flops = TENSOR_FLOPS.get(size) if "tensor cores" in self.comment else FLOPS
        if not flops:
            return "-"
        by_bytes, by_operations = infinite if cached else BANDWIDTH / moved / 1e9, flops / done / 1e9 if done else infinite
        return f"{by_operations:.3g} *op*" if by_operations < by_bytes else f"{by_bytes:.3g}"

    def row(self):
        return f"| `{self.name}` | {self.bytes or '?'} {self.unit} | {self.operations or '?'} | {self.limit(2)} | {self.limit(4)} {self.report}"


def quantity(comment, what):
    """("2 sizeof(T)", "per element") of a comment's first "2 sizeof(T) bytes per element"; (None, "") where there is none."""
    match = re.search(rf"\b(?:no|(?P<one>\S+)) {what}(?= per | each|[.,:;]|$)", comment)
    if not match:
        return None, ""
    unit = re.match(r" (per [^.,:;]+|each)", comment[match.end():])
    unit = unit.group(1) if unit else "each"
    if match.group(0).startswith("no "):
        return "0", unit
    words, open_brackets = [], 0
    for word in reversed(comment[:match.start("one") + len(match.group("one"))].split()):
        if words and word[-1] in ".:;,":
            break
        open_brackets += word.count(")") - word.count("(")
        plain = re.fullmatch(r"\(*(\d+(\.\d+)?|sizeof\(\w+\)|[-+*/]|" + "|".join(NAMES) + r")\)*", word)
        if words and not plain and open_brackets <= 0 and not word.startswith("("):
            break
        if not words and not plain and ")" not in word:
            return None, ""
        words.insert(0, word)
        if open_brackets < 0:
            words[0], open_brackets = word.lstrip("("), 0
            break
    while words and words[0] in "+-*/":
        words.pop(0)
    return (" ".join(words), unit) if words else (None, "")


def evaluate(expression, size):
    """Its value for elements of `size` bytes; None where it is not a number."""
    if expression is None:
        return None
    text = re.sub(r"sizeof\((\w+)\)", lambda m: str(SIZES.get(m.group(1), size)), expression)
    text = re.sub(r"[A-Za-z_]\w*", lambda m: str(NAMES.get(m.group(0), "?")), text)
    text = re.sub(r"(?<=[\d)])\s+(?=[\d(])", " * ", text)
    if not re.fullmatch(r"[\d.+*/() -]+", text):
        return None
    try:
        return float(eval(text, {"__builtins__": {}}))  # digits, operators and brackets only
    except (SyntaxError, ZeroDivisionError):
        return None


def kernels_of(text, file):
    """The kernels a file defines, with the comment above each."""
    lines, found = text.split("\n"), []
    for i, line in enumerate(lines):
        code = line.split("//")[0]
        if "__global__" not in code:
            continue
        statement = " ".join(lines[i:i + 6])
        statement = re.sub(r"__launch_bounds__\s*\([^()]*(\([^()]*\)[^()]*)*\)", "", statement[statement.index("__global__"):])
        name = re.search(r"(\w+)\s*\(", statement)
        if not name:
            stop(f"cuda/{file}:{i + 1}: the name of a kernel is not found")
        first = i
        while first and (lines[first - 1].startswith(("template", "__launch_bounds__")) or re.match(r"\s+\S.*>\s*$", lines[first - 1])):
            first -= 1
        comment, at = [], first
        while at and lines[at - 1].startswith("//") and not lines[at - 1].startswith("// ----"):
            at -= 1
            comment.insert(0, lines[at][2:].strip())
        found.append(Kernel(file, name.group(1), " ".join(comment)))
    return found


def all_kernels():
    files = sorted(p for pattern in ("*.cu", "*.h") for p in CUDA.rglob(pattern))
    return [k for p in files for k in kernels_of(p.read_text(), p.relative_to(CUDA).as_posix())]


def page(kernels):
    out = [HEAD]
    for file in dict.fromkeys(k.file for k in kernels):
        mine = [k for k in kernels if k.file == file]
        out.append(f"\n## cuda/{file}\n")
        out.append("| kernel | bytes | operations | limit, 16 bits | 32 bits | variants | registers | shared | stack | spills |\n|---|---|---|---|---|---|---|---|---|---|")
        out += [k.row() for k in mine]
        out.append("")
        out += [f"- `{k.name}`: {k.comment}" for k in mine]
    return "\n".join(out) + "\n"


def old_reports():
    """{(file, kernel): the compiler's columns} of the page that is there."""
    found, file = {}, None
    for line in PAGE.read_text().splitlines() if PAGE.exists() else []:
        if line.startswith("## cuda/"):
            file = line.removeprefix("## cuda/")
        elif line.startswith("| `"):
            cells = line.strip("|").split("|")
            found[file, cells[0].strip(" `")] = "|" + "|".join(cells[5:]) + "|"
    return found


def find_nvcc():
    for folder in filter(None, (os.environ.get("CUDA_HOME"), "/usr/local/cuda")):
        if os.access(f"{folder}/bin/nvcc", os.X_OK):
            return f"{folder}/bin/nvcc"
    return shutil.which("nvcc") or stop("there is no nvcc; install the CUDA toolkit or set CUDA_HOME. --check needs none")


def compiler_reports(build, jobs):
    """[(kernel file, mangled name, registers, shared, stack, spills)] of every instantiation."""
    nvcc, out = find_nvcc(), []
    if not (build / "include" / "mica" / "core" / "config.h").exists():
        stop(f"{build} is not configured: cmake --preset emulated (its headers are used)")

    def one(source):
        with tempfile.TemporaryDirectory() as folder:
            command = [nvcc, "-std=c++20", f"-arch={ARCH}", "--expt-relaxed-constexpr", f"-I{build / 'include'}", "--resource-usage", "-cubin", str(source), "-o", f"{folder}/x.cubin"]
            done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode:
            stop(f"{source} does not compile: {shlex.join(command)}\n{done.stderr[-3000:]}")
        return source.relative_to(CUDA).as_posix(), done.stdout + done.stderr
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for file, text in pool.map(one, sorted(CUDA.rglob("*.cu"))):
            print(f"cuda/{file} is compiled", file=sys.stderr, flush=True)
            out += parsed(file, text)
    return out


def parsed(file, text):
    found = []
    for part in text.split("Compiling entry function '")[1:]:
        used = re.search(r"Used (\d+) registers", part)
        if not used:
            stop(f"cuda/{file}: the compiler's report has another form than expected:\n{part[:400]}")
        own = part[part.rfind("Function properties", 0, used.start()):]  # the entry's, behind those of what it calls
        sizes = {what: int(m.group(1)) if (m := re.search(rf"(\d+) bytes {what}", own)) else 0 for what in ("stack frame", "spill stores", "spill loads", "smem")}
        found.append((file, part[:part.index("'")], int(used.group(1)), sizes["smem"], sizes["stack frame"], sizes["spill stores"] + sizes["spill loads"]))
    return found


def fill_in(kernels, reports):
    for k in kernels:
        pattern = re.compile(rf"{len(k.name)}{k.name}(?=[IE]|[a-zA-Z])")
        mine = [r for r in reports if pattern.search(r[1]) and (r[0] == k.file or k.file.endswith(".h"))]
        if not mine:
            stop(f"cuda/{k.file}: {k.name} is in no report of the compiler: is it ever launched?")
        k.report = "| " + " | ".join(str(v) for v in (len(mine), *(max(r[i] for r in mine) for i in (2, 3, 4, 5)))) + " |"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compares instead of writing; the compiler's figures are not looked at")
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build" / "emulated", help="a configured tree, for its headers (build/emulated)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="files at a time (the number of cores)")
    options = parser.parse_args()
    kernels = all_kernels()
    lacking = [f"  cuda/{k.file}: {k.name}: the comment above it does not say {' and '.join(k.missing())}" for k in kernels if k.missing()]
    if lacking:
        print("\n".join(lacking), file=sys.stderr)
    if options.check:
        old = old_reports()
        for k in kernels:
            k.report = old.get((k.file, k.name), k.report)
        text = PAGE.read_text() if PAGE.exists() else ""
        if text != page(kernels):
            new, was = {(k.file, k.name) for k in kernels}, set(old)
            for what, which in (("new", new - was), ("gone", was - new)):
                for file, name in sorted(which):
                    print(f"  cuda/{file}: {name} is {what}", file=sys.stderr)
            stop("docs/kernels.md does not fit the code; write it again with: python3 tools/kernels.py")
    else:
        fill_in(kernels, compiler_reports(options.build, options.jobs))
        PAGE.write_text(page(kernels))
        print(f"docs/kernels.md: {len(kernels)} kernels")
    if lacking:
        stop(f"{len(lacking)} of {len(kernels)} kernels: write 'N bytes per element' and 'N operations per element' (or 'no operations') above each")


if __name__ == "__main__":
    main()
