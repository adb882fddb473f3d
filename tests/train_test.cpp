#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "mica/cpu/parallel.h"
#include "mica/mica.h"
#include "mica/tools/checkpoint.h"
#include "mica/tools/commands.h"
#include "mica/tools/evaluate.h"
#include "mica/tools/run_folder.h"

using namespace mica;
using namespace mica::tools;
namespace fs = std::filesystem;

namespace {
struct Folder {
  fs::path path = fs::temp_directory_path() / ("mica_train_test_" + std::to_string(getpid()));
  Folder() { fs::remove_all(path); fs::create_directories(path); }
  ~Folder() { fs::remove_all(path); }
};
TrainOptions small(const fs::path& out) {
  TrainOptions o;
  o.model = "mlp";
  o.epochs = 4;
  o.batch = 64;
  o.workers = 0;
  o.quiet = true;
  o.out = out.string();
  return o;
}
nlohmann::json summary_of(const fs::path& folder) { return nlohmann::json::parse(read_file(folder / run_files::summary)); }
}  // namespace

TEST(Train, WritesTheRunAndRepeatsItBitForBit) {
  Folder folder;
  ASSERT_EQ(train(small(folder.path / "a")), 0);
  ASSERT_EQ(train(small(folder.path / "b")), 0);
  const auto a = summary_of(folder.path / "a"), b = summary_of(folder.path / "b");
  EXPECT_EQ(a["weights_hash"], b["weights_hash"]);
  EXPECT_GT(a["test_accuracy"].get<double>(), 0.6);  // four epochs of a small network
  for (const char* file : {run_files::config, run_files::metrics, run_files::summary, run_files::checkpoint, run_files::state, run_files::report, run_files::picture})
    EXPECT_TRUE(fs::exists(folder.path / "a" / file)) << file;
  auto other = small(folder.path / "c");
  other.seed = 2;
  ASSERT_EQ(train(other), 0);
  EXPECT_NE(summary_of(folder.path / "c")["weights_hash"], a["weights_hash"]);
}

// What nine batches of the digits give: hashes of the initial weights and of all that is random on the way, and the losses.
struct NineBatches {
  std::string weights, drawn;
  std::vector<double> losses;
};
NineBatches train_resnet8(Device device, int count) {
  const int before = threads();
  set_threads(count);
  seed(5);
  ResNet model = resnet8({.classes = 10, .channels = 1, .height = 8, .width = 8});
  to(model, device);
  NineBatches seen{hash(state(model)), "", {}};
  Sgd sgd(parameters(model));  // small steps: large ones, and momentum, magnify what rounding differs by
  const ImageSets data = digits();
  for (auto& [images, labels] : batches(data.train, {.size = 128, .shuffle = true, .seed = 5, .device = device, .augment = {.shift = 1}})) {
    seen.drawn += hash({{"images", images}, {"labels", labels}, {"mask", dropout(ones({512, 1024}, {f32, device}))}});
    const Tensor loss = cross_entropy(model(images), labels);
    seen.losses.push_back(loss.item());
    loss.backward();
    sgd.step(0.01);
    sgd.zero_grad();
  }
  set_threads(before);
  return seen;
}
void expect_alike(const NineBatches& one, const NineBatches& two) {
  EXPECT_EQ(one.weights, two.weights);
  EXPECT_EQ(one.drawn, two.drawn);
  ASSERT_EQ(one.losses.size(), 9u);
  ASSERT_EQ(two.losses.size(), 9u);
  for (size_t i = 0; i < one.losses.size(); ++i) EXPECT_NEAR(one.losses[i], two.losses[i], 1e-5 * one.losses[i]) << i;
  EXPECT_LT(one.losses.back(), one.losses.front());
}
TEST(Train, OneThreadAndTwoDifferByRoundingOnly) { expect_alike(train_resnet8(cpu, 1), train_resnet8(cpu, 2)); }
TEST(Train, AGpuAndTheCpuDifferByRoundingOnly) {
  if (!cuda_available()) GTEST_SKIP() << "no GPU, and no emulated device, in this build";
  expect_alike(train_resnet8(cpu, 1), train_resnet8(cuda(), 1));
}

TEST(Train, TheCheckpointIsTheModelThatWasTested) {
  Folder folder;
  ASSERT_EQ(train(small(folder.path / "a")), 0);
  auto [model, network] = load_checkpoint(folder.path / "a" / run_files::checkpoint);
  EXPECT_EQ(hash(state(model)), summary_of(folder.path / "a")["weights_hash"].get<std::string>());
  EXPECT_NEAR(evaluate(model, digits().test, {}).accuracy(), summary_of(folder.path / "a")["test_accuracy"].get<double>(), 1e-6);
}

TEST(Train, IsAsGoodIn16Bits) {
  Folder folder;
  auto o = small(folder.path / "f32");
  o.model = "cnn7";
  ASSERT_EQ(train(o), 0);
  const double plain = summary_of(o.out)["test_accuracy"].get<double>();
  EXPECT_GT(plain, 0.9);
  for (const std::string precision : {"bf16", "f16"}) {
    o.precision = precision;
    o.out = (folder.path / precision).string();
    ASSERT_EQ(train(o), 0);
    const auto summary = summary_of(o.out);
    EXPECT_EQ(summary["config"]["precision"], precision);
    EXPECT_GT(summary["test_accuracy"].get<double>(), plain - 0.03) << precision;
    auto [model, network] = load_checkpoint(fs::path(o.out) / run_files::checkpoint);
    EXPECT_EQ(network.precision, precision);
    EXPECT_EQ(hash(state(model)), summary["weights_hash"].get<std::string>());
    EXPECT_NEAR(evaluate(model, digits().test, {}).accuracy(), summary["test_accuracy"].get<double>(), 1e-6) << precision;
  }
}

TEST(Train, A16BitRunCanBeResumed) {
  Folder folder;
  auto o = small(folder.path / "a");
  o.precision = "f16";
  ASSERT_EQ(train(o), 0);
  const auto before = summary_of(folder.path / "a");
  o.resume = o.out;
  o.out = "";
  ASSERT_EQ(train(o), 0);
  EXPECT_EQ(summary_of(folder.path / "a")["weights_hash"], before["weights_hash"]);
}

// What a run on a GPU chose to compute with is in its folder, and a resumed run takes it, so that its weights are those of a run that was not interrupted.
TEST(Train, AResumedRunTakesTheChoicesItBeganWith) {
  if (!cuda_available()) GTEST_SKIP() << "no GPU, and no emulated device, in this build";
  Folder folder;
  set_choices(Choices::measured);
  const auto options = [&](const char* name, int epochs) {
    auto o = small(folder.path / name);
    o.device = "cuda";
    o.batch = 256;
    o.schedule = "constant";
    o.epochs = epochs;
    return o;
  };
  const auto resumed = [&](const char* name) {
    auto o = options(name, 2);
    o.resume = std::exchange(o.out, "");
    return o;
  };
  set_implementation("linear", "mica");  // stands for a measurement that ends otherwise than the next one
  ASSERT_EQ(train(options("whole", 2)), 0);
  ASSERT_EQ(train(options("part", 1)), 0);
  fs::copy(folder.path / "part", folder.path / "without");
  fs::remove(folder.path / "without" / run_files::choices);
  set_implementation("linear", "");
  const std::string chosen = read_file(folder.path / "part" / run_files::choices);
  EXPECT_NE(chosen.find("linear "), std::string::npos);
  EXPECT_EQ(chosen.find("cublaslt"), std::string::npos) << chosen;

  load_choices("");
  ASSERT_EQ(train(resumed("part")), 0);
  EXPECT_EQ(summary_of(folder.path / "part")["weights_hash"], summary_of(folder.path / "whole")["weights_hash"]);
  EXPECT_EQ(read_file(folder.path / "part" / run_files::choices), chosen);
  load_choices("");
  if (MICA_EMULATED) {  // where nothing is measured, the library's come first
    ASSERT_EQ(train(resumed("without")), 0);
    EXPECT_NE(summary_of(folder.path / "without")["weights_hash"], summary_of(folder.path / "whole")["weights_hash"]);
    load_choices("");
  }

  const fs::path file = folder.path / "part" / run_files::choices;
  write_file_atomically(file, chosen + "linear 1,2 = cub");
  const auto lines = std::to_string(std::count(chosen.begin(), chosen.end(), '\n') + 1);
  try { train(resumed("part")); FAIL(); } catch (const IoError& e) { EXPECT_EQ(e.what(), file.string() + ", line " + lines + ": the text ends in the middle of the line"); }
  auto fixed = resumed("part");
  fixed.deterministic = true;
  ASSERT_EQ(train(fixed), 0) << "the fixed table needs no choices";
  EXPECT_TRUE(read_file(file).ends_with("cub"));

  auto alone = options("deterministic", 1);
  alone.deterministic = true;
  ASSERT_EQ(train(alone), 0);
  EXPECT_FALSE(fs::exists(folder.path / "deterministic" / run_files::choices));
  EXPECT_EQ(summary_of(folder.path / "deterministic")["config"]["deterministic"], true);
  set_choices(Choices::measured);
}

TEST(Train, InTf32) {
  Folder folder;
  auto o = small(folder.path / "f32");
  o.epochs = 1;
  o.batch = 256;
  ASSERT_EQ(train(o), 0);
  const auto plain = summary_of(o.out);
  o.precision = "tf32";
  o.out = (folder.path / "cpu").string();
  ::testing::internal::CaptureStdout();
  ASSERT_EQ(train(o), 0);
  EXPECT_TRUE(::testing::internal::GetCapturedStdout().starts_with("the CPU has no TF32; the run computes in f32\n"));
  EXPECT_EQ(summary_of(o.out)["weights_hash"], plain["weights_hash"]);
  EXPECT_EQ(load_checkpoint(fs::path(o.out) / run_files::checkpoint).second.precision, "tf32");
  set_tf32(false);
  if (!cuda_available()) return;

  o.device = "cuda";
  std::string weights[2];
  for (const std::string precision : {"f32", "tf32"}) {
    o.precision = precision;
    o.out = (folder.path / ("cuda_" + precision)).string();
    ASSERT_EQ(train(o), 0);
    const auto summary = summary_of(o.out);
    EXPECT_NEAR(summary["test_loss"].get<double>(), plain["test_loss"].get<double>(), 0.02) << precision;
    weights[precision == "tf32"] = summary["weights_hash"];
    set_tf32(precision != "tf32");
    ASSERT_EQ(eval({.run = o.out, .device = "cuda"}), 0);
    EXPECT_EQ(tf32_allowed(), precision == "tf32") << "eval computes as the run did";
  }
  if (MICA_EMULATED) { EXPECT_NE(weights[0], weights[1]); }
  set_tf32(false);
}

TEST(Train, AFinishedRunCanBeResumedAndChangesNothing) {
  Folder folder;
  auto o = small(folder.path / "a");
  o.ema = 0.9;
  ASSERT_EQ(train(o), 0);
  const auto before = summary_of(folder.path / "a");
  o.resume = o.out;
  o.out = "";
  ASSERT_EQ(train(o), 0);
  EXPECT_EQ(summary_of(folder.path / "a")["weights_hash"], before["weights_hash"]);
  EXPECT_EQ(summary_of(folder.path / "a")["test_accuracy"], before["test_accuracy"]);
}

TEST(Train, NamesWhatIsWrong) {
  Folder folder;
  auto o = small(folder.path / "a");
  o.model = "resnet21";
  try { train(o); FAIL(); } catch (const Error& e) { EXPECT_NE(std::string(e.what()).find("resnet21"), std::string::npos); }
  EXPECT_FALSE(fs::exists(folder.path / "a")) << "a wrong name leaves a folder behind";
  o = small(folder.path / "a");
  o.data = "no-such-folder";
  EXPECT_THROW(train(o), Error);
  o = small(folder.path / "a");
  o.lr = 1e6;
  try { train(o); FAIL(); } catch (const Error& e) { EXPECT_NE(std::string(e.what()).find("--lr"), std::string::npos) << e.what(); }
}
