#include "mica/tools/program.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <new>
#include <sstream>

#include "mica/core/error.h"
#include "mica/tools/interrupt.h"
#include "mica/tools/run_folder.h"

namespace mica::tools {
namespace {
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

struct Outcome {
  int code = -1;
  std::string out, err;
  TrainOptions train;
  PredictOptions predict;
};

Outcome run(const std::vector<std::string>& arguments) {
  Outcome outcome;
  Commands commands{.models = {"lenet5", "resnet8", "resnet20"}, .version = "1.2.3"};
  std::ostringstream out, err;
  commands.train = [&](const TrainOptions& options) { outcome.train = options; out << "trained"; return 7; };
  commands.predict = [&](const PredictOptions& options) { outcome.predict = options; return 0; };
  commands.summary = [](const SummaryOptions&) -> int { throw Error("conv2d: weight expects 64 input channels, x has 32"); };
  commands.info = []() -> int { throw std::bad_alloc(); };
  outcome.code = run_program(arguments, commands, out, err);
  outcome.out = out.str(), outcome.err = err.str();
  return outcome;
}

// The one line of a refused command line.
std::string refusal(const std::vector<std::string>& arguments) {
  const Outcome outcome = run(arguments);
  EXPECT_EQ(outcome.code, 2);
  EXPECT_EQ(outcome.out, "");
  EXPECT_EQ(std::count(outcome.err.begin(), outcome.err.end(), '\n'), 1) << outcome.err;
  return outcome.err.substr(0, outcome.err.size() - 1);
}

TEST(Program, DefaultsAndFlagsReachTheCommand) {
  const Outcome outcome = run({"train", "--model", "lenet5", "--lr=1e-3", "--no-augment", "--seed", "5", "--weight-decay", "0", "--epochs", "2", "--epochs", "3"});
  EXPECT_EQ(outcome.code, 7);
  EXPECT_EQ(outcome.out, "trained");
  EXPECT_EQ(outcome.train.model, "lenet5");
  EXPECT_EQ(outcome.train.data, "digits");
  EXPECT_EQ(outcome.train.lr, 1e-3);
  EXPECT_FALSE(outcome.train.augment);
  EXPECT_TRUE(outcome.train.nesterov);
  EXPECT_EQ(outcome.train.seed, 5);
  EXPECT_EQ(outcome.train.epochs, 3);  // the last one counts
  EXPECT_THAT(run({"predict", "runs/a", "1.png", "2.png", "--top", "3"}).predict.images, ElementsAre("1.png", "2.png"));
}

TEST(Program, MistakesGiveOneLineAndTheClosestFlag) {
  EXPECT_EQ(refusal({"train", "--epoch", "3"}), "mica train: unknown flag --epoch; did you mean --epochs?  (mica train --help lists all)");
  EXPECT_THAT(refusal({"train", "--epcohs=3"}), HasSubstr("unknown flag --epcohs; did you mean --epochs?"));
  EXPECT_THAT(refusal({"train", "--batch-size", "3"}), HasSubstr("did you mean --batch?"));
  EXPECT_THAT(refusal({"train", "-lr", "3"}), HasSubstr("did you mean --lr?"));
  EXPECT_THAT(refusal({"train", "--frobnicate"}), Not(HasSubstr("did you mean")));
  EXPECT_THAT(refusal({"trian"}), HasSubstr("there is no command trian; did you mean train?"));
  EXPECT_THAT(refusal({"bench"}), HasSubstr("there is no command bench"));  // no function: no command
  EXPECT_THAT(refusal({"train", "lenet5"}), HasSubstr("lenet5 is one word too many"));
  EXPECT_THAT(refusal({"predict", "runs/a"}), HasSubstr("mica predict: images is missing"));
  EXPECT_THAT(refusal({"train", "--epochs"}), HasSubstr("--epochs needs a value"));
  EXPECT_THAT(refusal({"train", "--model", "resnet2"}), HasSubstr("there is no model resnet2; did you mean resnet20?"));
}

TEST(Program, ValuesAreChecked) {
  for (const auto& [flag, value, text] : std::vector<std::array<const char*, 3>>{
           {"--epochs", "0", "--epochs must be at least 1, not 0"},
           {"--epochs", "-5", "--epochs must be at least 1, not -5"},
           {"--epochs", "abc", "--epochs takes a whole number, not abc"},
           {"--epochs", "2.5", "--epochs takes a whole number, not 2.5"},
           {"--epochs", "99999999999", "--epochs takes a whole number, not 99999999999"},
           {"--batch", "0", "--batch must be at least 1, not 0"},
           {"--lr", "x", "--lr takes a number, not x"},
           {"--lr", "0", "--lr must be a positive number, not 0"},
           {"--lr", "nan", "--lr must be a positive number, not nan"},
           {"--lr", "inf", "--lr must be a positive number, not inf"},
           {"--momentum", "1", "--momentum must be at least 0 and below 1, not 1"},
           {"--label-smoothing", "-0.1", "--label-smoothing must be at least 0 and below 1, not -0.1"},
           {"--weight-decay", "nan", "--weight-decay must be 0 or a positive number, not nan"},
           {"--warmup", "51", "--warmup must be between 0 and the number of epochs, not 51"},
           {"--seed", "-1", "--seed must be at least 0"},
           {"--seed", "99999999999999999999", "--seed must be at least 0 and below 2^63 - 1"},
           {"--threads", "-1", "--threads must be between 0 and 4096, not -1"},
           {"--device", "gpu", "--device must be auto, cpu, cuda or cuda:<number>, not gpu"},
           {"--device", "cuda:", "--device must be auto, cpu, cuda or cuda:<number>, not cuda:"},
           {"--precision", "int8", "--precision must be f32, tf32, bf16 or f16, not int8"},
           {"--precision", "f64", "--precision must be f32, tf32, bf16 or f16, not f64"},
           {"--optimizer", "sdg", "--optimizer must be sgd, adagrad, rmsprop, adam or adamw, not sdg"},
           {"--schedule", "linear", "--schedule must be constant, step, cosine, one-cycle or plateau, not linear"},
           {"--data", "", "--data needs a value"}})
    EXPECT_THAT(refusal({"train", std::string(flag) + "=" + value}), HasSubstr(text)) << flag << " " << value;
  EXPECT_EQ(run({"train", "--device", "cuda:1"}).code, 7);
  EXPECT_THAT(refusal({"train", "--resume", "a", "--out", "b"}), HasSubstr("cannot read a/config.json: No such file"));
}

TEST(Program, HelpNamesEveryOptionWithItsDefault) {
  const Outcome outcome = run({"train", "--help"});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_EQ(outcome.err, "");
  const TrainOptions options;
  TrainOptions::each(options, [&](const std::string& name, const auto&, const char* help) {
    EXPECT_THAT(outcome.out, HasSubstr("--" + name));
    EXPECT_THAT(outcome.out, HasSubstr(help));
  });
  EXPECT_THAT(outcome.out, HasSubstr("[resnet20]"));
  EXPECT_THAT(outcome.out, HasSubstr("[50]"));
  EXPECT_THAT(outcome.out, HasSubstr("lenet5, resnet8, resnet20"));
  EXPECT_EQ(run({"--version"}).out, "mica 1.2.3\n");
  EXPECT_THAT(run({"--help"}).out, HasSubstr("predict"));
  EXPECT_EQ(run({}).code, 2);
  EXPECT_THAT(run({}).err, HasSubstr("Usage: mica"));
}

TEST(Program, ErrorsOfACommandGiveTheirTextAndCode1) {
  const Outcome outcome = run({"summary", "lenet5"});
  EXPECT_EQ(outcome.code, 1);
  EXPECT_EQ(outcome.err, "mica summary: conv2d: weight expects 64 input channels, x has 32\n");
  EXPECT_EQ(run({"info"}).err, "mica info: out of memory\n");
}

TEST(Program, ResumeTakesTheRunsOptionsAndFlagsWin) {
  char name[] = "/tmp/mica_program_XXXXXX";
  ASSERT_NE(mkdtemp(name), nullptr);
  const std::filesystem::path folder = name;
  TrainOptions options;
  options.model = "lenet5", options.lr = 0.25, options.augment = false, options.epochs = 12, options.out = "elsewhere", options.quiet = true;
  write_file_atomically(folder / "config.json", to_json(settings(options)));

  const Outcome outcome = run({"train", "--resume", folder.string(), "--epochs", "40"});
  EXPECT_EQ(outcome.code, 7);
  EXPECT_EQ(outcome.train.resume, folder.string());
  EXPECT_EQ(outcome.train.model, "lenet5");
  EXPECT_EQ(outcome.train.lr, 0.25);
  EXPECT_FALSE(outcome.train.augment);
  EXPECT_EQ(outcome.train.epochs, 40);
  EXPECT_EQ(outcome.train.out, "");
  EXPECT_FALSE(outcome.train.quiet);

  EXPECT_THAT(refusal({"train", "--resume", folder.string(), "--out", "b"}), HasSubstr("leave out --out"));
  EXPECT_THAT(refusal({"train", "--resume", folder.string(), "--force"}), HasSubstr("give one of the two"));
  write_file_atomically(folder / "config.json", "{\"epochs\": \"many\"}");
  EXPECT_THAT(refusal({"train", "--resume", folder.string()}), HasSubstr("config.json: epochs cannot be many"));
  write_file_atomically(folder / "config.json", "{\"epocs\": 1}");
  EXPECT_THAT(refusal({"train", "--resume", folder.string()}), HasSubstr("config.json: there is no option epocs"));
  write_file_atomically(folder / "config.json", "{");
  EXPECT_THAT(refusal({"train", "--resume", folder.string()}), HasSubstr("config.json is not a JSON object"));
  std::filesystem::remove_all(folder);
}

TEST(Options, SettingsAndBack) {
  TrainOptions options;
  options.warmup = 2.5, options.seed = 1LL << 60, options.batch = 77, options.nesterov = false, options.schedule = "step";
  const TrainOptions back = train_options(settings_from_json(to_json(settings(options)), "x"), "x");
  EXPECT_EQ(settings(back), settings(options));
  EXPECT_EQ(back.seed, 1LL << 60);
}

TEST(Options, InputSizes) {
  EXPECT_EQ(parse_input("3x32x16"), (std::array{3, 32, 16}));
  for (const char* text : {"", "3", "3x32", "3x32x", "3x32x32x", "0x1x1", "-1x2x3", "3 x32x32", "axbxc", "3,32,32", "99999999999x1x1"})
    EXPECT_THROW(parse_input(text), Error) << text;
}

// In a child: after the first signal the program goes on and knows; the second ends it.
TEST(Interrupt, FirstSignalIsNotedSecondEnds) {
  for (const int signal : {SIGINT, SIGTERM})
    for (const bool twice : {false, true}) {
      const pid_t child = fork();
      if (child == 0) {
        catch_interrupts();
        if (interrupted() || interrupt_exit_code() != 0) _exit(1);
        raise(signal);
        if (!interrupted()) _exit(2);
        if (twice) raise(signal), _exit(3);
        _exit(interrupt_exit_code() - 100);
      }
      int status = 0;
      waitpid(child, &status, 0);
      ASSERT_TRUE(WIFEXITED(status));
      EXPECT_EQ(WEXITSTATUS(status), 128 + signal - (twice ? 0 : 100));
    }
}

}  // namespace
}  // namespace mica::tools
