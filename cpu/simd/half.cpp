#include "mica/cpu/half_table.h"
#include "mica/cpu/simd/batch.h"

namespace mica::MICA_ISA {
template <class X, class Y> void convert_row(const X* x, int64_t n, Y* y) {
  each(n, [=](auto io, int64_t i) { io.store(io.load(x + i), y + i); });
}
constinit const HalfTable half{&convert_row<bfloat16, float>, &convert_row<float, bfloat16>, &convert_row<float16, float>, &convert_row<float, float16>};
}  // namespace mica::MICA_ISA
