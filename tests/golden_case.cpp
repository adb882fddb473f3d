#include "golden_case.h"
#include <algorithm>
#include "mica/core/ops/pointwise.h"

namespace mica::testing {

void compare(const std::string& what, const Tensor& got, const Tensor& expected, DType dtype, int64_t terms) {
  ASSERT_TRUE(got) << what << " is undefined";
  ASSERT_EQ(to_string(got.shape()), to_string(expected.shape())) << what;
  const std::vector<double> y = got.to_vector<double>(), y64 = expected.to_vector<double>();
  double largest = 0, worst = 0;
  for (double v : y64) if (std::isfinite(v)) largest = std::max(largest, std::abs(v));
  size_t at = 0;
  for (size_t i = 0; i < y.size(); ++i) {
    if (y[i] == y64[i] || (std::isnan(y[i]) && std::isnan(y64[i]))) continue;
    const double ratio = std::abs(y[i] - y64[i]) / (dtype == f64 ? 1e-10 * std::max(largest, 1e-10) : bound(y64[i], largest, terms, dtype));
    if (!(ratio <= worst)) { worst = ratio; at = i; }
  }
  EXPECT_LE(worst, 1) << what << ": element " << at << " is " << y[at] << ", expected " << y64[at] << " in " << name_of(dtype);
}

namespace {
void run(GoldenFile& file, const GoldenCase& c, DType dtype) {
  const auto name = [&](const char* kind, size_t i) { return c.name + "/" + kind + std::to_string(i); };
  Inputs x(8);
  for (size_t i = 0; i < x.size(); ++i) if (file.has(name("x", i))) {
    x[i] = clone(file.at(name("x", i)));
    if (is_float(x[i].dtype())) x[i] = cast(x[i], dtype);
    if (file.has(name("dx", i))) x[i].set_requires_grad();
  }
  const Outputs y = c.op(x);
  const bool reuses = std::any_of(y.begin(), y.end(), [](const Tensor& t) { return t.requires_grad() && t.is_leaf(); });
  for (size_t i = 0; i < y.size(); ++i) {
    const Tensor expected = file.at(name("y", i));
    if (!is_float(expected.dtype())) { EXPECT_EQ(y[i].dtype(), expected.dtype()) << name("y", i); }
    else { EXPECT_TRUE(is_float(y[i].dtype())) << name("y", i); }
    compare(name("y", i), y[i], expected, dtype, c.terms);
    if (file.has(name("w", i))) y[i].backward(cast(file.at(name("w", i)), y[i].dtype()), {.retain_graph = i + 1 < y.size() || reuses});
  }
  for (size_t i = 0; i < x.size(); ++i) if (file.has(name("dx", i))) {
    const Tensor expected = file.at(name("dx", i));
    if (!x[i].grad() && expected.size() == 0) continue;
    compare(name("dx", i), x[i].grad(), expected, dtype, c.terms);
  }
}
}  // namespace

void check(GoldenFile& file, const GoldenCase& c, std::initializer_list<DType> dtypes) {
  SCOPED_TRACE(c.name);
  try {
    for (DType dtype : dtypes) run(file, c, dtype);
    for (const std::string& left : file.unused(c.name + "/"))
      if (left.find('/', c.name.size() + 1) == std::string::npos) ADD_FAILURE() << left << " is not used";
  } catch (const std::exception& e) {
    ADD_FAILURE() << c.name << ": " << e.what();
  }
}

std::string differing(const std::set<std::string>& in_file, const std::vector<GoldenCase>& rows) {
  std::set<std::string> in_table;
  std::string text;
  for (const GoldenCase& row : rows) if (!in_table.insert(row.name).second) text += row.name + " has two rows\n";
  for (const std::string& name : in_file) if (!in_table.contains(name)) text += name + " has no row\n";
  for (const std::string& name : in_table) if (!in_file.contains(name)) text += name + " is not in the file\n";
  return text;
}

}  // namespace mica::testing
