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

TEST(Train, OneThreadAndTwoDifferByRoundingOnly) {
  struct Seen { std::string weights, drawn; std::vector<double> losses; };
  const ImageSets data = digits();
  const auto run = [&](int count) {
    const int before = threads();
    set_threads(count);
    seed(5);
    ResNet model = resnet8({.classes = 10, .channels = 1, .height = 8, .width = 8});
    Seen seen{hash(state(model)), "", {}};
    Sgd sgd(parameters(model));  // small steps: large ones, and momentum, magnify what rounding differs by
    for (auto& [images, labels] : batches(data.train, {.size = 128, .shuffle = true, .seed = 5, .augment = {.shift = 1}})) {
      seen.drawn += hash({{"images", images}, {"labels", labels}, {"mask", dropout(ones({512, 1024}))}});
      const Tensor loss = cross_entropy(model(images), labels);
      seen.losses.push_back(loss.item());
      loss.backward();
      sgd.step(0.01);
      sgd.zero_grad();
    }
    set_threads(before);
    return seen;
  };
  const Seen one = run(1), two = run(2);
  EXPECT_EQ(one.weights, two.weights);
  EXPECT_EQ(one.drawn, two.drawn);
  ASSERT_EQ(one.losses.size(), 9u);
  for (size_t i = 0; i < one.losses.size(); ++i) EXPECT_NEAR(one.losses[i], two.losses[i], 1e-5 * one.losses[i]) << i;
  EXPECT_LT(one.losses.back(), one.losses.front());
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
