#include "mica/cuda/product_choice.h"
#include <optional>
#include "mica/cuda/choice.h"
#include "mica/cuda/cublaslt.h"
#include "mica/cuda/cublaslt_table.h"

namespace mica {
namespace {
// One matrix as cuBLASLt takes it: rows of neighbours, or columns of neighbours.
struct Side {
  bool transposed;
  int64_t ld;
};
std::optional<Side> side(int64_t rows, int64_t columns, int64_t row, int64_t column) {
  if ((column == 1 || columns == 1) && (row >= columns || rows == 1)) return Side{false, rows == 1 ? std::max(columns, row) : row};
  if ((row == 1 || rows == 1) && (column >= rows || columns == 1)) return Side{true, columns == 1 ? std::max(rows, column) : column};
  return std::nullopt;
}

// The same product for cuBLASLt; nothing where it has no such one.
std::optional<LtMatmul> for_library(const Gemm& g) {
  if (!is_float(g.type) || g.k == 0 || g.sum.rank > 0 || g.batch.rank > 1) return std::nullopt;
  if (g.bias && (g.bias_type != g.c_type || g.add)) return std::nullopt;
  auto a = side(g.m, g.k, g.a_row, g.a_column), b = side(g.k, g.n, g.b_row, g.b_column), c = side(g.m, g.n, g.c_row, g.c_column);
  if (!a || !b || !c) return std::nullopt;
  LtMatmul m{.type = g.type, .c_type = g.c_type, .transpose_a = a->transposed, .transpose_b = b->transposed, .m = g.m, .n = g.n, .k = g.k, .a = g.a, .lda = a->ld, .b = g.b,
             .ldb = b->ld, .c = g.c, .ldc = c->ld, .beta = g.add ? 1.0 : 0.0, .tf32 = uses_tf32(g.type)};
  if (g.batch.rank == 1) {
    m.batch = g.batch.size[0];
    m.stride_c = g.batch.stride[0][0];
    m.stride_a = g.batch.stride[1][0];
    m.stride_b = g.batch.stride[2][0];
    // Matrices that lie one behind the other, not one inside the other.
    const auto apart = [](int64_t step, const Side& s, int64_t rows, int64_t columns) { return step >= (s.transposed ? (columns - 1) * s.ld + rows : (rows - 1) * s.ld + columns); };
    if (!apart(m.stride_c, *c, g.m, g.n) || (m.stride_a && !apart(m.stride_a, *a, g.m, g.k)) || (m.stride_b && !apart(m.stride_b, *b, g.k, g.n))) return std::nullopt;
  }
  if (c->transposed) {  // c^T = b^T a^T
    if (g.bias) return std::nullopt;
    std::swap(m.m, m.n);
    std::swap(m.a, m.b);
    std::swap(m.lda, m.ldb);
    std::swap(m.stride_a, m.stride_b);
    m.transpose_a = !b->transposed;
    m.transpose_b = !a->transposed;
  }
  if (g.bias) { m.epilogue = LtEpilogue::bias; m.bias = const_cast<void*>(g.bias); }
  return m;
}
int64_t alignment(const void* p) { return std::min<int64_t>(16, int64_t(reinterpret_cast<uintptr_t>(p) & -reinterpret_cast<uintptr_t>(p))); }
}  // namespace

void chosen_product(const Cuda& on, const char* op, const Gemm& g) {
  const ChoiceKey key(op, {int64_t(g.type), int64_t(g.c_type), g.m, g.n, g.k, g.a_row, g.a_column, g.b_row, g.b_column, g.c_row, g.c_column, g.batch.count, g.sum.count, g.add,
                           g.bias ? 1 + int64_t(g.bias_type) : 0, alignment(g.a), alignment(g.b), alignment(g.c), uses_tf32(g.type)});
  // What is added to c must be added once: it is not measured.
  if (g.add) return gemm(on, g);
  own_or_library(on, key, "cublaslt", has_cublaslt(), [&] { gemm(on, g); }, [&] { return library_product(on, g); });
}
bool library_product(const Cuda& on, const Gemm& g) {
  const auto m = for_library(g);
  if (!m || !cublaslt_supports(on, *m)) return false;
  cublaslt_matmul(on, *m);
  return true;
}

}  // namespace mica
