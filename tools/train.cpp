// mica train: one run from fresh weights, or from where it stopped, to its report.
#include <unistd.h>

#include <chrono>
#include <cmath>
#include <ctime>
#include <iostream>

#include "mica/core/hash.h"
#include "mica/core/implementation.h"
#include "mica/core/memory.h"
#include "mica/core/ops/cross_entropy.h"
#include "mica/core/stream.h"
#include "mica/data/batches.h"
#include "mica/nn/metrics.h"
#include "mica/nn/models/make_model.h"
#include "mica/optim/loss_scale.h"
#include "mica/optim/schedule.h"
#include "mica/tools/checkpoint.h"
#include "mica/tools/commands.h"
#include "mica/tools/evaluate.h"
#include "mica/tools/interrupt.h"
#include "mica/tools/progress.h"
#include "mica/tools/result_picture.h"
#include "mica/tools/run_folder.h"
#include "mica/tools/text.h"

namespace mica::tools {
namespace {

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

Augment augmentation(const TrainOptions& o, const ImageDataset& images) {
  if (!o.augment) return {};
  if (images.channels() == 3) return {.crop_padding = std::max(1, static_cast<int>(images.height()) / 8), .flip = true};
  return {.shift = images.height() < 16 ? 0 : 2};  // characters: no mirror images; at 8 x 8 a pixel is a stroke's width
}

std::string local_time() {
  const std::time_t t = std::time(nullptr);
  std::tm tm{};
  localtime_r(&t, &tm);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &tm);
  return text;
}

std::string command_line(const TrainOptions& o) {
  std::string line = "mica train";
  const TrainOptions defaults;
  const Settings given = settings(o), usual = settings(defaults);
  for (std::size_t i = 0; i < given.size(); ++i) {
    const auto& [name, value] = given[i];
    if (value == usual[i].second) continue;
    if (const auto* on = std::get_if<bool>(&value)) line += (*on ? " --" : " --no-") + name;
    else line += " --" + name + " " + setting_text(value);
  }
  return line;
}

// One run: its parts, and the three things that happen to them.
class Run {
 public:
  Run(const TrainOptions& options, std::filesystem::path folder)
      : o_(options), folder_(std::move(folder)), device_(device_from(options.device)), stream_(device_ == cpu ? std::nullopt : std::optional<Stream>(std::in_place, device_)),
        on_stream_(stream_ ? std::optional<OnStream>(std::in_place, *stream_) : std::nullopt), data_(image_sets(options.data)),
        network_([&] { Network n = network_for(options.model, options.data, data_.train); n.precision = options.precision; return n; }()), model_(fresh_model()),
        optimizer_(make_optimizer(o_.optimizer, no_decay(parameters(model_)), {.momentum = o_.momentum, .weight_decay = o_.weight_decay, .nesterov = o_.nesterov})),
        progress_(std::cout, [&] { auto p = progress_for(STDOUT_FILENO); p.quiet = o_.quiet; return p; }()) {
    if (o_.precision == "f16") loss_scale_.emplace();
    if (o_.ema > 0) ema_.emplace(parameters(model_), o_.ema);
    if (o_.schedule == "plateau") plateau_.emplace(PlateauOptions{.rate = o_.lr, .patience = 3});
    else {
      const auto warm = static_cast<std::int64_t>(std::lround(o_.warmup * static_cast<double>(steps_per_epoch())));
      const std::int64_t steps = steps_per_epoch() * o_.epochs;
      const bool warms = warm > 0 && o_.schedule != "one-cycle";  // which has a warm-up of its own
      schedule_ = make_schedule(o_.schedule, o_.lr, std::max<std::int64_t>(1, warms ? steps - warm : steps));
      if (warms) schedule_ = warm_up({warm, schedule_});
    }
  }

  void resume() {
    if (keeps_choices() && std::filesystem::exists(folder_ / run_files::choices)) {
      choices_ = read_file(folder_ / run_files::choices);
      load_choices(choices_, (folder_ / run_files::choices).string());
    }
    at_ = load_state(folder_ / run_files::state, model_, *optimizer_, ema_ ? &*ema_ : nullptr);
    set_random_state(at_.random);
    if (loss_scale_) loss_scale_->restore(at_.loss_scale);
    if (plateau_) plateau_->restore({at_.rate, at_.plateau_best, at_.plateau_bad});
    epochs_ = read_metrics(folder_ / run_files::metrics, at_.epoch);
    progress_.note("resumed after " + std::to_string(at_.step) + " steps");
  }

  int execute() {
    if (o_.precision == "tf32" && device_ == cpu) progress_.note("the CPU has no TF32; the run computes in f32");
    MetricsFile metrics(folder_ / run_files::metrics, epochs_);
    reset_peak_memory(device_);
    begun_ = now() - at_.seconds;
    for (; at_.epoch < o_.epochs;) {
      const double started = now();
      const double seconds_before = at_.training_seconds;
      const std::int64_t images_before = at_.images_in_all;
      if (!train_epoch()) return stop();
      const double loss = at_.loss_sum / static_cast<double>(at_.images);
      if (!std::isfinite(loss))
        throw Error("the training loss is " + shortest(loss) + " in epoch " + std::to_string(at_.epoch + 1) + "; a smaller --lr or --clip 1 may help");
      EpochMetrics row{at_.epoch + 1, loss, NAN, NAN, rate_, static_cast<double>(at_.images_in_all - images_before) / (at_.training_seconds - seconds_before), 0};
      if (data_.validation.size() > 0) {
        const Evaluation e = evaluation("validation", data_.validation, 0);
        if (interrupted()) return stop();
        row.validation_loss = e.loss;
        row.validation_accuracy = e.accuracy();
        if (plateau_) plateau_->update(e.loss);
      } else if (plateau_) plateau_->update(loss);
      row.seconds = now() - started;
      metrics.append(row);
      epochs_.push_back(row);
      progress_.end_epoch(row);
      ++at_.epoch;
      at_.batch = at_.images = 0;
      at_.loss_sum = 0;
      if (at_.epoch < o_.epochs) save_all();
    }
    finish();
    return 0;
  }

 private:
  std::int64_t steps_per_epoch() const { return (data_.train.size() + o_.batch - 1) / o_.batch; }

  bool keeps_choices() const { return device_ != cpu && !o_.deterministic; }

  AnyModule fresh_model() {
    seed(static_cast<std::uint64_t>(o_.seed));
    AnyModule model = make_network(network_);
    to(model, device_);
    return model;
  }

  // False where the user interrupted it.
  bool train_epoch() {
    progress_.begin_epoch(at_.epoch + 1, o_.epochs, data_.train.size());
    set_training(model_, true);
    MeanMetric loss_sum;
    const double started = now(), seconds_before = at_.training_seconds, loss_before = at_.loss_sum;
    auto record = [&] { at_.loss_sum = loss_before + loss_sum.sum(); at_.training_seconds = seconds_before + now() - started; };
    for (auto& [images, labels] : batches(data_.train, {.size = o_.batch, .shuffle = true, .seed = static_cast<std::uint64_t>(o_.seed), .epoch = at_.epoch,
                                                       .first_batch = at_.batch, .workers = o_.workers, .device = device_, .dtype = precision_of(network_),
                                                       .augment = augmentation(o_, data_.train)})) {
      const Tensor loss = cross_entropy(model_(images), labels, {.label_smoothing = static_cast<float>(o_.label_smoothing)});
      rate_ = plateau_ ? plateau_->rate() : schedule_(at_.step);
      backward_and_step(loss);
      optimizer_->zero_grad();
      if (ema_) ema_->update();
      loss_sum.add(loss, images.size(0));
      ++at_.step;
      ++at_.batch;
      at_.images += images.size(0);
      at_.images_in_all += images.size(0);
      if (progress_.due()) progress_.update(at_.images, (loss_before + loss_sum.sum()) / static_cast<double>(at_.images));
      if (interrupted()) { record(); return false; }
    }
    record();
    return true;
  }

  void backward_and_step(const Tensor& loss) {
    if (!loss_scale_) {
      loss.backward();
      if (o_.clip > 0) clip_grad_norm(parameters_, o_.clip);
      return optimizer_->step(rate_);
    }
    (*loss_scale_)(loss).backward();
    loss_scale_->unscale(parameters_);
    if (o_.clip > 0) clip_grad_norm(parameters_, o_.clip);
    loss_scale_->step(*optimizer_, rate_);
  }

  Evaluation evaluation(const std::string& name, const ImageDataset& images, int mistakes) {
    progress_.begin_part(name, images.size());
    if (ema_) ema_->swap();
    Evaluation e = evaluate(model_, images, {.device = device_, .mistakes = mistakes, .progress = [&](std::int64_t done) { if (progress_.due()) progress_.update(done); }});
    if (ema_) ema_->swap();
    return e;
  }

  void save_all() {
    if (ema_) ema_->swap();
    save_checkpoint(folder_ / run_files::checkpoint, model_, network_);
    if (ema_) ema_->swap();
    if (keeps_choices() && choices_ != choices_text()) {  // before the state, which was computed with them
      choices_ = choices_text();
      write_file_atomically(folder_ / run_files::choices, choices_);
    }
    at_.random = random_state();
    at_.seconds = now() - begun_;
    if (loss_scale_) at_.loss_scale = loss_scale_->state();
    if (plateau_) { const auto s = plateau_->state(); at_.rate = s.rate; at_.plateau_best = s.best; at_.plateau_bad = s.bad; }
    save_state(folder_ / run_files::state, model_, *optimizer_, ema_ ? &*ema_ : nullptr, at_);
  }

  int stop() {
    save_all();
    progress_.note("interrupted after " + std::to_string(at_.step) + " steps; go on with: mica train --resume " + folder_.string());
    return interrupt_exit_code();
  }

  void finish() {
    const double seconds = now() - begun_;
    const Evaluation test = evaluation("test", data_.test, 48);
    progress_.end_part();
    save_all();
    if (ema_) ema_->swap();  // the averaged weights are the result
    ReportData report;
    RunSummary& s = report.summary;
    s.model = o_.model; s.data = o_.data;
    s.test_accuracy = test.accuracy(); s.test_loss = test.loss; s.confusion = test.confusion;
    s.validation_accuracy = epochs_.empty() ? NAN : epochs_.back().validation_accuracy;
    s.weights_hash = hash(state(model_));
    s.parameters = count_parameters(model_);
    s.epochs = o_.epochs; s.seconds = seconds;
    s.images_per_second = static_cast<double>(at_.images_in_all) / at_.training_seconds;
    s.peak_memory_bytes = memory_stats(device_).held_peak;
    s.command = command_line(o_); s.started = started_text_;
    s.config = settings(o_); s.versions = versions(); s.machine = machine();
    report.epochs = epochs_;
    report.mistakes = test.mistakes;
    write_file_atomically(folder_ / run_files::summary, summary_json(s));
    write_file_atomically(folder_ / run_files::report, report_html(report));
    write_file_atomically(folder_ / run_files::picture, result_svg(report));
    std::cout << (o_.quiet ? "" : "\n" + confusion_text(test.confusion) + "\n") << "test accuracy " << percent(s.test_accuracy) << " on " << count_text(data_.test.size())
              << " images, weights " << s.weights_hash << "\n" << duration(seconds) << " of training, " << count_text(std::llround(s.images_per_second))
              << " images/s, report in " << (folder_ / run_files::report).string() << std::endl;
  }

  TrainOptions o_;
  std::filesystem::path folder_;
  Device device_;
  std::optional<Stream> stream_;      // of a GPU: the default stream would wait for other programs' work in it
  std::optional<OnStream> on_stream_;
  ImageSets data_;
  Network network_;
  AnyModule model_;
  std::vector<Tensor> parameters_ = parameters(model_);
  std::unique_ptr<Optimizer> optimizer_;
  Progress progress_;
  std::optional<Ema> ema_;
  std::optional<LossScale> loss_scale_;  // of f16
  Schedule schedule_;
  std::optional<Plateau> plateau_;
  std::string choices_;  // what the folder holds of choices_text()
  Progressed at_;
  std::vector<EpochMetrics> epochs_;
  std::string started_text_ = local_time();
  double begun_ = 0, rate_ = 0;
};

}  // namespace

int train(const TrainOptions& options) {
  TrainOptions o = options;
  if (o.threads > 0) set_threads(o.threads);
  set_tf32(o.precision == "tf32");
  if (o.deterministic) set_choices(Choices::fixed);
  if (o.resume.empty()) {
    image_sets(o.data);  // before a folder is made: a wrong name leaves nothing behind
    make_model(o.model);
    const auto folder = create_run_folder({.out = o.out, .model = o.model, .data = o.data, .force = o.force, .now = std::time(nullptr)});
    write_file_atomically(folder / run_files::config, to_json(settings(o)));
    catch_interrupts();
    return Run(o, folder).execute();
  }
  catch_interrupts();
  Run run(o, o.resume);
  if (std::filesystem::exists(std::filesystem::path(o.resume) / run_files::state)) run.resume();  // else it was stopped before its first epoch's end
  return run.execute();
}

}  // namespace mica::tools
