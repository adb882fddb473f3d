#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "mica/tools/settings.h"

namespace mica::tools {

// What the commands of the program take. Each struct lists its options once, in `each`: f(name, member, help). From that come the flags of the
// command line (--label-smoothing), the help with its defaults, the configuration in the reports and its reading when a run is resumed.

struct TrainOptions {
  std::string model = "resnet20", data = "digits", device = "auto", precision = "f32";
  int epochs = 50, batch = 32;
  double lr = 0.05;
  std::string optimizer = "sgd", schedule = "cosine";
  double warmup = 1, momentum = 0.9, weight_decay = 2e-3, label_smoothing = 0, clip = 0, ema = 0;
  bool nesterov = true, augment = true;
  std::int64_t seed = 1;
  bool deterministic = false;
  int threads = 0, workers = 1;
  std::string out = "", resume = "";
  bool force = false, quiet = false;

  template <class Self, class F> static void each(Self& o, F&& f) {
    f("model", o.model, "network to train");
    f("data", o.data, "digits, mnist, fashion-mnist, or the path of a folder with IDX files");
    f("device", o.device, "where to compute; auto takes a GPU when there is one");
    f("precision", o.precision, "type that layers compute in; weights, their gradients and the sums stay f32 (tf32: f32 whose products a GPU may round)");
    f("epochs", o.epochs, "passes over the training images");
    f("batch", o.batch, "images per step");
    f("lr", o.lr, "learning rate, the highest of the schedule");
    f("optimizer", o.optimizer, "how gradients change the weights");
    f("schedule", o.schedule, "course of the learning rate over the run");
    f("warmup", o.warmup, "epochs in which the learning rate rises from 0");
    f("momentum", o.momentum, "of sgd and rmsprop");
    f("nesterov", o.nesterov, "Nesterov's momentum (sgd)");
    f("weight-decay", o.weight_decay, "of weights, not of biases and norms");
    f("label-smoothing", o.label_smoothing, "share of the target spread over all classes");
    f("clip", o.clip, "largest norm of the gradient; 0 for no clipping");
    f("ema", o.ema, "decay of averaged weights, which are then tested; 0 for none");
    f("augment", o.augment, "vary the training images at random; grey ones from 16 pixels on");
    f("seed", o.seed, "of weights, order and augmentation");
    f("deterministic", o.deterministic, "on a GPU: kernels from a fixed table, so that a run can be repeated; otherwise the fastest in a measurement");
    f("threads", o.threads, "CPU threads; 0 for one per core");
    f("workers", o.workers, "threads that prepare batches; 0 prepares them between steps");
    f("out", o.out, "folder of the run; without it runs/<date>-<model>-<data>");
    f("resume", o.resume, "folder of a run to continue, with its options");
    f("force", o.force, "replace the run in the folder of --out");
    f("quiet", o.quiet, "print only the result");
  }
  // Throws Error, a sentence with the flag and the value, for a value that no training can use.
  void check() const;
};

struct EvalOptions {
  std::string run = "", data = "", split = "test", device = "auto";
  int batch = 256, threads = 0;

  template <class Self, class F> static void each(Self& o, F&& f) {
    f("run", o.run, "folder of a run, or its checkpoint");
    f("data", o.data, "another dataset than the run's");
    f("split", o.split, "which images");
    f("device", o.device, "where to compute; auto takes a GPU when there is one");
    f("batch", o.batch, "images per step");
    f("threads", o.threads, "CPU threads; 0 for one per core");
  }
  void check() const;
};

struct PredictOptions {
  std::string run = "";
  std::vector<std::string> images = {};
  int top = 1;
  std::string device = "auto";
  int threads = 0;

  template <class Self, class F> static void each(Self& o, F&& f) {
    f("run", o.run, "folder of a run, or its checkpoint");
    f("images", o.images, "PNG files");
    f("top", o.top, "classes to print for each image, the most probable first");
    f("device", o.device, "where to compute; auto takes a GPU when there is one");
    f("threads", o.threads, "CPU threads; 0 for one per core");
  }
  void check() const;
};

struct SummaryOptions {
  std::string model = "", input = "3x32x32";
  int classes = 10, batch = 1;

  template <class Self, class F> static void each(Self& o, F&& f) {
    f("model", o.model, "network to describe");
    f("input", o.input, "channels x height x width of one image");
    f("classes", o.classes, "outputs of the network");
    f("batch", o.batch, "images, for the bytes of activations");
  }
  void check() const;
};

struct BenchOptions {
  std::string filter = "", device = "auto", dtype = "f32,bf16", json = "";
  double seconds = 0.5;
  int threads = 0;
  bool small = false;

  template <class Self, class F> static void each(Self& o, F&& f) {
    f("filter", o.filter, "only cases whose name contains this text");
    f("device", o.device, "where to compute, as in cpu,cuda; auto is the CPU, and a GPU when there is one");
    f("dtype", o.dtype, "of the inputs: some of f64,f32,tf32,f16,bf16 (tf32: f32, products rounded to TF32)");
    f("seconds", o.seconds, "time for each measurement; five rounds, or as many as fit into it");
    f("small", o.small, "time the small sizes, at which errors are taken");
    f("json", o.json, "file for the results, one JSON object a line");
    f("threads", o.threads, "CPU threads; 0 for one per core");
  }
  void check() const;
};

// What one of several words an option takes, by its name without dashes; empty for options that take more than a word of a list.
const std::vector<std::string>& choices(const std::string& name);

// "cpu,cuda" -> {"cpu", "cuda"}.
std::vector<std::string> split_list(const std::string& text);

// "3x32x32" -> {3, 32, 32}. Throws Error.
std::array<int, 3> parse_input(const std::string& text);

// The configuration of a run: all that shapes its result or speed, without out, resume, force and quiet.
Settings settings(const TrainOptions& options);

// The options a run was made with. `source` names the file in errors: an unknown name or a value of the wrong kind is an Error.
TrainOptions train_options(const Settings& settings, const std::string& source);

}  // namespace mica::tools
