#pragma once
#include <cstddef>
#include <functional>
namespace mica {

// While a step is recorded for replay (capture.h): what changes from one replay to the next lies in device memory, and is written before each one.
// For backends, authors of ops that draw random numbers, and optimizers.
class Recorder {
 public:
  // Device memory that holds `bytes` of `now` in the replay of the recorded call itself, and what `next` writes in later ones. Called in order.
  virtual const void* vary(size_t bytes, const void* now, std::function<void(void* to)> next) = 0;
  virtual void* keep(size_t bytes) = 0;  // pinned memory that lives as long as the recording
  virtual double rate() const = 0;  // that the step is called with: in the recorded call, and inside `next`

 protected:
  ~Recorder() = default;
};

Recorder* recording();               // of the calling thread; nullptr where nothing is recorded
class RecorderScope {                // for the backend
 public:
  explicit RecorderScope(Recorder* recorder);
  ~RecorderScope();
  RecorderScope(const RecorderScope&) = delete;

 private:
  Recorder* before_;
};
// Throws Error inside a recorded step, which cannot do what `what` says: "reads the CPU's clock".
void cannot_record(const char* what);

}  // namespace mica
