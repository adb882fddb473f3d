// Cases of mica bench: reductions, scans, sorts, indices, and ops that move elements.
#include "mica/core/ops/augment.h"
#include "mica/core/ops/cat.h"
#include "mica/core/ops/contiguous.h"
#include "mica/core/ops/cumsum.h"
#include "mica/core/ops/flip.h"
#include "mica/core/ops/gather.h"
#include "mica/core/ops/index_select.h"
#include "mica/core/ops/mask.h"
#include "mica/core/ops/one_hot.h"
#include "mica/core/ops/pad.h"
#include "mica/core/ops/pointwise.h"
#include "mica/core/ops/reduce.h"
#include "mica/core/ops/slice_update.h"
#include "mica/core/ops/sort.h"
#include "mica/core/ops/view.h"
#include "mica/tools/bench_cases.h"

namespace mica::tools {
namespace {

using Values = InputMaker::Values;
double size_of(const Tensor& x) { return static_cast<double>(x.bytes()); }

// Of functions made of several ops, whose tensors in between need not exist: backward reads what has a gradient.
double once(Pass pass, const Tensors& t, const Tensor& y) {
  double bytes = size_of(y);
  for (const Tensor& x : t) bytes += pass == Pass::forward ? size_of(x) : x.requires_grad() ? 2 * size_of(x) : 0;
  return bytes;
}
// Of ops that look entries up.
double looked_up(Pass pass, const Tensors& t, const Tensor& y) { return size_of(t[1]) + (pass == Pass::forward ? 2 * size_of(y) : size_of(y) + size_of(t[0])); }

}  // namespace

void add_tensor_cases(std::vector<BenchCase>& cases) {
  // 4096 x 4096 elements (f32: 64 MiB), and where it matters 64 x 64, which is all overhead.
  const auto matrix = [](Values values) {
    return [values](InputMaker& make) { return Tensors{make.x({make.pick(4096, 65), make.pick(4096, 67)}, values)}; };
  };
  const auto small_matrix = [](InputMaker& make) { return Tensors{make.x({64, 64})}; };
  const auto image = [](InputMaker& make) { return Tensors{make.image({make.pick(64, 3), make.pick(64, 16), make.pick(56, 7), make.pick(56, 7)})}; };
  const auto add = [&](const char* op, const char* text, auto inputs, auto call, decltype(&once) bytes = nullptr) {
    BenchCase c{.op = op, .text = text, .inputs = inputs, .call = [call](const Tensors& t) -> Tensor { return call(t); }};
    if (bytes) c.bytes = bytes;
    cases.push_back(std::move(c));
  };
  const auto normal = matrix(Values::normal), distinct = matrix(Values::distinct), positive = matrix(Values::positive);

  add("sum", "of all, 4096 x 4096", positive, [](const Tensors& t) { return sum(t[0]); });
  add("sum", "of rows, 4096 x 4096", positive, [](const Tensors& t) { return sum(t[0], {.dims = {1}}); });
  add("sum", "of columns, 4096 x 4096", positive, [](const Tensors& t) { return sum(t[0], {.dims = {0}}); });
  add("sum", "of channels, 64 x 64 x 56 x 56", image, [](const Tensors& t) { return sum(t[0], {.dims = {0, 2, 3}}); });
  add("sum", "of all, 64 x 64", small_matrix, [](const Tensors& t) { return sum(t[0]); });
  add("mean", "of all, 4096 x 4096", positive, [](const Tensors& t) { return mean(t[0]); });
  add("var", "of rows, 4096 x 4096", positive, [](const Tensors& t) { return var(t[0], {.dims = {1}}); }, once);
  add("max", "of rows, 4096 x 4096", distinct, [](const Tensors& t) { return max(t[0], {.dims = {1}}); }, once);
  add("max", "of columns, 4096 x 4096", distinct, [](const Tensors& t) { return max(t[0], {.dims = {0}}); }, once);
  add("min", "of all, 4096 x 4096", distinct, [](const Tensors& t) { return min(t[0]); }, once);
  add("argmax", "of rows, 4096 x 4096", distinct, [](const Tensors& t) { return argmax(t[0], 1); });
  add("argmin", "of columns, 4096 x 4096", distinct, [](const Tensors& t) { return argmin(t[0], 0); });
  add("norm", "of all, 4096 x 4096", normal, [](const Tensors& t) { return norm(t[0]); });
  add("any", "of all, 4096 x 4096", normal, [](const Tensors& t) { return any(t[0].detach() > Scalar(100)); }, once);
  add("logsumexp", "of rows, 4096 x 4096", normal, [](const Tensors& t) { return logsumexp(t[0], {.dims = {1}}); }, once);

  add("cumsum", "along rows, 4096 x 4096", positive, [](const Tensors& t) { return cumsum(t[0], 1); });
  add("cumsum", "along columns, 4096 x 4096", positive, [](const Tensors& t) { return cumsum(t[0], 0); });
  const auto keys = [](InputMaker& make) { return Tensors{make.x({make.pick(1 << 20, 1031)}, Values::distinct)}; };
  const auto rows = [](InputMaker& make) { return Tensors{make.x({make.pick(1024, 7), make.pick(1024, 129)}, Values::distinct)}; };
  add("sort", "1 Mi elements", keys, [](const Tensors& t) { return sort(t[0]).values; });
  add("sort", "rows of 1024 x 1024", rows, [](const Tensors& t) { return sort(t[0]).values; });
  add("topk", "10 of rows of 1024 x 1024", rows, [](const Tensors& t) { return topk(t[0], 10).values; });

  add("index_select", "4096 of 4096 rows of 4096", [](InputMaker& make) {
        const std::int64_t rows = make.pick(4096, 33);
        return Tensors{make.x({rows, make.pick(4096, 65)}), make.ids({rows}, rows)};
      }, [](const Tensors& t) { return index_select(t[0], 0, t[1]); }, looked_up);
  add("gather", "along rows, 4096 x 4096", [](InputMaker& make) {
        const std::int64_t rows = make.pick(4096, 33), columns = make.pick(4096, 65);
        return Tensors{make.x({rows, columns}), make.ids({rows, columns}, columns)};
      }, [](const Tensors& t) { return gather(t[0], 1, t[1]); }, looked_up);
  add("index_add", "4096 rows to 1024 of 1024", [](InputMaker& make) {
        const std::int64_t rows = make.pick(1024, 17), more = make.pick(4096, 65), width = make.pick(1024, 33);
        return Tensors{make.x({rows, width}), make.ids({more}, rows), make.x({more, width})};
      }, [](const Tensors& t) { return index_add(t[0], 0, t[1], t[2]); });
  add("one_hot", "65,536 of 1000", [](InputMaker& make) { return Tensors{make.ids({make.pick(65536, 65)}, 1000)}; }, [](const Tensors& t) { return one_hot(t[0], 1000, f32); });
  const auto masked = [](InputMaker& make) {
    const Shape shape{make.pick(4096, 33), make.pick(4096, 65)};
    return Tensors{make.x(shape), make.mask(shape)};
  };
  add("where", "4096 x 4096", [](InputMaker& make) {
        const Shape shape{make.pick(4096, 33), make.pick(4096, 65)};
        return Tensors{make.x(shape), make.mask(shape), make.x(shape)};
      }, [](const Tensors& t) { return where(t[1], t[0], t[2]); });
  add("masked_fill", "4096 x 4096", masked, [](const Tensors& t) { return masked_fill(t[0], t[1], 0); }, once);
  add("masked_select", "two thirds of 4096 x 4096", masked, [](const Tensors& t) { return masked_select(t[0], t[1]); }, once);

  add("contiguous", "transpose of 4096 x 4096", normal, [](const Tensors& t) { return contiguous(transpose(t[0], 0, 1)); });
  add("contiguous", "channels-last to row-major, 64 x 64 x 56 x 56", image, [](const Tensors& t) { return contiguous(t[0]); });
  add("contiguous", "row-major to channels-last, 64 x 64 x 56 x 56", [](InputMaker& make) {
        return Tensors{make.x({make.pick(64, 3), make.pick(64, 16), make.pick(56, 7), make.pick(56, 7)})};
      }, [](const Tensors& t) { return contiguous(t[0], Layout::channels_last); });
  add("cast", "4096 x 4096", normal, [](const Tensors& t) { return cast(t[0], t[0].dtype() == f32 ? bf16 : f32); });
  add("cat", "two of 2048 x 4096", [](InputMaker& make) {
        const Shape shape{make.pick(2048, 33), make.pick(4096, 65)};
        return Tensors{make.x(shape), make.x(shape)};
      }, [](const Tensors& t) { return cat({t[0], t[1]}); });
  add("pad", "1 on each side, 64 x 64 x 56 x 56", image, [](const Tensors& t) { return pad(t[0], {1, 1, 1, 1}); });
  add("flip", "left to right, 64 x 64 x 56 x 56", image, [](const Tensors& t) { return flip(t[0], {3}); });
  const auto bytes = [](std::int64_t n, std::int64_t c, std::int64_t side) {
    return [=](InputMaker& make) {
      const std::int64_t few = make.pick(n, 3), size = make.pick(side, 7);
      const Tensor pixels = cast(make.ids({few, size, size, c}, 256), u8), draws = cast(make.ids({few, 5}, 9), i32) - 4;
      return Tensors{permute(pixels, {0, 3, 1, 2}), make.constant({c, 256}), draws};
    };
  };
  const auto augmented = [](const Tensors& t) { return augment(t[0], t[1], t[2]); };
  add("augment", "128 images of 3 x 32 x 32", bytes(128, 3, 32), augmented);
  add("augment", "128 images of 1 x 28 x 28", bytes(128, 1, 28), augmented);
  add("augment", "64 images of 3 x 224 x 224", bytes(64, 3, 224), augmented);
  add("roll", "4096 x 4096", normal, [](const Tensors& t) { return roll(t[0], 5, 1); }, once);
  add("slice_update", "64 of 4096 rows of 4096", [](InputMaker& make) {
        const std::int64_t width = make.pick(4096, 65);
        return Tensors{make.x({make.pick(4096, 99), width}), make.x({64, width})};
      }, [](const Tensors& t) { return slice_update(t[0], t[1], 0, 5); });
}

}  // namespace mica::tools
