#pragma once
#include "mica/core/ops/update_rules.h"

namespace mica {

// n elements of one part, by the rule's place in the list.
template <class T> using UpdateRow = void (*)(const void* coefficients, int64_t n, T* w, const T* g, T* const* s);
struct UpdateTable { UpdateRow<float> row[rule::All::size]; };
namespace v2 { extern const UpdateTable updates; }
namespace v3 { extern const UpdateTable updates; }
namespace v4 { extern const UpdateTable updates; }

}  // namespace mica
