#include "mica/tests/emulator/library_double.h"
#include <cmath>
#include <cstring>
#include "mica/tests/emulator/arena.h"
#include "mica/tests/emulator/race.h"
#include "mica/tests/emulator/report.h"
#include "mica/tests/emulator/stream.h"

namespace mica::emulator {
namespace {
// The float next to value towards zero, with its last bit set where that is not value: rounding it again, to fewer bits, is as rounding value.
float to_odd(double value) {
  const float near = float(value);
  if (std::isnan(value) || double(near) == value) return near;
  const float toward_zero = std::fabs(double(near)) > std::fabs(value) ? std::nextafter(near, 0.0f) : near;
  return std::bit_cast<float>(std::bit_cast<uint32_t>(toward_zero) | 1u);
}
}  // namespace

void misuse(const char* function, const std::string& what) { report("misused library", std::string(function) + what, std::string(function) + ": " + what); }

bool check_spans(const char* function, const std::vector<Span>& spans) {
  for (size_t i = 0; i < spans.size(); ++i) {
    const auto& s = spans[i];
    if (s.bytes == 0 || arena().find(s.p, s.bytes)) continue;
    const bool device = s.p && arena().contains(s.p);
    misuse(function, std::to_string(s.bytes) + " bytes of its operand " + std::to_string(i) + " are not in one device allocation: " +
                         (device ? arena().describe(s.p) : s.p ? "it is host memory" : "it is null"));
    return false;
  }
  return true;
}

cudaError_t queue(cudaStream_t handle, const char* function, const void* code, std::vector<Span> spans, std::function<void()> run, Span workspace) {
  Stream* s = stream_of(handle);
  if (!s) {
    misuse(function, "the stream does not exist");
    return cudaErrorInvalidResourceHandle;
  }
  workspace.write = true;
  if (workspace.bytes) spans.push_back(workspace);
  const Origin origin{function, code};
  return enqueue(*s, {origin, [=] {
                        for (const auto& span : spans)
                          if (span.bytes && !arena().find(span.p, span.bytes)) {
                            report("use after free", origin.text(), origin.text() + " touches " + arena().describe(span.p));
                            return;
                          }
                        if (workspace.bytes) std::memset(const_cast<void*>(workspace.p), 0xff, workspace.bytes);
                        for (const auto& span : spans)
                          if (span.bytes) race::copied(span.p, span.bytes, span.write);
                        run();
                      }});
}

double element(const void* p, DType type, int64_t i) {
  switch (type) {
    case DType::f64: return static_cast<const double*>(p)[i];
    case DType::f32: return double(static_cast<const float*>(p)[i]);
    case DType::f16: return double(float(static_cast<const float16*>(p)[i]));
    case DType::bf16: return double(float(static_cast<const bfloat16*>(p)[i]));
    default: return std::nan("");
  }
}

void set_element(void* p, DType type, int64_t i, double value) {
  switch (type) {
    case DType::f64: static_cast<double*>(p)[i] = value; break;
    case DType::f32: static_cast<float*>(p)[i] = float(value); break;
    case DType::f16: static_cast<float16*>(p)[i] = float16(to_odd(value)); break;
    case DType::bf16: static_cast<bfloat16*>(p)[i] = bfloat16(to_odd(value)); break;
    default: break;
  }
}

double rounded(DType type, double value) {
  double memory;
  set_element(&memory, type, 0, value);
  return element(&memory, type, 0);
}

double tf32(double value) {
  if (!std::isfinite(value)) return value;
  const uint32_t bits = std::bit_cast<uint32_t>(float(value));
  return double(std::bit_cast<float>((bits + 0xfffu + (bits >> 13 & 1)) & ~0x1fffu));
}

std::vector<double> elements(const void* p, DType type, int64_t n) {
  std::vector<double> result(static_cast<size_t>(n));
  for (int64_t i = 0; i < n; ++i) result[size_t(i)] = element(p, type, i);
  return result;
}

size_t& library_objects() {
  static size_t count = 0;
  return count;
}

}  // namespace mica::emulator
