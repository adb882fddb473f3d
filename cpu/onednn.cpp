#include "mica/cpu/onednn.h"
#include <array>
#include <cstring>
#include <list>
#include <string>
#include <unordered_map>
#include <dnnl.hpp>
#include "mica/core/kernels.h"
#include "mica/cpu/parallel.h"
#include "mica/cpu/tiled.h"
// Primitives are made once per shape and thread: a cache of a thread's own needs no lock, and its memory objects need no copies. oneDNN's fast
// kernels want weights in blocked formats of their own (plain ones would run its reference loops, a thousand times slower), so weights are
// reordered in every call, which costs little beside the convolution, and nothing can be stale.
namespace mica::onednn {
namespace {
using dnnl::memory;
constexpr size_t most_primitives = 256;  // per thread

// Calls f and turns what oneDNN throws into an Error.
template <class F> auto checked(const char* what, F&& f) {
  try { return f(); }
  catch (const dnnl::error& e) { throw Error(std::string("oneDNN: ") + what + ": " + e.message + " (status " + std::to_string(int(e.status)) + ")"); }
}
void check(dnnl_status_t status, const char* what) {
  if (status != dnnl_success) throw Error(std::string("oneDNN: ") + what + ": status " + std::to_string(int(status)));
}

const dnnl::engine& engine() { static const auto& e = *new dnnl::engine(dnnl::engine::kind::cpu, 0); return e; }  // outlives all threads

enum class Kind : int64_t { forward, data, weights };
struct Key {
  Kind kind;
  int64_t threads, bias, half;
  Conv sizes;
  bool operator==(const Key& o) const { return std::memcmp(this, &o, sizeof o) == 0; }
};
struct Hash {
  size_t operator()(const Key& key) const {
    uint64_t h = 0;
    uint64_t words[sizeof(Key) / 8];
    std::memcpy(words, &key, sizeof key);
    for (uint64_t v : words) h = (h ^ v) * 0x9e3779b97f4a7c15u, h ^= h >> 29;
    return h;
  }
};

// A convolution with its memory objects, whose addresses are set for every run. `plain` are weights as mica stores them, `blocked` as the
// primitive wants them; one is `reordered` from the other.
struct Primitive {
  dnnl::primitive run;
  dnnl::reorder reorder;
  bool reordered = false;
  int x_arg, y_arg, w_arg;
  memory x, y, bias, plain, blocked, scratch;
  size_t scratch_bytes = 0, blocked_bytes = 0;
};

memory::desc activations(memory::data_type t, int64_t n, int64_t c, int64_t h, int64_t w) { return {{n, c, h, w}, t, memory::format_tag::acdb}; }
size_t aligned(size_t bytes) { return (bytes + 63) / 64 * 64; }

Primitive make(const Key& key) {
  const Conv& s = key.sizes;
  const auto f32 = memory::data_type::f32, t = key.half ? memory::data_type::bf16 : f32;
  const auto w_type = key.kind == Kind::weights ? f32 : t;  // the gradient of a parameter is float32
  const auto algorithm = dnnl::algorithm::convolution_direct;
  const memory::desc x = activations(t, s.n, s.c, s.h, s.w), y = activations(t, s.n, s.out, s.out_h, s.out_w);
  const int64_t og = s.out / s.groups, ig = s.c / s.groups;
  const memory::dims wd = s.groups == 1 ? memory::dims{s.out, s.c, s.kernel_h, s.kernel_w} : memory::dims{s.groups, og, ig, s.kernel_h, s.kernel_w};
  const memory::desc plain(wd, w_type, s.groups == 1 ? memory::format_tag::acdb : memory::format_tag::abdec), any(wd, t, memory::format_tag::any);
  const memory::desc bias = key.bias ? memory::desc({s.out}, f32, memory::format_tag::a) : memory::desc();
  const memory::dims stride{s.stride_h, s.stride_w}, dilation{s.dilation_h - 1, s.dilation_w - 1}, begin{s.padding_h, s.padding_w};
  auto end_of = [](int64_t in, int64_t out, int64_t k, int64_t step, int64_t d, int64_t pad) { return (out - 1) * step + d * (k - 1) + 1 - in - pad; };
  const memory::dims end{end_of(s.h, s.out_h, s.kernel_h, s.stride_h, s.dilation_h, s.padding_h),   // the part of the padding that is read;
                         end_of(s.w, s.out_w, s.kernel_w, s.stride_w, s.dilation_w, s.padding_w)};  // negative where the image's end is not
  dnnl::primitive_attr attr;
  attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  const dnnl::convolution_forward::primitive_desc forward({dnnl::prop_kind::forward_training, algorithm, x, any, bias, y, stride, dilation, begin, end}, attr, engine());
  Primitive p;
  memory::desc blocked, scratch;
  auto use = [&](const auto& desc, auto primitive, const memory::desc& weights, int x_arg, int y_arg, int w_arg) {
    p.run = primitive;
    p.x_arg = x_arg; p.y_arg = y_arg; p.w_arg = w_arg;
    blocked = weights; scratch = desc.scratchpad_desc();
  };
  if (key.kind == Kind::forward) {
    use(forward, dnnl::convolution_forward(forward), forward.weights_desc(), DNNL_ARG_SRC, DNNL_ARG_DST, DNNL_ARG_WEIGHTS);
  } else if (key.kind == Kind::data) {
    const dnnl::convolution_backward_data::primitive_desc d({algorithm, x, any, y, stride, dilation, begin, end}, attr, engine(), forward);
    use(d, dnnl::convolution_backward_data(d), d.weights_desc(), DNNL_ARG_DIFF_SRC, DNNL_ARG_DIFF_DST, DNNL_ARG_WEIGHTS);
  } else {
    const dnnl::convolution_backward_weights::primitive_desc d({algorithm, x, memory::desc(wd, f32, memory::format_tag::any), y, stride, dilation, begin, end}, attr, engine(), forward);
    use(d, dnnl::convolution_backward_weights(d), d.diff_weights_desc(), DNNL_ARG_SRC, DNNL_ARG_DIFF_DST, DNNL_ARG_DIFF_WEIGHTS);
  }
  auto at_no_address = [](const memory::desc& d) { return memory(d, engine(), nullptr); };
  p.x = at_no_address(x);
  p.y = at_no_address(y);
  p.plain = at_no_address(plain);
  if (key.bias) p.bias = at_no_address(bias);
  p.scratch_bytes = scratch.get_size();
  if (p.scratch_bytes) p.scratch = at_no_address(scratch);
  if (blocked != plain) {
    p.reordered = true;
    p.blocked_bytes = blocked.get_size();
    p.blocked = at_no_address(blocked);
    const bool out = key.kind == Kind::weights;
    p.reorder = dnnl::reorder(dnnl::reorder::primitive_desc(engine(), out ? blocked : plain, engine(), out ? plain : blocked));
  }
  return p;
}

class Cache {
 public:
  Primitive& get(const Key& key) {
    if (const auto found = index_.find(key); found != index_.end()) {
      if (found->second != entries_.begin()) entries_.splice(entries_.begin(), entries_, found->second);
      return found->second->second;
    }
    Primitive made = checked("a convolution", [&] { return make(key); });
    if (entries_.size() == most_primitives) { index_.erase(entries_.back().first); entries_.pop_back(); }
    entries_.emplace_front(key, std::move(made));
    index_[key] = entries_.begin();
    return entries_.front().second;
  }
  dnnl_stream_t stream() { return stream_.get(); }

 private:
  using Entries = std::list<std::pair<Key, Primitive>>;  // the latest used first
  Entries entries_;
  std::unordered_map<Key, Entries::iterator, Hash> index_;
  dnnl::stream stream_{engine()};
};
Cache& cache() { static thread_local Cache c; return c; }

void at(const memory& m, const void* data) { check(dnnl_memory_set_data_handle(m.get(), const_cast<void*>(data)), "an address"); }

template <class T> void run(Kind kind, const Conv& sizes, const T* x, const void* w, const float* bias, const T* y) {
  const LibraryScope team(sizes.flops());
  Cache& c = cache();
  Primitive& p = c.get({kind, team.threads(), bias != nullptr, sizeof(T) == 2, sizes});
  const Scratch scratch(aligned(p.blocked_bytes) + p.scratch_bytes);
  at(p.x, x);
  at(p.y, y);
  at(p.plain, w);
  if (p.reordered) at(p.blocked, scratch.as<char>());
  const memory& weights = p.reordered ? p.blocked : p.plain;
  dnnl_exec_arg_t args[5] = {{p.x_arg, p.x.get()}, {p.y_arg, p.y.get()}, {p.w_arg, weights.get()}};
  int n = 3;
  if (bias) { at(p.bias, bias); args[n++] = {DNNL_ARG_BIAS, p.bias.get()}; }
  if (p.scratch_bytes) { at(p.scratch, scratch.as<char>() + aligned(p.blocked_bytes)); args[n++] = {DNNL_ARG_SCRATCHPAD, p.scratch.get()}; }
  auto reorder = [&](const memory& from, const memory& to) {
    const dnnl_exec_arg_t both[2] = {{DNNL_ARG_FROM, from.get()}, {DNNL_ARG_TO, to.get()}};
    check(dnnl_primitive_execute(p.reorder.get(), c.stream(), 2, both), "a reorder");
  };
  if (p.reordered && kind != Kind::weights) reorder(p.plain, p.blocked);
  check(dnnl_primitive_execute(p.run.get(), c.stream(), n, args), "a convolution");
  if (p.reordered && kind == Kind::weights) reorder(p.blocked, p.plain);
}
// Every thread has images of its own and a sum of its own: oneDNN's threads would wait for each other in loops at every image, many
// times as long as the work takes where another program holds a core. Larger gradients than a core's cache holds cost more to add than that.
constexpr int64_t most_summed = int64_t(1) << 18;
template <class T> void weights_by_images(const Conv& s, const T* x, const T* dy, float* dw) {
  const int64_t size = s.out * s.kernel_h * s.kernel_w * (s.c / s.groups);
  const int64_t parts = size > most_summed ? 1 : parallel_parts(s.n, std::max<int64_t>(1, int64_t(5e5 * double(s.n) / s.flops())));
  if (parts == 1) return run(Kind::weights, s, x, dw, nullptr, dy);
  const Scratch sums(size_t((parts - 1) * size) * sizeof(float));
  parallel_for(parts, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t first = s.n * i / parts;
      Conv own = s;
      own.n = s.n * (i + 1) / parts - first;
      run(Kind::weights, own, x + first * s.h * s.w * s.c, i ? sums.as<float>() + (i - 1) * size : dw, nullptr, dy + first * s.out_h * s.out_w * s.out);
    }
  });
  parallel_for(size, weight_grain, [&](int64_t begin, int64_t end) {
    for (int64_t i = 1; i < parts; ++i) for (int64_t j = begin; j < end; ++j) dw[j] += sums.as<float>()[(i - 1) * size + j];
  });
}
}  // namespace

void sgemm(bool ta, bool tb, int64_t m, int64_t n, int64_t k, const float* a, int64_t lda, const float* b, int64_t ldb, float beta, float* c, int64_t ldc) {
  const LibraryScope team(2.0 * double(m) * double(n) * double(k));
  check(dnnl_sgemm(ta ? 'T' : 'N', tb ? 'T' : 'N', m, n, k, 1, a, lda, b, ldb, beta, c, ldc), "a matrix product");
}
void conv_forward(const Conv& s, const float* x, const float* w, const float* bias, float* y) { run(Kind::forward, s, x, w, bias, y); }
void conv_backward_data(const Conv& s, const float* dy, const float* w, float* dx) { run(Kind::data, s, dx, w, nullptr, dy); }
void conv_forward(const Conv& s, const bfloat16* x, const bfloat16* w, const float* bias, bfloat16* y) { run(Kind::forward, s, x, w, bias, y); }
void conv_backward_data(const Conv& s, const bfloat16* dy, const bfloat16* w, bfloat16* dx) { run(Kind::data, s, dx, w, nullptr, dy); }
void conv_backward_weights(const Conv& s, const float* x, const float* dy, float* dw) { weights_by_images(s, x, dy, dw); }
void conv_backward_weights(const Conv& s, const bfloat16* x, const bfloat16* dy, float* dw) { weights_by_images(s, x, dy, dw); }

}  // namespace mica::onednn
