"""Tests of the scripts of tools/ that need no GPU and no nvcc: python3 tests/tools_test.py"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))
sys.dont_write_bytecode = True
import gpu_report  # noqa: E402
import kernels  # noqa: E402
import mutation_places  # noqa: E402

KERNEL = """constexpr int tile = 32;
// A comment with if (i < n) in it.
template <class T, int width> __global__ void __launch_bounds__(256) some_kernel(int64_t n, const T* x, T* y) {
  MICA_SHARED(T, part, [tile]);
  const int64_t i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n || y == nullptr) return;
  for (int k = 0; k < width; ++k) part[k] = T(0);
  for (int k = int(threadIdx.x); k < tile; k += 8) part[k] = i + k < n && threadIdx.y == 0 ? x[i + k] : T(0);
  __syncthreads();
  __threadfence();
  T v = __shfl_down_sync(~0u, part[0], 1);
  if (lane == 0) y[i] = v; else if (v > T(0)) y[std::min(i, n - 1)] = v;
}
void host(int n) { if (n < 0) return; }
"""


def mutated(text, number, place):
    return mutation_places.switched(text, [(number, place)])


class Mutations(unittest.TestCase):
    def setUp(self):
        self.places = mutation_places.find(KERNEL, mutation_places.constants_of([mutation_places.blanked(KERNEL)]))

    def test_every_place_is_found_and_no_other(self):
        self.assertEqual(sorted((p.kind, p.shown) for p in self.places), sorted([
            ("no-check", "i >= n"), ("off-by-one", "i >= n"), ("off-by-one", "k < tile"), ("no-check", "i + k < n"), ("off-by-one", "i + k < n"),
            ("no-check", "threadIdx.y == 0"), ("no-barrier", "__syncthreads()"), ("no-fence", "__threadfence()"), ("half-mask", "__shfl_down_sync(~0u, part[0], 1)"),
            ("no-check", "lane == 0"), ("no-clamp", "std::min(i, n - 1)")]))
        self.assertEqual({p.function for p in self.places}, {"some_kernel"})

    def test_a_switch_weakens_in_the_right_direction(self):
        text = {(p.kind, p.shown): mutated(KERNEL, 7, p) for p in self.places}
        self.assertIn("if ((!mica_mutant(7) && (i >= n)) || y == nullptr) return;", text["no-check", "i >= n"])
        self.assertIn("if (i >= (n + mica_mutant(7)) || y", text["off-by-one", "i >= n"])
        self.assertIn("i + k < (n + mica_mutant(7)) &&", text["off-by-one", "i + k < n"])
        self.assertIn("(mica_mutant(7) || (i + k < n)) &&", text["no-check", "i + k < n"])
        self.assertIn("(mica_mutant(7) ? void() : void(__syncthreads()));", text["no-barrier", "__syncthreads()"])
        self.assertIn("__shfl_down_sync((mica_mutant(7) ? 0xffffu : unsigned(~0u)), part", text["half-mask", "__shfl_down_sync(~0u, part[0], 1)"])
        self.assertIn("(mica_mutant(7) ? std::max(i, n - 1) : std::min(i, n - 1))", text["no-clamp", "std::min(i, n - 1)"])

    def test_all_switches_at_once_keep_the_lines(self):
        text = mutation_places.switched(KERNEL, list(enumerate(self.places, 1)))
        self.assertEqual(text.count("\n"), KERNEL.count("\n"))
        self.assertIn("((!mica_mutant(", text)
        self.assertEqual(text.count("("), text.count(")"))
        for number in range(1, len(self.places) + 1):
            self.assertIn(f"mica_mutant({number})", text)


class Kernels(unittest.TestCase):
    def test_bytes_and_operations_are_read_from_the_comment(self):
        for comment, expected in {
                "One thread copies. 2 sizeof(W) bytes per element, no operations. Deterministic.": (("2 sizeof(W)", "per element"), ("0", "each")),
                "Converts: sizeof(X) + sizeof(Y) bytes each, 3 operations each.": (("sizeof(X) + sizeof(Y)", "each"), ("3", "each")),
                "A pack. (arity + 1) sizeof(T) bytes per element, 1 to 20 operations per element.": (("(arity + 1) sizeof(T)", "per element"), ("20", "per element")),
                "One thread merges the parts of one result, in order.": ((None, ""), (None, ""))}.items():
            self.assertEqual((kernels.quantity(comment, "bytes"), kernels.quantity(comment, "operations?")), expected, comment)

    def test_expressions_are_evaluated(self):
        self.assertEqual(kernels.evaluate("(arity + 1) sizeof(T)", 2), 6)
        self.assertEqual(kernels.evaluate("2 sizeof(T)", 4), 8)
        self.assertIsNone(kernels.evaluate("the size", 4))

    def test_the_limit_is_the_smaller_of_two(self):
        self.assertEqual(kernels.Kernel("a.cu", "a_kernel", "2 sizeof(T) bytes per element, 1 operation per element").limit(2), "750")
        self.assertEqual(kernels.Kernel("a.cu", "a_kernel", "2 sizeof(T) bytes per element, 1000 operations per element").limit(2), "67 *op*")
        self.assertEqual(kernels.Kernel("a.cu", "a_kernel", "One thread.").missing(), ["bytes", "operations"])

    def test_kernels_and_comments_are_found(self):
        found = kernels.kernels_of("// What it does,\n// in two lines.\n" + KERNEL[KERNEL.index("template"):], "a.cu")
        self.assertEqual([(k.name, k.comment) for k in found], [("some_kernel", "What it does, in two lines.")])

    def test_the_page_fits_the_code(self):
        done = subprocess.run([sys.executable, ROOT / "tools" / "kernels.py", "--check"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_the_compilers_report_is_read(self):
        report = """ptxas info    : Compiling entry function '_ZN4mica36_GLOBAL__N__c0ce3945_4_a_cu_55e7b17011some_kernelIfLi4EEvlPKT_PS1_' for 'sm_90'
ptxas info    : Function properties for _ZN4mica36_GLOBAL__N__c0ce3945_4_a_cu_55e7b17011some_kernelIfLi4EEvlPKT_PS1_
    16 bytes stack frame, 8 bytes spill stores, 4 bytes spill loads
ptxas info    : Used 42 registers, used 1 barriers, 128 bytes smem
ptxas info    : Compiling entry function '_ZN4mica11some_kernelIdLi2EEvlPKT_PS1_' for 'sm_90'
ptxas info    : Function properties for _ZN4mica11some_kernelIdLi2EEvlPKT_PS1_
    0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
ptxas info    : Used 50 registers, used 1 barriers, 256 bytes smem
"""
        kernel = kernels.Kernel("a.cu", "some_kernel", "")
        kernels.fill_in([kernel], kernels.parsed("a.cu", report))
        self.assertEqual(kernel.report, "| 2 | 50 | 256 | 16 | 12 |")


class GpuCheck(unittest.TestCase):
    """With a stand-in for nvidia-smi that names a card nobody makes; nothing is measured."""

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.path = pathlib.Path(self.folder.name)

    def stand_in(self, name, script):
        (self.path / name).write_text("#!/bin/sh\n" + script)
        (self.path / name).chmod(0o755)

    def run_part(self, *arguments):
        environment = os.environ | {"PATH": f"{self.path}:{os.environ['PATH']}"}
        return subprocess.run([ROOT / "tools" / "gpu_check.sh", *arguments, "--results", self.path / "results"], capture_output=True, text=True, env=environment)

    def test_without_a_gpu_every_part_says_so_and_fails(self):
        self.stand_in("nvidia-smi", "exit 9\n")
        for part in range(1, 7):
            done = self.run_part("--part", str(part))
            self.assertEqual(done.returncode, 1)
            self.assertIn("there is no GPU on this machine", done.stderr)
            self.assertEqual(len(done.stderr.strip().splitlines()), 1)

    def test_wrong_arguments_are_named(self):
        for arguments, words in {("--part", "7"): "--part takes 1 to 6, not '7'", ("--limit", "x", "--part", "1"): "--limit takes seconds, not 'x'", ("--fast",): "no option --fast",
                                 (): "say which part"}.items():
            done = self.run_part(*arguments)
            self.assertEqual(done.returncode, 1)
            self.assertIn(words, done.stderr)

    def test_a_part_that_fails_or_outlasts_its_limit_is_reported(self):
        self.stand_in("nvidia-smi", 'case "$*" in *driver*) echo "Synthetic GPU, 0.0, 1 MiB, 9.9" ;; *) echo "Synthetic GPU, 9.9" ;; esac\n')
        for script, words in {"exit 3\n": "failed with exit status 3", "sleep 60\n": "was stopped after [12] s"}.items():  # a second may be gone before it
            self.stand_in("cmake", script)
            done = self.run_part("--part", "1", "--limit", "2")
            self.assertEqual(done.returncode, 1, done.stderr)
            self.assertRegex(done.stdout, words)
            [file] = (self.path / "results").glob("*.json")
            part = json.loads(file.read_text())["parts"]["1"]
            self.assertEqual(part["status"], "failed")
            self.assertRegex(part["notes"][0], words)
        self.stand_in("cmake", "exit 0\n")
        done = self.run_part("--part", "1", "--limit", "60")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(json.loads(file.read_text())["parts"]["1"]["rows"][0]["architecture"], "sm_99")

    def machine(self):
        file = self.path / "machine.json"
        file.write_text(json.dumps({"GPU": "Synthetic GPU", "driver": "0.0", "commit": "0000000"}))
        return file

    def write_part(self, number, status, rows, *more):
        file = self.path / "rows.jsonl"
        file.write_text("".join(json.dumps(row) + "\n" for row in rows))
        subprocess.run([sys.executable, ROOT / "tools" / "gpu_report.py", "--results", self.path / "results", "--part", str(number), "--title", "a | title", "--command", "a command",
                        "--status", status, "--seconds", "1.5", "--rows", file, "--machine", self.machine(), *more], check=True, capture_output=True)

    def test_parts_of_a_day_are_gathered(self):
        self.write_part(4, "passed", [{"table": "one", "case": "a", "ms": 111.0}, {"table": "one", "case": "b|c", "GB/s": 222}, {"table": "two", "case": "d"}])
        self.write_part(2, "failed", [], "--note", "It did not work.")
        self.write_part(2, "passed", [{"tests": 333}])
        files = sorted((self.path / "results").iterdir())
        self.assertEqual([f.suffix for f in files], [".json", ".md"])
        self.assertTrue(files[0].name.endswith("-synthetic-gpu.json"))
        results, text = json.loads(files[0].read_text()), files[1].read_text()
        self.assertEqual(list(results["parts"]), ["4", "2"])
        self.assertEqual(results["parts"]["2"]["rows"], [{"tests": 333}])
        self.assertLess(text.index("## Part 2"), text.index("## Part 4"))
        self.assertNotIn("did not work", text)
        for line in ("- GPU: Synthetic GPU", "| case | ms | GB/s |", "| a | 111 |  |", "| b\\|c |  | 222 |", "**two**"):
            self.assertIn(line, text)

    def test_rows_may_be_one_array_but_nothing_else(self):
        file = self.path / "rows.json"
        file.write_text('[{"a": 1}]')
        self.assertEqual(gpu_report.read_rows(file), [{"a": 1}])
        file.write_text("[1]")
        with self.assertRaises(SystemExit):
            gpu_report.read_rows(file)


class NvccCheck(unittest.TestCase):
    def test_wrong_arguments_are_named(self):
        for arguments, words in {("--arch", "90"): "--arch takes an architecture such as sm_90, not '90'", ("no_such.cu",): "there is no file no_such.cu"}.items():
            done = subprocess.run([ROOT / "tools" / "nvcc_check.sh", *arguments], capture_output=True, text=True)
            self.assertEqual(done.returncode, 1)
            self.assertIn(words, done.stderr)


if __name__ == "__main__":
    unittest.main()
