#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cmath>
#include <csignal>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <thread>

#include "mica/core/config.h"
#include "mica/core/error.h"
#include "mica/core/implementation.h"
#include "mica/core/ops/linear.h"
#include "mica/core/ops/pointwise.h"
#include "mica/core/random.h"
#include "mica/tools/bench_run.h"
#include "mica/tools/commands.h"
#include "mica/tools/program.h"
#include "mica/tools/run_folder.h"
#include "op_case.h"
#include "op_shapes.h"

namespace mica::tools {
namespace {
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::mica::testing::error_of;

std::vector<BenchRow> rows_of(const BenchCase& c, const BenchSettings& settings) {
  std::vector<BenchRow> rows;
  run_case(c, settings, [&](const BenchRow& row) { rows.push_back(row); });
  return rows;
}

// Of what a call prints, and returns.
struct Printed {
  int code = -1;
  std::string out, err;
};
Printed printed(const BenchOptions& options) {
  ::testing::internal::CaptureStdout();
  ::testing::internal::CaptureStderr();
  Printed p;
  try {
    p.code = bench(options);
  } catch (const std::exception& e) {
    p.err = e.what();
  }
  p.out = ::testing::internal::GetCapturedStdout();
  p.err += ::testing::internal::GetCapturedStderr();
  return p;
}

std::vector<nlohmann::json> lines_of(const std::filesystem::path& file) {
  std::istringstream in(read_file(file));
  std::vector<nlohmann::json> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(nlohmann::json::parse(line));
  return lines;
}

// The times mean nothing here, and two threads on a busy machine wait for each other.
struct OneThread {
  int before = threads();
  OneThread() { set_threads(1); }
  ~OneThread() { set_threads(before); }
};

struct File {
  std::filesystem::path path = std::filesystem::temp_directory_path() / ("mica_bench_test_" + std::to_string(getpid()) + ".json");
  File() { std::filesystem::remove(path); }
  ~File() { std::filesystem::remove(path); }
};

BenchCase small_linear() {
  return {.op = "linear", .text = "small", .inputs = [](InputMaker& make) { return Tensors{make.x({4, 3}), make.weight({5, 3}, 3), make.scale({5})}; },
          .call = [](const Tensors& t) { return linear(t[0], t[1], t[2]); }};
}

// What an error may be, relative to the largest value: rounding of a result, and of sums in float.
double allowed(DType t) { return t == bf16 ? 0.01 : t == f16 ? 0.002 : 5e-6; }

class Names : public Observer {
 public:
  std::set<std::string> seen;
  void ran(const Call& call) override { seen.insert(call.info.name); }
};

TEST(BenchCases, AreNamedApartAndCoverEveryOp) {
  const OneThread one_thread;
  std::set<std::string> names;
  Names observed;
  for (const BenchCase& c : bench_cases()) {
    EXPECT_TRUE(names.insert(c.name()).second) << c.name();
    if (c.steps) continue;
    InputMaker make(f32, cpu, true);
    const Tensors inputs = c.inputs(make);
    c.call(inputs);
  }
  const std::set<std::string> views = {"reshape", "permute", "expand", "squeeze", "unsqueeze", "select", "slice", "transpose"};  // no work
  for (const std::string& op : ::mica::testing::all_ops())
    if (!views.contains(op)) { EXPECT_TRUE(observed.seen.contains(op)) << "mica bench has no case of " << op; }
}

TEST(BenchCases, InputsAreTheSameNumbersInEveryDtypeAndLayout) {
  InputMaker a(f32, cpu, true), b(bf16, cpu, true);
  a.x({3}), b.x({3});
  const Tensor x = a.image({2, 3, 4, 5}), y = b.image({2, 3, 4, 5});
  EXPECT_TRUE(x.has_layout(Layout::channels_last));
  EXPECT_EQ(cast(x, bf16).to_vector<float>(), y.to_vector<float>());
  EXPECT_NE(a.image({2, 3, 4, 5}).to_vector<float>(), x.to_vector<float>());  // the next ones
  EXPECT_EQ(a.weight({4, 4}, 4).dtype(), f32);
  const std::vector<std::int64_t> ids = a.ids({5000}, 7).to_vector<std::int64_t>();
  EXPECT_EQ(*std::min_element(ids.begin(), ids.end()), 0);
  EXPECT_EQ(*std::max_element(ids.begin(), ids.end()), 6);
}

TEST(BenchRun, EveryCaseOnTheCpu) {
  const OneThread one_thread;
  const RandomState before = random_state();
  for (const BenchCase& c : bench_cases()) {
    const std::vector<BenchRow> rows = rows_of(c, {.devices = {cpu}, .types = {f32, bf16}, .budget = 1e-5, .small = true});
    std::map<std::string, int> passes;
    for (const BenchRow& r : rows) {
      const std::string where = c.name() + ", " + name_of(r.pass) + " in " + r.type.name() + " by " + r.implementation;
      EXPECT_EQ(r.problem, "") << where;
      EXPECT_GE(r.time.rounds, 1) << where;
      EXPECT_GT(r.time.seconds, 0) << where;
      EXPECT_GT(r.bytes, 0) << where;
      EXPECT_NE(r.sizes, "") << where;
      if (r.type.dtype == f64) EXPECT_EQ(r.implementation, "reference");
      else EXPECT_LE(r.error, allowed(c.op == "cast" ? bf16 : r.type.dtype)) << where;
      ++passes[name_of(r.pass)];
    }
    for (const auto& [pass, count] : passes) EXPECT_EQ(count, 3) << c.name() << " " << pass;
    EXPECT_EQ(passes.count("forward") + passes.count("step"), 1u) << c.name();
  }
  EXPECT_EQ(random_state(), before);
}

TEST(BenchRun, BytesAndOperations) {
  const std::vector<BenchRow> rows = rows_of(small_linear(), {.devices = {cpu}, .types = {f32, bf16}, .budget = 1e-5});
  ASSERT_EQ(rows.size(), 6u);
  EXPECT_EQ(rows[0].sizes, "[4, 3] [5, 3] [5]");
  EXPECT_EQ(rows[0].pass, Pass::forward);
  EXPECT_EQ(rows[0].bytes, 4 * (12 + 15 + 5 + 20));
  EXPECT_EQ(rows[0].operations, 2 * 4 * 3 * 5);
  EXPECT_EQ(rows[1].pass, Pass::backward);
  EXPECT_EQ(rows[1].bytes, 4 * (12 + 15) + 4 * (12 + 15 + 5) + 4 * 20);  // what is saved, the gradients, dy
  EXPECT_EQ(rows[1].operations, 2 * 2 * 4 * 3 * 5);
  EXPECT_EQ(rows[2].type, bf16);
  EXPECT_EQ(rows[2].bytes, 2 * (12 + 15) + 4 * 5 + 2 * 20);              // a weight is read in 16 bits, its gradient written in f32
  EXPECT_EQ(rows[3].bytes, 2 * (12 + 15) + 2 * 12 + 4 * (15 + 5) + 2 * 20);
  EXPECT_EQ(rows[4].implementation, "reference");
  EXPECT_EQ(rows[4].type, f64);
  EXPECT_TRUE(std::isnan(rows[4].error));
}

TEST(BenchRun, AnErrorShows) {
  BenchCase c = small_linear();
  c.call = [](const Tensors& t) { const Tensor y = linear(t[0], t[1], t[2]); return t[0].dtype() == f64 ? y : y * 1.01; };
  const std::vector<BenchRow> rows = rows_of(c, {.devices = {cpu}, .types = {f32}, .budget = 1e-5});
  ASSERT_EQ(rows.size(), 4u);
  EXPECT_NEAR(rows[0].error, 0.01, 1e-4);
  EXPECT_NEAR(rows[1].error, 0.01, 1e-4);
}

TEST(BenchRun, WhatThrowsIsARowAndTheNextGoesOn) {
  BenchCase c = small_linear();
  c.call = [](const Tensors& t) -> Tensor { if (t[0].dtype() == f32) throw Error("linear: not today\n  x: f32"); return linear(t[0], t[1], t[2]); };
  const std::vector<BenchRow> rows = rows_of(c, {.devices = {cpu}, .types = {f32, bf16}, .budget = 1e-5});
  ASSERT_EQ(rows.size(), 5u);
  EXPECT_EQ(rows[0].problem, "linear: not today");
  EXPECT_TRUE(rows[0].failed);
  EXPECT_EQ(rows[0].time.rounds, 0);
  EXPECT_EQ(rows[1].problem, "");
  EXPECT_EQ(rows[1].type, bf16);
}

TEST(BenchRun, ABackwardPassThatThrowsLeavesForwardItsRow) {
  BenchCase c = small_linear();
  c.call = [](const Tensors& t) {
    const Tensor y = linear(t[0], t[1], t[2]);
    if (t[0].dtype() == f32 && y.requires_grad()) y.register_hook([](const Tensor&) -> Tensor { throw Error("not backwards"); });
    return y;
  };
  const std::vector<BenchRow> rows = rows_of(c, {.devices = {cpu}, .types = {f32}, .budget = 1e-5});
  ASSERT_EQ(rows.size(), 4u);
  EXPECT_EQ(rows[0].problem, "");
  EXPECT_LE(rows[0].error, allowed(f32));
  EXPECT_GE(rows[0].time.rounds, 1);
  EXPECT_EQ(rows[1].pass, Pass::backward);
  EXPECT_THAT(rows[1].problem, HasSubstr("not backwards"));
  EXPECT_TRUE(rows[1].failed);
  EXPECT_EQ(rows[1].time.rounds, 0);
}

TEST(BenchTimer, MedianOfBatches) {
  int calls = 0;
  const auto sleep = [&] { ++calls; std::this_thread::sleep_for(std::chrono::milliseconds(10)); };
  const Timing long_calls = time_of(sleep, cpu, 0.035);
  EXPECT_GE(long_calls.seconds, 0.01);
  EXPECT_EQ(long_calls.calls, 1);
  EXPECT_GE(long_calls.rounds, 1);
  EXPECT_LT(long_calls.rounds, 5);  // the budget is used up
  EXPECT_EQ(calls, 2 + long_calls.rounds);
  const Timing short_calls = time_of([] { std::this_thread::sleep_for(std::chrono::microseconds(100)); }, cpu, 60);
  EXPECT_GE(short_calls.rounds, 5);
  EXPECT_GE(short_calls.seconds, 1e-4);
  EXPECT_GT(short_calls.calls, 5);  // batches of 10 ms
}

TEST(BenchTimer, Peaks) {
  EXPECT_GT(fused_multiply_add_peak(f32, 1, 0.002), 1e8);
  EXPECT_GT(fused_multiply_add_peak(f64, 2, 0.002), 1e8);
  EXPECT_THROW(fused_multiply_add_peak(bf16, 1, 0.002), Error);
  EXPECT_GT(copy_speed(cpu, 1e-3).bytes_per_second, 1e7);
  const ArithmeticPeak peak = arithmetic_peak(cpu, f32, 1e-3);
  EXPECT_GT(peak.flops, 1e8);
  EXPECT_STRNE(peak.of, "");
}

TEST(Bench, PrintsATableAndWritesOneObjectALine) {
  File file;
  const Printed p = printed({.filter = "linear 784", .device = "cpu,cpu", .dtype = "f32", .json = file.path.string(), .seconds = 1e-4, .small = true});
  EXPECT_EQ(p.code, 0) << p.err;
  EXPECT_EQ(p.err, "");
  EXPECT_THAT(p.out, HasSubstr("cpu: copy "));
  EXPECT_THAT(p.out, HasSubstr("linear 784 to 256, batch 128, MLP  [17, 96] [72, 96] [72]\n  forward   f32    cpu      onednn+mica"));
  EXPECT_THAT(p.out, HasSubstr("  backward  f64    cpu      reference"));
  EXPECT_THAT(p.out, HasSubstr("8 rows; written to " + file.path.string()));
  EXPECT_FALSE(std::filesystem::exists(file.path.string() + ".part"));
  std::map<std::string, int> tables;
  for (const nlohmann::json& row : lines_of(file.path)) {
    const std::string table = row.at("table");
    ++tables[table];
    if (table != "ops") continue;
    EXPECT_EQ(row.at("op"), "linear");
    EXPECT_GT(row.at("us").get<double>(), 0);
    EXPECT_GT(row.at("gb_s").get<double>(), 0);
    EXPECT_GT(row.at("gflop_s").get<double>(), 0);
    EXPECT_GT(row.at("percent").get<double>(), 0);
    EXPECT_THAT(row.at("limit").get<std::string>(), ::testing::AnyOf("memory", "arithmetic"));
    EXPECT_TRUE(row.at("gpu_cpu").is_null());
    EXPECT_GE(row.at("rounds").get<int>(), 1);
    if (row.at("dtype") == "f32") { EXPECT_LT(row.at("error").get<double>(), 1e-5); }
  }
  EXPECT_EQ(tables, (std::map<std::string, int>{{"machine", 1}, {"peaks", 1}, {"ops", 8}}));
}

TEST(Bench, Mistakes) {
  EXPECT_THAT(error_of([] { bench({.filter = "conv3d", .device = "cpu"}); }), HasSubstr("--filter: no case has conv3d in its name; there are cases of abs, adagrad, adam, "));
  EXPECT_THAT(error_of([] { bench({.filter = "linear", .device = "cpu", .json = "/no/such/folder/x.json"}); }), HasSubstr("cannot write /no/such/folder/x.json"));
  if (!MICA_HAS_CUDA) EXPECT_THAT(error_of([] { bench({.filter = "linear", .device = "cpu,cuda"}); }), HasSubstr("device cuda: this build has no CUDA"));
  else EXPECT_NE(error_of([] { bench({.filter = "linear", .device = "cpu,cuda:99"}); }), "(nothing thrown)");
  Commands commands{.bench = [](const BenchOptions&) { return 0; }};
  for (const auto& [arguments, text] : std::vector<std::pair<std::vector<std::string>, std::string>>{
           {{"--device", "cpu,gpu"}, "--device must be some of auto, cpu, cuda and cuda:<number>, with commas, not cpu,gpu"},
           {{"--device", "cpu,"}, "--device must be"},
           {{"--dtype", "f32,int8"}, "--dtype must be some of f64, f32, tf32, f16 and bf16, with commas, not f32,int8"},
           {{"--seconds", "0"}, "--seconds must be a positive number, at most 3600, not 0"},
           {{"--seconds", "nan"}, "--seconds must be"},
           {{"--threads", "-1"}, "--threads must be between"},
           {{"--filtre", "x"}, "unknown flag --filtre; did you mean --filter?"}}) {
    std::vector<std::string> words = {"bench"};
    words.insert(words.end(), arguments.begin(), arguments.end());
    std::ostringstream out, err;
    EXPECT_EQ(run_program(words, commands, out, err), 2);
    EXPECT_THAT(err.str(), HasSubstr("mica bench: " + text));
  }
  std::ostringstream out, err;
  EXPECT_EQ(run_program({"bench", "--device", "cuda:1,cpu", "--dtype", "f64", "--seconds", "0.1", "--small"}, commands, out, err), 0) << err.str();
}

// In a child: what was measured until the signal is in the file, which is whole.
TEST(Bench, StopsAtCtrlC) {
  File file;
  const pid_t child = fork();
  if (child == 0) {
    if (!std::freopen("/dev/null", "w", stdout)) _exit(99);
    std::thread([&] {
      const std::string part = file.path.string() + ".part";
      const auto rows = [&] { try { return lines_of(part).size(); } catch (const std::exception&) { return std::size_t{0}; } };
      while (rows() < 4) std::this_thread::sleep_for(std::chrono::milliseconds(10));  // the machine, its peaks, two rows
      raise(SIGINT);
    }).detach();
    _exit(bench({.device = "cpu", .json = file.path.string(), .seconds = 0.02, .small = true}));
  }
  int status = 0;
  waitpid(child, &status, 0);
  ASSERT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 128 + SIGINT);
  const std::size_t lines = lines_of(file.path).size();
  EXPECT_GE(lines, 4u);
  EXPECT_LT(lines, 3 * bench_cases().size());  // all: six rows a case
}

#if MICA_EMULATED
// cuBLASLt has no convolution of 3x3 pixels.
TEST(BenchEmulated, WhatALibraryHasNotIsNoFailure) {
  const auto conv = std::find_if(bench_cases().begin(), bench_cases().end(), [](const BenchCase& c) { return c.op == "conv2d" && c.text.starts_with("3x3, 64 to 64"); });
  ASSERT_NE(conv, bench_cases().end());
  std::map<std::string, std::string> problems;
  for (const BenchRow& r : rows_of(*conv, {.devices = {cuda()}, .types = {bf16}})) {
    EXPECT_FALSE(r.failed) << r.problem;
    problems[r.implementation + " " + name_of(r.pass)] = r.problem;
  }
  const std::string refused = "conv2d: implementation 'cublaslt' was asked for, and does not support this call";
  EXPECT_THAT(problems, ::testing::IsSupersetOf({std::pair<const std::string, std::string>{"mica forward", ""}, {"mica backward", ""}, {"cudnn forward", ""}, {"cudnn backward", ""}, {"cublaslt forward", refused}}));
}

TEST(BenchEmulated, EveryCaseRunsByEveryImplementationForItsErrors) {
  for (const BenchCase& c : bench_cases()) {
    std::set<std::string> names;
    for (const BenchRow& r : rows_of(c, {.devices = {cuda()}, .types = {f32, bf16}})) {
      const std::string where = c.name() + ", " + name_of(r.pass) + " in " + r.type.name() + " by " + r.implementation;
      EXPECT_FALSE(r.failed) << where << ": " << r.problem;
      EXPECT_EQ(r.time.rounds, 0) << where;
      const bool ties = c.op == "max_pool2d" && r.implementation == "cudnn" && is_half(r.type.dtype);  // whose gradient goes to another of equal values
      if (r.problem.empty() && !ties) { EXPECT_LE(r.error, allowed(c.op == "cast" ? bf16 : r.type.dtype)) << where; }
      names.insert(r.implementation);
    }
    std::set<std::string> wanted = {"mica"};
    if (!c.choice.empty()) for (const std::string& name : implementations(c.choice)) wanted.insert(name);
    EXPECT_EQ(names, wanted) << c.name();
  }
}

TEST(BenchEmulated, Tf32IsOfTheLibrariesProductsOnly) {
  BenchCase c = small_linear();
  c.choice = "linear";
  std::map<std::string, double> errors;
  std::set<std::string> names;
  for (const BenchRow& r : rows_of(c, {.devices = {cpu, cuda()}, .types = {f32, {f32, true}}, .budget = 1e-5})) {
    if (r.pass != Pass::forward) continue;
    names.insert(std::string(r.type.name()) + " " + r.implementation);
    errors[std::string(r.type.name()) + " " + r.implementation] = r.error;
  }
  EXPECT_THAT(names, ElementsAre("f32 cublaslt", "f32 mica", "f32 onednn+mica", "f64 reference", "tf32 cublaslt"));
  EXPECT_LT(errors["f32 cublaslt"], 1e-6);
  EXPECT_GT(errors["tf32 cublaslt"], 1e-5) << "rounded to 10 bits";
  EXPECT_LT(errors["tf32 cublaslt"], 2e-3);
  EXPECT_FALSE(tf32_allowed());
  const auto relu = std::find_if(bench_cases().begin(), bench_cases().end(), [](const BenchCase& c) { return c.op == "relu"; });
  ASSERT_NE(relu, bench_cases().end());
  EXPECT_TRUE(rows_of(*relu, {.devices = {cuda()}, .types = {{f32, true}}}).empty());
}

TEST(BenchEmulated, RefusesTimesAndSaysWhy) {
  File file;
  const Printed p = printed({.filter = "linear 784 to 256, batch 128", .device = "cuda,cpu", .dtype = "f32", .json = file.path.string(), .seconds = 1e-4, .small = true});
  EXPECT_EQ(p.code, bench_without_times);
  EXPECT_THAT(p.err, HasSubstr("cuda:0 is the emulated device: the CPU plays its threads one after another, so times would say nothing about a GPU"));
  EXPECT_THAT(p.out, Not(HasSubstr("cuda:0: copy")));
  std::set<std::string> by;
  for (const nlohmann::json& row : lines_of(file.path)) {
    if (row.at("table") != "ops") continue;
    const bool emulated = row.at("device") == "cuda:0";
    EXPECT_EQ(row.at("us").is_null(), emulated) << row;
    EXPECT_EQ(row.at("gb_s").is_null(), emulated) << row;
    EXPECT_EQ(row.at("percent").is_null(), emulated) << row;
    if (!emulated) continue;
    EXPECT_TRUE(row.at("gpu_cpu").is_null()) << row;
    EXPECT_LT(row.at("error").get<double>(), 1e-5) << row;
    by.insert(row.at("implementation"));
  }
  EXPECT_THAT(by, ElementsAre("cublaslt", "mica"));
  EXPECT_THAT(printed({.filter = "linear 784 to 256, batch 128", .device = "cuda", .dtype = "tf32"}).err, HasSubstr("only cuDNN's and cuBLASLt's convolutions and products have TF32"));
  const Printed alone = printed({.filter = "linear 784 to 256, batch 128", .device = "cuda", .dtype = "f32"});
  EXPECT_EQ(alone.code, bench_without_times);
  EXPECT_THAT(alone.out, Not(::testing::ContainsRegex("[0-9] (us|ms|s |GB/s|GFLOP/s)")));
  EXPECT_EQ(printed({.filter = "linear 784 to 256, batch 128", .device = "auto", .dtype = "f32", .seconds = 1e-4, .small = true}).code, 0);  // auto is not the emulated device
}
#endif

}  // namespace
}  // namespace mica::tools
