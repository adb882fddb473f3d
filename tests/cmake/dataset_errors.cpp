// Each CASE is a dataset with one mistake; the compiler's first error must be the sentence about it (tests/cmake/dataset_errors.cmake).
#include "mica/data/batches.h"

struct NoSize { int get(int64_t) const { return 0; } };
struct NoGet { int64_t size() const { return 1; } };
struct NotConst { int64_t size() const { return 1; } int get(int64_t) { return 0; } };
struct Text { int64_t size() const { return 1; } std::pair<mica::Tensor, const char*> get(int64_t) const { return {}; } };
struct Nothing { int64_t size() const { return 1; } void get(int64_t) const {} };
struct BatchOfNumbers { int64_t size() const { return 1; } int batch(std::span<const int64_t>, const mica::BatchContext&) const { return 0; } };
struct LoadAlone {
  int64_t size() const { return 1; }
  mica::Tensor batch(std::span<const int64_t>, const mica::BatchContext&) const { return {}; }
  mica::Tensor load(std::span<const int64_t>, const mica::BatchContext&) const { return {}; }
};
struct Right { int64_t size() const { return 1; } int get(int64_t) const { return 0; } };

void f() { for (auto batch : mica::batches(CASE(), {})) (void)batch; }
