#!/usr/bin/env python3
"""Mutation test of the kernels: weakens each barrier, fence, bound check and mask in turn, and runs the tests on the emulated device.

    cmake --preset emulated && cmake --build --preset emulated --target mica_test
    cmake --preset race && cmake --build --preset race --target mica_test
    python3 tools/mutate_kernels.py [--file NAME]... [--list] [--jobs N] [--limit SECONDS]

A mutant is killed when a test fails, crashes or hangs with it: quick tests first, each in one of the two trees (barriers, fences and masks with the race
detector, others without) and then in the other; then all of them in two other orders of threads. All mutants of the chosen files are compiled at once, each behind a switch,
so that one mutant costs a run of its tests; an index behind a thread's own array traps. Kinds (tools/mutation_places.py has the patterns):

    no-barrier   __syncthreads, __syncwarp, sync() of a group or a wait for asynchronous copies is left out
    no-fence     __threadfence is left out
    no-check     one comparison of an if or ?: is taken as passed
    off-by-one   one comparison of an if, ?: or loop lets one more through
    half-mask    a warp's mask is 0xffff
    no-clamp     min is max

Comparisons of floating-point numbers are formulas, which the tests of values cover, and no mutants.

The tests of a file are those of tools/mutation_tests.txt, quick ones first; a header's mutants run the tests of every file that includes it.
Survivors need a line in
tools/mutation_survivors.txt. Exit status 1: less than 95 % are killed, or a survivor has no reason there, or a reason has no survivor.
"""
import argparse
import concurrent.futures
import hashlib
import json
import math
import os
import pathlib
import re
import resource
import shlex
import shutil
import signal
import subprocess
import sys
import time

import mutation_places

ROOT = pathlib.Path(__file__).resolve().parent.parent
CUDA = ROOT / "cuda"
GOAL = 95
ORDERS = ("forward", "reverse", "random:7")
SWITCH = '#include <cstdlib>\nbool mica_mutant(int n) { static const int asked = std::getenv("MICA_MUTANT") ? std::atoi(std::getenv("MICA_MUTANT")) : 0; return n == asked; }\n'


def stop(message):
    sys.exit(f"mutate_kernels.py: {message}")


def lines_of(file):
    """{key: text} of lines 'key: text' (tests) or 'key | text' (survivors); '#' begins a comment line."""
    found = {}
    for line in file.read_text().splitlines() if file.exists() else []:
        if line.strip() and not line.startswith("#"):
            key, separator, text = line.partition(" | ")
            if not separator:
                stop(f"{file}: a line needs ' | ' between its two parts: {line}")
            found[key.strip()] = text.strip()
    return found


def processor_seconds():
    """Of all programs that were run and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


class Sources:
    """The files of cuda/, who includes whom, and the mutants."""

    def __init__(self):
        self.text = {p.relative_to(CUDA).as_posix(): p.read_text() for pattern in ("*.cu", "*.h") for p in sorted(CUDA.rglob(pattern))}
        self.kernels = [f for f in self.text if f.endswith(".cu")]
        self.mutants, seen = [], {}
        for file, text in self.text.items():
            constants = mutation_places.constants_of([mutation_places.blanked(self.text[f]) for f in self.includes(file)])
            for place in mutation_places.find(text, constants):
                key = f"{file} {place.function} {place.kind} {place.shown}"
                seen[key] = seen.get(key, 0) + 1
                line = text.count("\n", 0, place.begin) + 1
                self.mutants.append({"number": len(self.mutants) + 1, "id": key if seen[key] == 1 else f"{key} #{seen[key]}", "file": file, "line": line, "kind": place.kind, "place": place})

    def includes(self, file, seen=None):
        """file and all it includes, within cuda/."""
        seen = set() if seen is None else seen
        if file in self.text and file not in seen:
            seen.add(file)
            for header in re.findall(r'#include "mica/cuda/([^"]+)"', self.text[file]):
                self.includes(header, seen)
        return seen

    def users(self, file):
        return [k for k in self.kernels if file in self.includes(k)]


class Tree:
    """A build tree whose library is linked again, into `folder`, with the switches in its kernels."""

    def __init__(self, build, name, folder):
        self.build, self.name = build, name
        self.overlay, self.folder = folder / "include", folder / name
        self.program = build / "bin" / "mica_test"
        self.library = self.folder / "libmica.so.mutants"
        if not self.program.exists():
            stop(f"{self.program} is not there; build it: cmake --preset {name} && cmake --build --preset {name} --target mica_test")

    def prepare(self, sources, kernels, jobs):
        """Compiles these kernel files from the overlay, and links. Returns {file: [(line, message)]} of what does not compile."""
        self.folder.mkdir(parents=True, exist_ok=True)
        commands = {c["file"]: c for c in json.loads((self.build / "compile_commands.json").read_text())}
        replaced, errors = {}, {}

        def compile_one(kernel):
            source, target = self.overlay / "mica" / "cuda" / kernel, self.folder / (kernel.replace("/", "_") + ".o")
            entry = commands[str(CUDA / kernel)]
            words = [w for w in shlex.split(entry["command"]) if not w.startswith("-O")]
            original = words[words.index("-o") + 1]
            words[words.index("-o") + 1] = str(target)
            words[words.index("-c") + 1] = str(source)
            words[1:1] = [f"-I{self.overlay}", "-O1", "-w", "-fsanitize=bounds", "-fsanitize-undefined-trap-on-error", "-include", str(self.overlay / "mutant.h")]
            if shutil.which("ccache") and not words[0].endswith("ccache"):
                words.insert(0, "ccache")
            done = subprocess.run(words, cwd=entry["directory"], capture_output=True, text=True)
            return kernel, original, target, done
        with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
            for kernel, original, target, done in pool.map(compile_one, kernels):
                replaced[original] = str(target)
                if done.returncode:
                    wrong = re.findall(r"mica/cuda/([\w./]+):(\d+):\d+: (?:fatal )?error: ([^\n]*)", done.stderr)
                    if not wrong:
                        stop(f"{kernel} does not compile in {self.name}:\n{done.stderr[-3000:]}")
                    for file, line, message in wrong:
                        errors.setdefault(file, []).append((int(line), message))
        if errors:
            return errors
        switch = self.folder / "switch.cpp"
        switch.write_text(SWITCH)
        compiler = shlex.split(commands[str(CUDA / kernels[0])]["command"])
        compiler = next(w for w in compiler if not w.endswith("ccache"))
        subprocess.run([compiler, "-O2", "-fPIC", "-c", str(switch), "-o", f"{switch}.o"], check=True)
        listed = subprocess.run(["ninja", "-t", "commands", "lib/libmica.so"], cwd=self.build, capture_output=True, text=True, check=True).stdout
        link = next(line for line in listed.splitlines() if re.search(r" -o lib/libmica\.so\.[\d.]+ ", line))
        words = shlex.split(link.removeprefix(": && ").removesuffix(" && :"))
        words[words.index("-o") + 1] = str(self.library)
        first = list(replaced.values()) + [f"{switch}.o"]  # first: of functions that several files define, theirs is taken
        at = next(i for i, w in enumerate(words) if w.endswith(".o"))
        words = words[:at] + first + [w for w in words[at:] if w not in replaced]
        subprocess.run(words, cwd=self.build, check=True)
        return {}

    def run(self, tests, order, mutant, seconds):
        """(whether the tests pass, why not), within seconds of processor time. (None, why) where it had no processor for so long that nobody can tell."""
        # One thread of CPU work: several mutants run at once. Without the cache each block of memory has its own bounds. LD_PRELOAD: the library has the name of the one that the program asks for.
        environment = os.environ | {"MICA_MUTANT": str(mutant), "MICA_TEST_DEVICES": "cuda", "MICA_CUDA_CACHE": "0", "MICA_EMULATOR_ORDER": order, "MICA_EMULATOR_WORKERS": "1",
                                    "OMP_NUM_THREADS": "1", "LD_PRELOAD": str(self.library)}
        command = ["prlimit", f"--cpu={math.ceil(seconds)}:{math.ceil(seconds) + 5}", str(self.program), f"--gtest_filter={tests}", "--gtest_fail_fast", "--gtest_brief=1"]
        try:
            done = subprocess.run(command, env=environment, capture_output=True, text=True, errors="replace", timeout=300 + 20 * seconds)
        except subprocess.TimeoutExpired:
            return None, f"still running after {300 + 20 * seconds:.0f} s, without much processor time"
        if done.returncode == -signal.SIGXCPU:
            return False, f"still running after {seconds:.0f} s of processor time"
        if done.returncode == 0:
            return ("] 0 tests from" not in done.stdout, "no test matches")
        text = done.stdout + done.stderr
        if done.returncode == 127:
            return False, text.strip()[-300:]
        said = re.search(r"emulated device: [^\n]*|Failure\n[^\n]*|terminate called[^\n]*|what\(\)[^\n]*", text)
        return False, said.group(0).replace("\n", " ")[:200] if said else f"exit status {done.returncode}"


def write_overlay(folder, sources, numbered):
    """include/mica/cuda with the switches; only files whose text changes are written, so that compilers' caches hold."""
    base = folder / "include"
    files = {base / "mutant.h": "bool mica_mutant(int n);\n"}
    for file, text in sources.text.items():
        places = [(m["number"], m["place"]) for m in numbered if m["file"] == file]
        files[base / "mica" / "cuda" / file] = mutation_places.switched(text, places)
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_text() != text:
            path.write_text(text)


class MutationTest:
    def __init__(self, options):
        self.options, self.sources = options, Sources()
        self.tests = lines_of(ROOT / "tools" / "mutation_tests.txt") | dict(f.split("=", 1) for f in options.filter)
        chosen = set(options.file) or set(self.sources.text)
        if unknown := chosen - set(self.sources.text):
            stop(f"there is no cuda/{', cuda/'.join(sorted(unknown))}")
        self.mutants = [m for m in self.sources.mutants if m["file"] in chosen and (not options.mutant or m["number"] in options.mutant)]
        self.folder = pathlib.Path(options.folder).resolve()
        self.results_file = self.folder / "results.jsonl"

    def filter_of(self, kernel):
        stem = pathlib.Path(kernel).stem
        if stem not in self.tests:
            stop(f"tools/mutation_tests.txt has no line for {stem}: add '{stem} | FILTER', the tests (as --gtest_filter takes them) that run cuda/{kernel}")
        return self.tests[stem].split(" then ")

    def filters(self, mutant):
        """The tests of a mutant, of the file itself or of each file that includes it, without repetition."""
        return list(dict.fromkeys(f for k in self.sources.users(mutant["file"]) for f in self.filter_of(k)))

    def build(self):
        self.trees = {name: Tree(ROOT / "build" / name, name, self.folder) for name in self.options.tree}
        kernels = sorted({k for m in self.mutants for k in self.sources.users(m["file"])})
        left_out = set()
        while True:
            numbered = [m for m in self.mutants if m["number"] not in left_out]
            write_overlay(self.folder, self.sources, numbered)
            wrong = {}
            for tree in self.trees.values():
                print(f"compiling {len(kernels)} files with {len(numbered)} mutants in {tree.name} ...", file=sys.stderr, flush=True)
                wrong = tree.prepare(self.sources, kernels, self.options.jobs)
                if wrong:
                    break
            if not wrong:
                break
            bad = {m["number"] for m in numbered for line, _ in wrong.get(m["file"], []) if m["line"] <= line <= m["line"] + m["place"].shown.count("\n")}
            if not bad:
                stop(f"the kernels with switches do not compile, and not because of a switch's line: {json.dumps(wrong)[:2000]}")
            left_out |= bad
        for m in self.mutants:
            if m["number"] in left_out:
                m["result"] = {"id": m["id"], "killed": False, "by": "does not compile with a switch"}
        self.baseline()

    def baseline(self):
        """Without a mutant every test passes, in every tree and order; remembers how long they take."""
        self.seconds = {}
        for tests in {f for m in self.mutants for f in self.filters(m)}:
            for tree in self.trees.values():
                start = processor_seconds()
                passes, why = tree.run(tests, ORDERS[0], 0, self.options.timeout)
                self.seconds[tests, tree.name] = processor_seconds() - start
                for order in ORDERS[1:]:
                    if passes:
                        passes, why = tree.run(tests, order, 0, self.options.timeout)
                if not passes:
                    stop(f"the tests '{tests}' do not pass in {tree.name} without a mutant: {why}")
        self.hash = hashlib.sha256(json.dumps(self.tests).encode() + "".join(t.library.read_bytes().hex() + t.program.read_bytes().hex() for t in self.trees.values()).encode()).hexdigest()[:16]

    def judge(self, mutant):
        start = time.monotonic()
        first = "race" if mutant["kind"] in ("no-barrier", "no-fence", "half-mask") else "emulated"
        names = sorted(self.trees, key=lambda n: n != first)
        filters = sorted(self.filters(mutant), key=lambda tests: sum(self.seconds[tests, tree] for tree in names))
        for order in ORDERS:
            for tests in filters:
                for tree in names:
                    limit = 20 + 20 * self.seconds[tests, tree]
                    passes, why = self.trees[tree].run(tests, order, mutant["number"], limit)
                    if passes is None:
                        print(f"not judged: {mutant['id']}: {why}", file=sys.stderr, flush=True)
                        return None
                    if not passes:
                        return {"id": mutant["id"], "killed": True, "by": f"{tree}, {order}: {why}", "seconds": round(time.monotonic() - start, 1)}
        return {"id": mutant["id"], "killed": False, "by": "", "seconds": round(time.monotonic() - start, 1)}

    def known(self):
        """Results of an earlier run with the same library and the same tests."""
        found = {}
        for line in self.results_file.read_text().splitlines() if self.results_file.exists() else []:
            result = json.loads(line)
            if result.pop("hash") == self.hash:
                found[result["id"]] = result
        return found

    def run(self):
        end = time.monotonic() + self.options.limit
        known = self.known()
        waiting = []
        for m in self.mutants:
            m.setdefault("result", known.get(m["id"]))
            if not m["result"]:
                waiting.append(m)
        print(f"{len(self.mutants)} mutants, {len(self.mutants) - len(waiting)} judged by an earlier run or not compiled", flush=True)
        with concurrent.futures.ThreadPoolExecutor(self.options.jobs) as pool, open(self.results_file, "a") as results:
            def judge(m):
                return None if time.monotonic() > end else self.judge(m)
            for m, result in zip(waiting, pool.map(judge, waiting)):
                if result:
                    m["result"] = result
                    results.write(json.dumps(result | {"hash": self.hash}) + "\n")
                    results.flush()
                    print(f"{'killed  ' if result['killed'] else 'SURVIVED'} {m['number']:4} {m['file']}:{m['line']} {m['id']}  [{result['by']}]", flush=True)

    def report(self):
        judged = [m for m in self.mutants if m["result"]]
        survivors = [m for m in judged if not m["result"]["killed"]]
        reasons = lines_of(ROOT / "tools" / "mutation_survivors.txt")
        killed = len(judged) - len(survivors)
        print()
        for m in survivors:
            print(f"survivor {m['number']:4} {m['file']}:{m['line']} {m['id']}\n              {m['result']['by']} {reasons.get(m['id'], 'NO REASON in tools/mutation_survivors.txt')}")
        whole = len(judged) == len(self.sources.mutants)
        obsolete = [key for key in reasons if key not in {m["id"] for m in survivors} and (whole or key in {m["id"] for m in judged} or key not in {m["id"] for m in self.sources.mutants})]
        for key in obsolete:
            print(f"tools/mutation_survivors.txt has a reason for what does not survive: {key}")
        for file in dict.fromkeys(m["file"] for m in judged):
            of_file = [m for m in judged if m["file"] == file]
            dead = sum(m["result"]["killed"] for m in of_file)
            print(f"{file:28} {dead:4} of {len(of_file):4} killed")
        percent = 100 * killed / len(judged) if judged else 0
        print(f"{killed} of {len(judged)} mutants killed: {percent:.1f} % (goal {GOAL} %); {len(self.mutants) - len(judged)} not judged")
        fine = percent >= GOAL and all(m["id"] in reasons for m in survivors) and not obsolete and len(judged) == len(self.mutants)
        return 0 if fine else 1


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--file", action="append", default=[], metavar="NAME", help="only mutants of cuda/NAME (reduce.cu, fold.h); may be repeated")
    parser.add_argument("--mutant", action="append", default=[], type=int, metavar="N", help="only this mutant (its number in --list); may be repeated")
    parser.add_argument("--filter", action="append", default=[], metavar="STEM=FILTER", help="the tests of cuda/STEM.cu, in place of tools/mutation_tests.txt's")
    parser.add_argument("--tree", action="append", default=[], choices=("emulated", "race"), help="only this build tree (both)")
    parser.add_argument("--list", action="store_true", help="prints the mutants, and their tests, and stops")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="mutants at a time (the number of cores)")
    parser.add_argument("--limit", type=float, default=1e9, metavar="SECONDS", help="stops after this time; the next run goes on from there")
    parser.add_argument("--timeout", type=float, default=600, metavar="SECONDS", help="of the processor, for one run of a file's tests without a mutant (600)")
    parser.add_argument("--folder", default=str(ROOT / "build" / "mutants"), help="for compiled mutants and results (build/mutants)")
    options = parser.parse_args()
    options.tree = options.tree or ["emulated", "race"]
    test = MutationTest(options)
    if options.list:
        for m in test.mutants:
            print(f"{m['number']:4} {m['file']}:{m['line']} {m['id']}")
        print(f"{len(test.mutants)} mutants")
        return 0
    if not test.mutants:
        stop("there are no mutants of these files")
    test.build()
    test.run()
    return test.report()


if __name__ == "__main__":
    sys.exit(main())
