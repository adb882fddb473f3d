#pragma once
#include <array>
#include <functional>
#include <string>
#include <vector>
#include "mica/core/context.h"
#include "mica/core/dtype.h"
#include "mica/core/implementation.h"
namespace mica {

// A call of an op, as far as the speed of its implementations depends on it.
struct ChoiceKey {
  static constexpr int most = 20;
  const char* op;
  int n = 0;
  std::array<int64_t, most> sizes{};
  ChoiceKey(const char* op, std::initializer_list<int64_t> values) : op(op) { for (const int64_t v : values) sizes[size_t(n++)] = v; }
};
struct Choice {
  std::string implementation, algorithm;  // "cudnn" and its "implicit_precomp_gemm"; algorithm may be empty
};
struct Candidate {
  Choice choice;
  std::function<bool()> run;  // queues the whole call, overwriting its results; false, and nothing queued, where it does not support it
  bool only_by_name = false;  // neither measured nor in a table: its results are not as exact as the op promises
};

// Whether products of this type may round their operands to TF32; part of their keys.
inline bool uses_tf32(DType type) { return type == f32 && tf32_allowed(); }

// What was chosen for the key before, or nullptr: then the caller lists the candidates, each deterministic.
const Choice* chosen(const Cuda& on, const ChoiceKey& key);
// Runs the candidates, chooses the fastest (or the first that works, or the one set by name: see implementation.h), remembers it, and leaves its
// results in place. Throws Error where none works.
void choose(const Cuda& on, const ChoiceKey& key, std::vector<Candidate> candidates);

// Where there are two: own() queues the call by mica's kernels, library() returns false where it does not support it. Returns whether own() ran.
template <class Own, class Library> bool own_or_library(const Cuda& on, const ChoiceKey& key, const char* library_name, bool has_library, Own own, Library library) {
  const Choice* choice = chosen(on, key);
  if (!choice) {
    std::vector<Candidate> candidates{{{"mica", ""}, [&] { own(); return true; }}};
    if (has_library) candidates.push_back({{library_name, ""}, [&] { return library(); }});
    choose(on, key, std::move(candidates));
    return chosen(on, key)->implementation == "mica";
  }
  if (choice->implementation != "mica" && library()) return false;
  own();
  return true;
}

}  // namespace mica
