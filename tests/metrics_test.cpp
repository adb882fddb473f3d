#include "mica/tools/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <csignal>
#include <cstdlib>
#include <limits>
#include <nlohmann/json.hpp>

#include "mica/core/error.h"
#include "mica/tools/run_folder.h"

namespace mica::tools {
namespace {
namespace fs = std::filesystem;
using nlohmann::json;
using ::testing::HasSubstr;

class Metrics : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/mica_metrics_XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    folder_ = name;
  }
  void TearDown() override { fs::remove_all(folder_); }
  fs::path folder_;
};

const std::string header = "epoch,train_loss,validation_loss,validation_accuracy,learning_rate,images_per_second,seconds\n";
const EpochMetrics first{1, 2.3025, 1.75, 0.4, 0.1f, 15000, 1.25}, second{2, 1e-7, std::nan(""), 1, 1e-5, 123456.7, 1.5};

TEST_F(Metrics, RowsAreWrittenAtOnceAndSurviveAKill) {
  const fs::path path = folder_ / "metrics.csv";
  const pid_t child = fork();
  if (child == 0) {
    MetricsFile file(path);
    file.append(first);
    file.append(second);
    raise(SIGKILL);
  }
  int status = 0;
  waitpid(child, &status, 0);
  ASSERT_TRUE(WIFSIGNALED(status));
  EXPECT_EQ(read_file(path), header + "1,2.3025,1.75,0.4,0.1,15000,1.25\n2,1e-07,nan,1,1e-05,123456.7,1.5\n");
}

TEST_F(Metrics, ReadBack) {
  const fs::path path = folder_ / "metrics.csv";
  MetricsFile(path, {first}).append(second);
  const auto rows = read_metrics(path);
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows[0].epoch, 1);
  EXPECT_NEAR(rows[0].learning_rate, 0.1, 1e-12);
  EXPECT_EQ(rows[1].seconds, 1.5);
  EXPECT_TRUE(std::isnan(rows[1].validation_loss));
}

TEST_F(Metrics, ResumeDropsLaterRowsAndACutOffOne) {
  const fs::path path = folder_ / "metrics.csv";
  write_file_atomically(path, header + "1,1,1,1,1,1,1\n2,2,2,2,2,2,2\n3,3,3,3,3,3,3\n4,4,4");
  EXPECT_EQ(read_metrics(path).size(), 3u);
  MetricsFile file(path, read_metrics(path, 2));
  file.append({3, 9, 9, 9, 9, 9, 9});
  EXPECT_EQ(read_file(path), header + "1,1,1,1,1,1,1\n2,2,2,2,2,2,2\n3,9,9,9,9,9,9\n");
}

TEST_F(Metrics, DamageIsNamed) {
  const fs::path path = folder_ / "metrics.csv";
  for (const std::string row : {"1,1,1,1,1,1", "1,1,1,1,1,1,1,1", "a,1,1,1,1,1,1", "1,1,,1,1,1,1", ""}) {
    write_file_atomically(path, header + "1,1,1,1,1,1,1\n" + row + "\n");
    try {
      read_metrics(path);
      FAIL() << row;
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), HasSubstr("metrics.csv: line 3 is not a row of 7 numbers"));
    }
  }
  write_file_atomically(path, "a,b\n");
  EXPECT_THROW(read_metrics(path), Error);
  EXPECT_THROW(read_metrics(folder_ / "none.csv"), IoError);
  EXPECT_THROW(MetricsFile(folder_ / "none" / "metrics.csv"), IoError);
}

RunSummary example() {
  RunSummary s;
  s.model = "lenet5";
  s.test_accuracy = 0.75;
  s.test_loss = std::numeric_limits<double>::infinity();
  s.weights_hash = "00ff";
  s.peak_memory_bytes = 1'000'000'000'000;
  s.config = {{"lr", 0.1f}, {"epochs", std::int64_t{3}}, {"data", std::string("a \"b\"\n\xFF")}, {"augment", true}};
  s.versions = {{"mica", std::string("0.1.0")}};
  s.confusion = {{"cat", "dog", "eel"}, {3, 1, 0, 1, 3, 0, 0, 0, 0}};
  return s;
}

TEST(Summary, IsJsonWithEveryField) {
  const json j = json::parse(summary_json(example()));
  EXPECT_EQ(j["test_accuracy"], 0.75);
  EXPECT_TRUE(j["test_loss"].is_null());
  EXPECT_EQ(j["weights_hash"], "00ff");
  EXPECT_EQ(j["peak_memory_bytes"], 1'000'000'000'000);
  for (const char* key : {"seconds", "images_per_second", "config", "versions"}) EXPECT_TRUE(j.contains(key)) << key;
  EXPECT_EQ(j["config"]["lr"], 0.1);
  EXPECT_EQ(j["config"]["epochs"], 3);
  EXPECT_EQ(j["config"]["augment"], true);
  EXPECT_EQ(j["config"]["data"], "a \"b\"\n\xEF\xBF\xBD");
  EXPECT_EQ(j["classes"][0]["precision"], 0.75);
  EXPECT_EQ(j["classes"][2]["name"], "eel");
  EXPECT_TRUE(j["classes"][2]["recall"].is_null());  // no eel in the test set
  EXPECT_EQ(j["confusion"], json::parse("[[3,1,0],[1,3,0],[0,0,0]]"));
}

TEST(Summary, RefusesAConfusionMatrixOfTheWrongSize) {
  RunSummary s = example();
  s.confusion.counts.pop_back();
  EXPECT_THROW(summary_json(s), Error);
}

TEST(SettingsTest, JsonAndBack) {
  const Settings settings{{"z", 0.0005f}, {"a", std::int64_t{-1}}, {"flag", false}, {"text", std::string("é<&\n")}};
  const Settings back = settings_from_json(to_json(settings), "config.json");
  ASSERT_EQ(back.size(), 4u);
  EXPECT_EQ(back[0].first, "z");  // the order is kept
  EXPECT_EQ(static_cast<float>(std::get<double>(back[0].second)), 0.0005f);
  EXPECT_EQ(std::get<std::int64_t>(back[1].second), -1);
  EXPECT_EQ(setting_text(back[2].second), "no");
  EXPECT_EQ(setting_text(back[3].second), "é<&\n");
  EXPECT_THROW(settings_from_json("{\"a\": ", "config.json"), Error);
  EXPECT_THROW(settings_from_json("[1]", "config.json"), Error);
  EXPECT_THROW(settings_from_json("{\"a\": [1]}", "config.json"), Error);
}

TEST(ConfusionTest, Ratios) {
  const Confusion c{{"a", "b", "c"}, {8, 2, 0, 1, 4, 0, 0, 0, 0}};
  EXPECT_EQ(c.total(), 15);
  EXPECT_DOUBLE_EQ(c.accuracy(), 0.8);
  EXPECT_DOUBLE_EQ(c.precision(0), 8.0 / 9);
  EXPECT_DOUBLE_EQ(c.recall(0), 0.8);
  EXPECT_DOUBLE_EQ(c.f1(0), 16.0 / 19);
  EXPECT_TRUE(std::isnan(c.recall(2)));
  const auto pairs = most_mistaken(c, 10);
  ASSERT_EQ(pairs.size(), 2u);
  EXPECT_EQ(pairs[0].truth, 0);
  EXPECT_EQ(pairs[0].predicted, 1);
  EXPECT_EQ(most_mistaken(c, 1).size(), 1u);
}

TEST(ConfusionTest, Text) {
  const Confusion c{{"cat", "ray", "zebrafish"}, {98, 2, 0, 0, 100, 0, 0, 0, 0}};
  EXPECT_EQ(confusion_text(c),
            "true      | predicted\n"
            "          |   cat   ray zebr…    recall\n"
            "----------+----------------------------\n"
            "cat       |    98     2     .   98.00 %\n"
            "ray       |     .   100     .  100.00 %\n"
            "zebrafish |     .     .     0         -\n");
  EXPECT_EQ(confusion_text(c, 20), "most frequent mistakes\n       2  cat taken for ray\n");
}

}  // namespace
}  // namespace mica::tools
