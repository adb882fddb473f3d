#include "mica/data/dataset.h"
#include <string>
#include "mica/core/kernels.h"

namespace mica::detail {

Tensor stack_values(std::span<const Tensor> values, std::span<const int64_t> rows, size_t place) {
  for (size_t i = 0; i < values.size(); ++i)
    if (!values[i]) throw Error("batches: get(" + std::to_string(rows[i]) + ") returned an undefined tensor at place " + std::to_string(place));
  const Tensor& first = values[0];
  for (size_t i = 1; i < values.size(); ++i)
    if (values[i].shape() != first.shape() || values[i].dtype() != first.dtype() || values[i].device() != first.device())
      throw Error("batches: the examples' tensors differ at place " + std::to_string(place) + "\n  example " + std::to_string(rows[0]) + ": " +
                  describe(first) + "\n  example " + std::to_string(rows[i]) + ": " + describe(values[i]));
  if (first.rank() == Shape::max_rank) throw Error("batches: a batch of " + describe(first) + " has more than 6 dimensions");

  Shape shape = first.shape();
  Strides strides = packed_like(first);  // the batch keeps the layout of its examples
  shape.insert(0, int64_t(values.size()));
  strides.insert(0, first.size());
  const Tensor y = empty(shape, {first.dtype(), first.device()});
  y.body().strides = strides;
  for (size_t i = 0; i < values.size(); ++i) copy_into(y[int64_t(i)], values[i]);
  return y;
}

}  // namespace mica::detail
