#include "mica/cpu/half.h"
#include "mica/cpu/half_table.h"
#include "mica/cpu/isa.h"

namespace mica {
namespace {
const HalfTable& table() { static const HalfTable& t = pick(v2::half, v3::half, v4::half); return t; }
}  // namespace

void convert(const bfloat16* x, float* y, int64_t n) { table().widen_bf16(x, n, y); }
void convert(const float16* x, float* y, int64_t n) { table().widen_f16(x, n, y); }
void convert(const float* x, bfloat16* y, int64_t n) { table().narrow_bf16(x, n, y); }
void convert(const float* x, float16* y, int64_t n) { table().narrow_f16(x, n, y); }

}  // namespace mica
