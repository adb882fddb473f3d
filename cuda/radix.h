#pragma once
#include "mica/core/context.h"
#include <cstdint>
namespace mica {

// Sorts n < 2^32 pairs by bits [0, bits) of their keys; equal keys keep their order. Nothing waits. Key: uint32_t or uint64_t. Deterministic.
template <class Key> void sort_pairs(const Cuda& on, const Key* keys, Key* sorted_keys, const uint32_t* values, uint32_t* sorted_values, int64_t n, int bits);

}  // namespace mica
