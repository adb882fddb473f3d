#include "mica/core/ops/dropout.h"
#include <cmath>
#include "mica/core/kernels.h"
#include "mica/core/op.h"
#include "mica/core/philox.h"
#include "mica/cpu/dropout_table.h"
#include "mica/cpu/isa.h"
#include "mica/cpu/parallel.h"
#include "mica/cpu/strided.h"

namespace mica {
namespace {
const DropoutTable& table() { static const auto& t = pick(v2::dropout, v3::dropout, v4::dropout); return t; }

struct Drop {
  RandomState random;
  double limit, scale;  // kept where uniform >= limit; uniforms are multiples of 2^-24, and so is limit: float and double decide alike
  Drop(RandomState random, double p) : random(random), limit(std::ceil(p * 0x1p24) * 0x1p-24), scale(p < 1 ? 1 / (1 - p) : 0) {}

  // The uniform numbers of elements first + i stride: word by word beside f64 (the reference), vectors otherwise.
  template <class T> void uniform(int64_t first, int64_t stride, int64_t n, float* u) const {
    if constexpr (!std::is_same_v<T, double>) return table().uniform(random.seed, random.call, first, stride, n, u);
    for (int64_t i = 0; i < n; ++i) {
      const int64_t e = first + i * stride;
      u[i] = uniform_from(philox(random.seed, random.call, uint64_t(e / 4)).word[e % 4]);
    }
  }
  template <class T> T kept(T x, float u) const { return double(u) >= limit ? T(Compute<T>(Compute<T>(x) * Compute<T>(scale))) : T(Compute<T>(0)); }

  // y = x where kept. The same serves backward.
  void elements(const Tensor& x, const Tensor& y) const {
    if (x.dtype() == f32 && x.is_contiguous() && y.is_contiguous())
      return parallel_for(x.size(), pointwise_grain / 4, [&](int64_t begin, int64_t end) {
        table().dropout(random.seed, random.call, begin, end - begin, float(limit), float(scale), x.data<float>() + begin, output<float>(y) + begin);
      });
    if (x.dtype() == f32 && x.rank() > 2 && x.size() > 0 && x.has_layout(Layout::channels_last) && y.has_layout(Layout::channels_last)) {
      const int64_t c = x.size(1), pixels = x.size() / (x.size(0) * c);
      if (pixels % 4 == 0)
        return parallel_for(x.size() / c / 4, std::max<int64_t>(1, pointwise_grain / 16 / c), [&](int64_t begin, int64_t end) {
          for (int64_t q = begin; q < end; ++q) {  // four pixels
            const int64_t image = q * 4 / pixels, block = (image * c * pixels + q * 4 % pixels) / 4;
            table().pixels(random.seed, random.call, block, pixels / 4, c, float(limit), float(scale), x.data<float>() + q * 4 * c, output<float>(y) + q * 4 * c);
          }
        });
    }
    const Tensor order = alias(x, x.shape(), strides_of(x.shape()), 0);  // its offsets are the elements' numbers
    const Tensor* all[] = {&y, &x, &order};
    const Dims d(all);
    dispatch_float(x.dtype(), [&]<class T>(T) {
      const T* from = x.data<T>();
      T* to = output<T>(y);
      parallel_for(d.count, pointwise_grain / 16, [&](int64_t begin, int64_t end) {
        constexpr int64_t chunk = 256;
        float u[chunk];
        for_runs(d, 0, begin, end, [&, at = begin](int64_t yo, int64_t n, int64_t ys) mutable {
          int64_t xo = 0, xs = 0, first = 0, step = 0;
          for_runs(d, 1, at, at + n, [&](int64_t offset, int64_t, int64_t stride) { xo = offset; xs = stride; });
          for_runs(d, 2, at, at + n, [&](int64_t offset, int64_t, int64_t stride) { first = offset; step = stride; });
          for (int64_t i = 0; i < n; i += chunk) {
            const int64_t m = std::min(chunk, n - i);
            uniform<T>(first + i * step, step, m, u);
            for (int64_t j = 0; j < m; ++j) to[yo + (i + j) * ys] = kept(from[xo + (i + j) * xs], u[j]);
          }
          at += n;
        });
      });
    });
  }
  // The same for whole channels of channels-last x and y.
  void channels(const Tensor& x, const Tensor& y) const {
    if (x.size() == 0) return;
    const int64_t batch = x.size(0), c = x.size(1), pixels = x.size() / (batch * c);
    std::vector<float> u(static_cast<size_t>(batch * c));
    dispatch_float(x.dtype(), [&]<class T>(T) {
      uniform<T>(0, 1, batch * c, u.data());
      std::vector<Compute<T>> factor(u.size());
      for (size_t i = 0; i < u.size(); ++i) factor[i] = double(u[i]) >= limit ? Compute<T>(scale) : Compute<T>(0);
      const T* from = x.data<T>();
      T* to = output<T>(y);
      parallel_for(batch * pixels, std::max<int64_t>(1, pointwise_grain / c), [&](int64_t begin, int64_t end) {
        if constexpr (std::is_same_v<T, float>) {
          for (int64_t n; begin < end; begin += n) {  // rows of one image share their factors
            n = std::min(end - begin, pixels - begin % pixels);
            table().scale(n, c, factor.data() + begin / pixels * c, from + begin * c, to + begin * c);
          }
          return;
        }
        for (int64_t r = begin; r < end; ++r) {
          const Compute<T>* f = factor.data() + r / pixels * c;
          for (int64_t j = r * c; j < (r + 1) * c; ++j, ++f) {
            const Compute<T> v = Compute<T>(from[j]) * *f;
            to[j] = T(*f == 0 ? Compute<T>(0) : v);  // an infinite x that is dropped is 0
          }
        }
      });
    });
  }
};
}  // namespace

void op::Dropout::forward(const Cpu&, const Tensor& x, Tensor& y) const { Drop(random, p).elements(x, y); }
void op::Dropout::backward(const Cpu&, const Tensor&, const Tensor&, const Tensor& dy, Tensor& dx) const { Drop(random, p).elements(dy, dx); }
void op::Dropout2d::forward(const Cpu&, const Tensor& x, Tensor& y) const { Drop(random, p).channels(x, y); }
void op::Dropout2d::backward(const Cpu&, const Tensor&, const Tensor&, const Tensor& dy, Tensor& dx) const { Drop(random, p).channels(dy, dx); }

}  // namespace mica
