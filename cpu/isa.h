#pragma once
// Kernel files in cpu/simd/ are compiled for x86-64-v2 (SSE4.2), v3 (AVX2, FMA) and v4 (AVX-512), each into a namespace of that name that
// holds a constant table of function pointers. Only such tables leave those files, so that no inline function of one set leaks into another.
namespace mica {

enum class Isa { v2, v3, v4 };
Isa isa();                    // the best this machine has, or the one MICA_ISA names (v2, v3, v4) if the machine has it; Error otherwise
const char* instruction_set();

template <class Table> const Table& pick(const Table& v2, const Table& v3, const Table& v4) {
  return isa() == Isa::v4 ? v4 : isa() == Isa::v3 ? v3 : v2;
}

}  // namespace mica
