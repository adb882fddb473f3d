#pragma once
#include <exception>
#include <memory>
#include <string>

namespace mica {

// A user's mistake: wrong shape, dtype, device, option. An op throws it as one sentence; the engine completes it with the op's name, the
// path of the module it sits in and the arguments. Copies share the text.
class Error : public std::exception {
 public:
  explicit Error(std::string what) : text_(std::make_shared<const std::string>(std::move(what))) {}
  const char* what() const noexcept override { return text_->c_str(); }

  bool complete() const noexcept { return complete_; }  // for the engine: the context is already in the text
  void complete(std::string text) { text_ = std::make_shared<const std::string>(std::move(text)); complete_ = true; }

 private:
  std::shared_ptr<const std::string> text_;
  bool complete_ = false;
};

// The machine's troubles, named apart so that a program can react to them.
class IoError : public Error { using Error::Error; };      // files: missing, unreadable, truncated, corrupt, no space
class MemoryError : public Error { using Error::Error; };  // says what was asked, held and free
class CudaError : public Error { using Error::Error; };    // a call of the CUDA runtime or of one of its libraries failed

}  // namespace mica
