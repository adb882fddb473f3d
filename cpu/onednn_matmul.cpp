#include <array>
#include <unordered_map>
#include <dnnl.hpp>
#include "mica/core/error.h"
#include "mica/cpu/gemm.h"
#include "mica/cpu/isa.h"
#include "mica/cpu/onednn.h"
#include "mica/cpu/parallel.h"
// bf16 products run in oneDNN's primitive, which takes both operands as they lie. One is made per shape and thread, and kept.
namespace mica::onednn {
namespace {
using dnnl::memory;
constexpr size_t most_primitives = 256;  // per thread; then all are made again

const dnnl::engine& engine() { static const auto& e = *new dnnl::engine(dnnl::engine::kind::cpu, 0); return e; }  // outlives all threads

struct Product {
  dnnl::matmul run;
  memory a, b, c, bias;
};
using Key = std::array<int64_t, 10>;  // rows, columns, terms, strides of a and b, row of c, its dtype, bias, threads
struct Hash {
  size_t operator()(const Key& key) const {
    uint64_t h = 0;
    for (int64_t v : key) h = (h ^ uint64_t(v)) * 0x9e3779b97f4a7c15u, h ^= h >> 29;
    return h;
  }
};
Product make(const Key& k) {
  const auto half = memory::data_type::bf16, wide = memory::data_type::f32;
  const auto [rows, columns, terms, a_row, a_column, b_row, b_column, c_row, kind, threads] = k;
  const memory::desc a({rows, terms}, half, memory::dims{a_row, a_column}), b({terms, columns}, half, memory::dims{b_row, b_column});
  const memory::desc c({rows, columns}, kind & 1 ? half : wide, memory::dims{c_row, 1}), bias({1, columns}, wide, memory::dims{columns, 1});
  const dnnl::matmul::desc d = kind & 2 ? dnnl::matmul::desc(a, b, bias, c) : dnnl::matmul::desc(a, b, c);
  auto at_no_address = [](const memory::desc& m) { return memory(m, engine(), nullptr); };
  return {dnnl::matmul({d, engine()}), at_no_address(a), at_no_address(b), at_no_address(c), at_no_address(bias)};
}
// What oneDNN takes: one stride is 1, the other reaches over it.
bool normalise(Matrix& m) {
  if (m.rows == 1) m.row = m.column == 1 ? m.columns : 1;
  if (m.columns == 1) m.column = 1;
  return (m.column == 1 && m.row >= m.columns) || (m.row == 1 && m.column >= m.rows);
}
}  // namespace

bool has_bf16() {
  static const bool has = isa() == Isa::v4 && (unsigned(dnnl::get_effective_cpu_isa()) & unsigned(dnnl::cpu_isa::avx512_core_bf16)) == unsigned(dnnl::cpu_isa::avx512_core_bf16);
  return has;
}

bool gemm_bf16(const bfloat16* a, Matrix as, const bfloat16* b, Matrix bs, const float* bias, void* c, DType c_type, Matrix cs) {
  if (!has_bf16() || !normalise(as) || !normalise(bs) || !normalise(cs) || cs.column != 1 || as.columns == 0 || cs.rows == 0 || cs.columns == 0) return false;
  try {
    const LibraryScope team(2.0 * double(cs.rows) * double(cs.columns) * double(as.columns));
    thread_local std::unordered_map<Key, Product, Hash> made;
    thread_local dnnl::stream stream(engine());
    const Key key{cs.rows, cs.columns, as.columns, as.row, as.column, bs.row, bs.column, cs.row, (c_type == bf16) + 2 * (bias != nullptr), team.threads()};
    auto found = made.find(key);
    if (found == made.end()) {
      if (made.size() == most_primitives) made.clear();
      found = made.emplace(key, make(key)).first;
    }
    Product& p = found->second;
    p.a.set_data_handle(const_cast<bfloat16*>(a));
    p.b.set_data_handle(const_cast<bfloat16*>(b));
    p.c.set_data_handle(c);
    if (bias) p.bias.set_data_handle(const_cast<float*>(bias));
    const dnnl_exec_arg_t args[] = {{DNNL_ARG_SRC, p.a.get()}, {DNNL_ARG_WEIGHTS, p.b.get()}, {DNNL_ARG_DST, p.c.get()}, {DNNL_ARG_BIAS, p.bias.get()}};
    dnnl::error::wrap_c_api(dnnl_primitive_execute(p.run.get(), stream.get(), bias ? 4 : 3, args), "a matrix product");
  } catch (const dnnl::error& e) {
    throw Error(std::string("oneDNN: a matrix product of bf16: ") + e.message + " (status " + std::to_string(int(e.status)) + ")");
  }
  return true;
}

}  // namespace mica::onednn
