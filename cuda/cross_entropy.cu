#include "mica/core/ops/cross_entropy.h"
#include "mica/cuda/class_loss.h"
#include "mica/cuda/rows.h"
// Logits are rows of n classes, each taken by a team: one read forward; one read and one write backward.
namespace mica {
namespace {
// A double as the sum of two C: rounded to one float, log sum exp would cost an exponential lse / 2 ulp.
template <class C> struct Parted {
  C high, low;
  __device__ explicit Parted(double v) : high(C(v)), low(C(v - double(C(v)))) {}
};

// Teams take rows in turn. Rows are held in registers; longer ones (packs 0) are read once, or twice with label smoothing. sizeof(T) bytes per
// element, 12 operations per element. Deterministic.
template <class T, int packs> __global__ void __launch_bounds__(512) cross_entropy_kernel(Labels labels, int64_t rows, bool vectors, double smoothing, const T* x, double* lse, Losses losses) {
  using C = Compute<T>;
  MICA_SHARED(C, team_parts, [32]);
  MICA_SHARED(double, parts, [32]);
  const int64_t n = labels.classes;
  double loss = 0, weight = 0;
  for (int64_t first = int64_t(blockIdx.x) * blockDim.y; first < rows; first += int64_t(gridDim.x) * blockDim.y) {
    const int64_t row = first + threadIdx.y;
    const int64_t label = row < rows ? labels.of(row, threadIdx.x == 0) : -1, here = label < 0 ? 0 : n;
    const T* from = x + row * n;
    Held<T, packs ? packs : 1> h;
    ExpSum<C> s = ExpSum<C>::start();
    if constexpr (packs == 0) {
      for (int64_t i = threadIdx.x; i < here; i += blockDim.x) s.add(wide(from[i]));
      s.fold(&team_parts[0]);
    } else {
      h.load(from, here, vectors, s.largest);
#pragma unroll
      for (const C v : h.v) s.largest = v > s.largest ? v : s.largest;
      s.largest = largest_of_team(s.largest, &team_parts[0]);
#pragma unroll
      for (const C v : h.v) s.sum += math::exp(v - s.largest);
      s.sum = sum_of_team(s.sum, &team_parts[0]);
    }
    const double log_sum = double(s.largest) + double(math::log(s.sum));
    C distance = 0;  // the sum of weight (lse - x) over the classes
    if (smoothing > 0) {
      const Parted<C> p(log_sum);
      if constexpr (packs == 0) {
        for (int64_t i = threadIdx.x; i < here; i += blockDim.x) distance += ((p.high - wide(from[i])) + p.low) * labels.weight_of<C>(i);
      } else {
#pragma unroll
        for (int j = 0; j < h.items; ++j) if (h.at(j, vectors) < here) distance += ((p.high - h.v[j]) + p.low) * labels.weight_of<C>(h.at(j, vectors));
      }
      distance = sum_of_team(distance, &team_parts[0]);
    }
    if (threadIdx.x != 0 || row >= rows) continue;
    double mine = 0;
    if (label >= 0) {
      const double w = labels.weight_of<double>(label);
      mine = (1 - smoothing) * w * (log_sum - double(wide(from[label])));
      if (smoothing > 0) mine += smoothing / double(n) * double(distance);
      loss += mine;
      weight += w;
    }
    lse[row] = label < 0 ? 0 : log_sum;
    losses.put(row, mine);
  }
  losses.finish(loss, weight, &parts[0]);
}

// A team takes a row. 2 sizeof(T) bytes per element, 14 operations per element. Deterministic.
template <class T, int packs> __global__ void __launch_bounds__(512) cross_entropy_back_kernel(Labels labels, LossGradient gradient, int64_t rows, bool vectors, double smoothing, const T* x,
                                                                                               const double* lse, T* dx) {
  using C = Compute<T>;
  MICA_SHARED(double, parts, [32]);
  const int64_t n = labels.classes;
  C all = C(n);  // the weights of all classes
  if (smoothing > 0 && labels.weight) {
    double mine = 0;
    for (int64_t i = threadIdx.y * blockDim.x + threadIdx.x; i < n; i += blockDim.x * blockDim.y) mine += labels.weight_of<double>(i);
    all = C(sum_in_block(mine, &parts[0]));
  }
  const int64_t row = int64_t(blockIdx.x) * blockDim.y + threadIdx.y;
  if (row >= rows) return;
  const int64_t label = labels.of(row, false);
  const C g = label < 0 ? C(0) : gradient.of<C>(row), spread = g * C(smoothing / double(n)), hit = label < 0 ? C(0) : g * C(1 - smoothing) * labels.weight_of<C>(label);
  const C a = hit + spread * all;
  const Parted<C> p(lse[row]);
  for (int64_t at = 0; at < n; at += int64_t(blockDim.x) * Held<T, packs>::items) {
    Held<T, packs> h;
    h.load(x + row * n + at, label < 0 ? 0 : n - at, vectors, 0);
#pragma unroll
    for (int j = 0; j < h.items; ++j) {
      const int64_t i = at + h.at(j, vectors);
      C v = a * math::exp((h.v[j] - p.high) - p.low);
      if (smoothing > 0 && i < n) v -= spread * labels.weight_of<C>(i);
      h.v[j] = label < 0 ? C(0) : i == label ? v - hit : v;
    }
    h.store(dx + row * n + at, n - at, vectors);
  }
}
}  // namespace

void op::CrossEntropy::forward(const Cuda& on, const Tensor& logits, const Tensor& labels, const Tensor& weight, Tensor& loss, State& state) const {
  const int64_t n = logits.size(1), rows = labels.size();
  const Labels l(on, name, labels, weight, n, ignore_index);
  state.log_sum_exp = empty({rows}, {f64, logits.device()});
  dispatch_float(logits.dtype(), [&]<class T>(T) {
    const Team team = team_of<T>(n);
    reduce_losses(on, reduction, rows, team.rows, loss, state.weight_sum, [&](dim3 blocks, const Losses& losses) {
      const auto run = [&](auto packs) {
        launch(on, {blocks, team.block()}, cross_entropy_kernel<T, packs()>, l, rows, row_vectors<T>(n, output<T>(logits)), label_smoothing, output<T>(logits), output<double>(state.log_sum_exp),
               losses);
      };
      if (team.packs) with_packs(team.packs, run); else run(std::integral_constant<int, 0>());
    });
  });
}

void op::CrossEntropy::backward(const Cuda& on, const Tensor& logits, const Tensor& labels, const Tensor& weight, const Tensor&, const State& state, const Tensor& dloss, Tensor& dlogits,
                                Tensor&, Tensor&) const {
  if (logits.size() == 0) return;
  const int64_t n = logits.size(1), rows = labels.size();
  const Labels l(on, name, labels, weight, n, ignore_index);
  dispatch_float(logits.dtype(), [&]<class T>(T) {
    const Team team = team_of<T>(n);
    with_packs(team.packs ? team.packs : 4, [&]<int packs>(std::integral_constant<int, packs>) {
      launch(on, {blocks_for(rows, team.rows), team.block()}, cross_entropy_back_kernel<T, packs>, l, LossGradient(dloss, reduction, state.weight_sum), rows,
             row_vectors<T>(n, output<T>(logits), output<T>(dlogits)), label_smoothing, output<T>(logits), output<double>(state.log_sum_exp), output<T>(dlogits));
    });
  });
}

}  // namespace mica
