#include "onnx_node.h"
// The node tests of ONNX (tools/golden/onnx_nodes.py), each through mica's op.

using namespace mica;
using namespace mica::testing;
using nlohmann::json;

namespace {
// What mica cannot do, by design or not yet.
const std::map<std::string, std::vector<std::string>> unsupported = {
    {"three spatial dimensions", {"averagepool_3d_dilations_small", "maxpool_3d_dilations", "maxpool_3d_dilations_use_ref_impl", "converted/AvgPool3d",
      "converted/AvgPool3d_stride", "converted/AvgPool3d_stride1_pad0_gpu_input", "converted/Conv3d", "converted/Conv3d_dilated", "converted/Conv3d_dilated_strided",
      "converted/Conv3d_groups", "converted/Conv3d_no_bias", "converted/Conv3d_stride", "converted/Conv3d_stride_padding", "converted/MaxPool3d",
      "converted/MaxPool3d_stride", "converted/MaxPool3d_stride_padding"}},
    {"dilated average pooling", {"averagepool_2d_dilations"}},
    {"pooling of integers", {"maxpool_2d_uint8"}},
    {"max_pool2d gives no indices", {"maxpool_with_argmax_2d_precomputed_pads", "maxpool_with_argmax_2d_precomputed_strides"}},
    {"dropout gives no mask", {"dropout_default_mask", "dropout_default_mask_ratio", "training_dropout_zero_ratio_mask"}},
    {"a mask drawn by NumPy", {"training_dropout", "training_dropout_default", "training_dropout_default_mask", "training_dropout_mask"}},
    {"division of integers gives floats, as in PyTorch", {"div_int32_trunc", "div_uint8"}},
    {"pow of integers gives floats", {"pow_types_int32_float32", "pow_types_int32_int32", "pow_types_int64_float32", "pow_types_int64_int64"}},
    {"cumsum of integers gives i64, as in PyTorch", {"cumsum_1d_int32_exclusive", "cumsum_2d_int32"}},
    {"max and min of nothing are an error, as in PyTorch", {"reduce_max_empty_set", "reduce_max_empty_set_bool", "reduce_min_empty_set"}},
    {"an id out of range is an error, as in PyTorch", {"onehot_out_of_range_indices"}},
    {"negative steps", {"slice_neg_steps"}},
    {"padding that wraps around", {"wrap_pad"}},
};
// Written down to four decimals by ONNX's authors, inputs and outputs: means of them differ by up to one unit of the last.
const std::string four_decimals = "averagepool_2d_ceil_last_window_starts_on_pad";

struct OnnxNodes : ::testing::Test {
  GoldenFile file{"onnx_nodes"};
  json about = json::parse(file.metadata("tests"));
};

void run(GoldenFile& file, const std::string& name, const json& node, bool wide) {
  const OnnxOp& op = onnx_ops().at(node["op"]);
  const Node n(file, name, node["attributes"], wide);
  const Outputs y = op.run(n);
  ASSERT_EQ(n.unread(), std::vector<std::string>{}) << name << ": attributes that were not read";
  ASSERT_GE(int(y.size()), n.outputs) << name;
  int64_t terms = 1;
  if (op.sums) for (const Tensor& x : n.all()) terms = std::max(terms, x.size());
  for (int i = 0; i < n.outputs; ++i) {
    const std::string at = name + "/y" + std::to_string(i);
    const Tensor expected = file.at(at), got = y[size_t(i)];
    if (!wide) { EXPECT_EQ(got.dtype(), expected.dtype()) << at; }
    if (name == four_decimals) EXPECT_LE(max(abs(got - expected)).item(), 1.01e-4) << at;
    else compare(at, got, expected, is_float(expected.dtype()) ? expected.dtype() : f64, terms);
  }
}
}  // namespace

TEST_F(OnnxNodes, GiveWhatOnnxExpects) {
  std::map<std::string, std::string> reasons;
  for (const auto& [reason, names] : unsupported) for (const std::string& name : names) reasons[name] = reason;
  int passed = 0;
  for (const auto& [name, node] : about["nodes"].items()) {
    if (reasons.contains(name)) continue;
    SCOPED_TRACE(name);
    try {
      for (bool wide : {false, true}) if (!wide || node["op"] != "Cast") run(file, name, node, wide);
      ++passed;
    } catch (const std::exception& e) {
      ADD_FAILURE() << e.what();
    }
  }
  std::map<std::string, int> left;
  for (const auto& [name, reason] : reasons) ++left[reason];
  for (const auto& [name, reason] : about["skipped"].items()) ++left[reason];
  std::printf("%d node tests of %zu ops; left out:\n", passed, onnx_ops().size());
  for (const auto& [reason, count] : left) std::printf("  %3d  %s\n", count, reason.c_str());
}

// Every op in the file has its row, every row its op, and every name above its case.
TEST_F(OnnxNodes, HaveTheirRows) {
  std::set<std::string> in_file, rows, cases, named;
  for (const auto& [name, node] : about["nodes"].items()) { in_file.insert(node["op"]); cases.insert(name); }
  for (const auto& [name, op] : onnx_ops()) rows.insert(name);
  EXPECT_EQ(in_file, rows);
  EXPECT_EQ(file.cases(), cases);
  for (const auto& [reason, names] : unsupported) for (const std::string& name : names) {
    EXPECT_TRUE(cases.contains(name)) << name;
    EXPECT_TRUE(named.insert(name).second) << name << " is listed twice";
  }
}
