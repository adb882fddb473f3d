#pragma once
#include "mica/core/tensor.h"
// Metrics add up on the device, without a host read per step; value() and counts() read.
namespace mica {

// The mean of values, weighted by how many examples each stands for.
class MeanMetric {
 public:
  void add(const Tensor& value, int64_t examples = 1);  // value: a single element of any float dtype
  double value() const;                                 // NaN before the first add
  double sum() const;                                   // of value x examples
  int64_t examples() const { return examples_; }
  void reset() { *this = {}; }
 private:
  Tensor sum_;  // [] f64
  int64_t examples_ = 0;
};

// The share of rows whose label is among the k largest logits; a tie counts for the label. logits: [n, classes], labels: [n] integers.
class AccuracyMetric {
 public:
  explicit AccuracyMetric(int64_t k = 1) : k_(k) {}
  void add(const Tensor& logits, const Tensor& labels);
  double value() const { return correct_.value(); }
  void reset() { correct_.reset(); }
 private:
  int64_t k_;
  MeanMetric correct_;
};

// How often each class (row) was taken for each (column): the largest logit, the first among equals.
class ConfusionMetric {
 public:
  explicit ConfusionMetric(int64_t classes) : classes_(classes) {}
  void add(const Tensor& logits, const Tensor& labels);
  std::vector<int64_t> counts() const;                  // classes x classes, row-major
  void reset() { counts_ = {}; }
 private:
  int64_t classes_;
  Tensor counts_;  // [classes x classes] i64
};

}  // namespace mica
