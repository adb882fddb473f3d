#include <cuda_bf16.h>
#include <cuda_runtime.h>
#include <cudnn.h>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>
// cuDNN's two interfaces on the convolutions of ResNet-50 in bf16, channels-last: the function API (legacy) and the graph API.
//
//   cudnn_apis [--batch 256] [--limit SECONDS] [--out FILE]
//
// For each shape and pass: the fastest deterministic algorithm of each interface among those its heuristics offer, timed in turns (the median of 5
// rounds of about 20 ms). Prints one line of JSON each, and the sums over the network. Exit status 1: the time was not enough for all.
namespace {
void check(cudaError_t error) { if (error != cudaSuccess) throw std::runtime_error(cudaGetErrorString(error)); }
void check(cudnnStatus_t status) { if (status != CUDNN_STATUS_SUCCESS) throw std::runtime_error(cudnnGetErrorString(status)); }

struct Shape { int c, out, size, kernel, stride, count; };  // size: of the input's sides; count: how often the network has it
constexpr Shape shapes[] = {
    {3, 64, 224, 7, 2, 1},
    {64, 64, 56, 1, 1, 1}, {256, 64, 56, 1, 1, 2}, {64, 64, 56, 3, 1, 3}, {64, 256, 56, 1, 1, 4},
    {256, 128, 56, 1, 1, 1}, {512, 128, 28, 1, 1, 3}, {128, 128, 56, 3, 2, 1}, {128, 128, 28, 3, 1, 3}, {128, 512, 28, 1, 1, 4}, {256, 512, 56, 1, 2, 1},
    {512, 256, 28, 1, 1, 1}, {1024, 256, 14, 1, 1, 5}, {256, 256, 28, 3, 2, 1}, {256, 256, 14, 3, 1, 5}, {256, 1024, 14, 1, 1, 6}, {512, 1024, 28, 1, 2, 1},
    {1024, 512, 14, 1, 1, 1}, {2048, 512, 7, 1, 1, 2}, {512, 512, 14, 3, 2, 1}, {512, 512, 7, 3, 1, 2}, {512, 2048, 7, 1, 1, 3}, {1024, 2048, 14, 1, 2, 1}};
enum Pass { forward, data_gradient, weight_gradient };
const char* const pass_names[] = {"forward", "data gradient", "weight gradient"};

// Device memory with random numbers.
class Buffer {
 public:
  explicit Buffer(size_t bytes) : bytes_(std::max<size_t>(bytes, 16)) {
    check(cudaMalloc(&p_, bytes_));
    static const std::vector<__nv_bfloat16> numbers = [] {
      std::mt19937 random(1);
      std::normal_distribution<float> normal;
      std::vector<__nv_bfloat16> v(1 << 20);
      for (auto& x : v) x = __float2bfloat16(normal(random));
      return v;
    }();
    for (size_t at = 0; at < bytes_; at += numbers.size() * 2)
      check(cudaMemcpy(static_cast<char*>(p_) + at, numbers.data(), std::min(bytes_ - at, numbers.size() * 2), cudaMemcpyHostToDevice));
  }
  ~Buffer() { cudaFree(p_); }
  Buffer(const Buffer&) = delete;
  void* get() const { return p_; }

 private:
  size_t bytes_;
  void* p_ = nullptr;
};

struct Problem {
  int n;
  Shape s;
  int padding() const { return s.kernel / 2; }
  int64_t out_size() const { return (s.size + 2 * padding() - s.kernel) / s.stride + 1; }
  size_t x_bytes() const { return size_t(2) * n * s.c * s.size * s.size; }
  size_t y_bytes() const { return size_t(2) * n * s.out * size_t(out_size() * out_size()); }
  size_t w_bytes() const { return size_t(2) * s.out * s.c * s.kernel * s.kernel; }
};

double milliseconds(const std::function<void()>& run, int times) {
  cudaEvent_t start, end;
  check(cudaEventCreate(&start));
  check(cudaEventCreate(&end));
  check(cudaEventRecord(start));
  for (int i = 0; i < times; ++i) run();
  check(cudaEventRecord(end));
  check(cudaEventSynchronize(end));
  float ms = 0;
  check(cudaEventElapsedTime(&ms, start, end));
  check(cudaEventDestroy(start));
  check(cudaEventDestroy(end));
  return double(ms) / times;
}

struct Candidate {
  std::string name;
  std::function<void()> run;
};
// The fastest; those that fail are passed over.
Candidate fastest(const std::vector<Candidate>& candidates) {
  Candidate best;
  double least = 1e30;
  for (const Candidate& c : candidates) try {
    c.run();
    check(cudaDeviceSynchronize());
    const double ms = milliseconds(c.run, 3);
    if (ms < least) { least = ms; best = c; }
  } catch (const std::exception&) {
    cudaGetLastError();
  }
  return best;
}

// ---- function API
template <class Perf> bool usable(const Perf& p) { return p.status == CUDNN_STATUS_SUCCESS && p.determinism == CUDNN_DETERMINISTIC; }

std::vector<Candidate> legacy(cudnnHandle_t handle, const Problem& p, Pass pass, void* x, void* w, void* y, Buffer& workspace, size_t most) {
  cudnnTensorDescriptor_t xd, yd;
  cudnnFilterDescriptor_t wd;
  cudnnConvolutionDescriptor_t cd;
  check(cudnnCreateTensorDescriptor(&xd));
  check(cudnnCreateTensorDescriptor(&yd));
  check(cudnnCreateFilterDescriptor(&wd));
  check(cudnnCreateConvolutionDescriptor(&cd));
  const int o = int(p.out_size());
  check(cudnnSetTensor4dDescriptor(xd, CUDNN_TENSOR_NHWC, CUDNN_DATA_BFLOAT16, p.n, p.s.c, p.s.size, p.s.size));
  check(cudnnSetTensor4dDescriptor(yd, CUDNN_TENSOR_NHWC, CUDNN_DATA_BFLOAT16, p.n, p.s.out, o, o));
  check(cudnnSetFilter4dDescriptor(wd, CUDNN_DATA_BFLOAT16, CUDNN_TENSOR_NHWC, p.s.out, p.s.c, p.s.kernel, p.s.kernel));
  check(cudnnSetConvolution2dDescriptor(cd, p.padding(), p.padding(), p.s.stride, p.s.stride, 1, 1, CUDNN_CROSS_CORRELATION, CUDNN_DATA_FLOAT));
  check(cudnnSetConvolutionMathType(cd, CUDNN_TENSOR_OP_MATH));
  std::vector<Candidate> out;
  int count = 0;
  static const float one = 1, zero = 0;
  const auto add = [&](auto& perf, auto run) {
    for (int i = 0; i < count; ++i) {
      const auto a = perf[i];
      if (!usable(a) || a.memory > most) continue;
      out.push_back({"algorithm " + std::to_string(int(a.algo)), [=] { check(run(a)); }});
    }
  };
  if (pass == forward) {
    cudnnConvolutionFwdAlgoPerf_t perf[16];
    check(cudnnGetConvolutionForwardAlgorithm_v7(handle, xd, wd, cd, yd, 16, &count, perf));
    add(perf, [=, &workspace](auto a) { return cudnnConvolutionForward(handle, &one, xd, x, wd, w, cd, a.algo, workspace.get(), a.memory, &zero, yd, y); });
  } else if (pass == data_gradient) {
    cudnnConvolutionBwdDataAlgoPerf_t perf[16];
    check(cudnnGetConvolutionBackwardDataAlgorithm_v7(handle, wd, yd, cd, xd, 16, &count, perf));
    add(perf, [=, &workspace](auto a) { return cudnnConvolutionBackwardData(handle, &one, wd, w, yd, y, cd, a.algo, workspace.get(), a.memory, &zero, xd, x); });
  } else {
    cudnnConvolutionBwdFilterAlgoPerf_t perf[16];
    check(cudnnGetConvolutionBackwardFilterAlgorithm_v7(handle, xd, yd, cd, wd, 16, &count, perf));
    add(perf, [=, &workspace](auto a) { return cudnnConvolutionBackwardFilter(handle, &one, xd, x, yd, y, cd, a.algo, workspace.get(), a.memory, &zero, wd, w); });
  }
  return out;  // the descriptors live as long as the program: there are 69 of each
}

// ---- graph API. Descriptors live as long as the program, as above.
cudnnBackendDescriptor_t create(cudnnBackendDescriptorType_t type) {
  cudnnBackendDescriptor_t d;
  check(cudnnBackendCreateDescriptor(type, &d));
  return d;
}
void set(cudnnBackendDescriptor_t d, cudnnBackendAttributeName_t name, cudnnBackendAttributeType_t type, int64_t count, const void* values) {
  check(cudnnBackendSetAttribute(d, name, type, count, values));
}
void set(cudnnBackendDescriptor_t d, cudnnBackendAttributeName_t name, const cudnnBackendDescriptor_t& value) {
  set(d, name, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &value);
}

cudnnBackendDescriptor_t tensor(int64_t id, const std::vector<int64_t>& nchw) {
  const int64_t n = nchw[0], c = nchw[1], h = nchw[2], w = nchw[3], strides[] = {c * h * w, 1, c * w, c}, alignment = 16, sizes[] = {n, c, h, w};
  const cudnnDataType_t type = CUDNN_DATA_BFLOAT16;
  const auto d = create(CUDNN_BACKEND_TENSOR_DESCRIPTOR);
  set(d, CUDNN_ATTR_TENSOR_DATA_TYPE, CUDNN_TYPE_DATA_TYPE, 1, &type);
  set(d, CUDNN_ATTR_TENSOR_DIMENSIONS, CUDNN_TYPE_INT64, 4, sizes);
  set(d, CUDNN_ATTR_TENSOR_STRIDES, CUDNN_TYPE_INT64, 4, strides);
  set(d, CUDNN_ATTR_TENSOR_UNIQUE_ID, CUDNN_TYPE_INT64, 1, &id);
  set(d, CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, CUDNN_TYPE_INT64, 1, &alignment);
  check(cudnnBackendFinalize(d));
  return d;
}

bool deterministic(cudnnBackendDescriptor_t config) {
  auto engine = create(CUDNN_BACKEND_ENGINE_DESCRIPTOR);
  int64_t count = 0;
  check(cudnnBackendGetAttribute(config, CUDNN_ATTR_ENGINECFG_ENGINE, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &count, &engine));
  cudnnBackendNumericalNote_t notes[CUDNN_NUMERICAL_NOTE_TYPE_COUNT];
  check(cudnnBackendGetAttribute(engine, CUDNN_ATTR_ENGINE_NUMERICAL_NOTE, CUDNN_TYPE_NUMERICAL_NOTE, CUDNN_NUMERICAL_NOTE_TYPE_COUNT, &count, notes));
  return std::find(notes, notes + count, CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC) == notes + count;
}

std::vector<Candidate> graph(cudnnHandle_t handle, const Problem& p, Pass pass, void* x, void* w, void* y, Buffer& workspace, size_t most) {
  const int64_t o = p.out_size(), two = 2, ones[] = {1, 1}, strides[] = {p.s.stride, p.s.stride}, padding[] = {p.padding(), p.padding()};
  const cudnnDataType_t compute = CUDNN_DATA_FLOAT;
  const cudnnConvolutionMode_t mode = CUDNN_CROSS_CORRELATION;
  const auto xd = tensor(1, {p.n, p.s.c, p.s.size, p.s.size}), wd = tensor(2, {p.s.out, p.s.c, p.s.kernel, p.s.kernel}), yd = tensor(3, {p.n, p.s.out, o, o});
  const auto conv = create(CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR);
  set(conv, CUDNN_ATTR_CONVOLUTION_COMP_TYPE, CUDNN_TYPE_DATA_TYPE, 1, &compute);
  set(conv, CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_TYPE_CONVOLUTION_MODE, 1, &mode);
  set(conv, CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, CUDNN_TYPE_INT64, 1, &two);
  set(conv, CUDNN_ATTR_CONVOLUTION_DILATIONS, CUDNN_TYPE_INT64, 2, ones);
  set(conv, CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, CUDNN_TYPE_INT64, 2, strides);
  set(conv, CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, CUDNN_TYPE_INT64, 2, padding);
  set(conv, CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, CUDNN_TYPE_INT64, 2, padding);
  check(cudnnBackendFinalize(conv));

  const float one = 1, zero = 0;
  cudnnBackendDescriptor_t operation;
  const auto fill = [&](cudnnBackendDescriptorType_t type, cudnnBackendAttributeName_t conv_name, cudnnBackendAttributeName_t x_name, cudnnBackendAttributeName_t w_name,
                        cudnnBackendAttributeName_t y_name, cudnnBackendAttributeName_t alpha, cudnnBackendAttributeName_t beta) {
    operation = create(type);
    set(operation, conv_name, conv);
    set(operation, x_name, xd);
    set(operation, w_name, wd);
    set(operation, y_name, yd);
    set(operation, alpha, CUDNN_TYPE_FLOAT, 1, &one);
    set(operation, beta, CUDNN_TYPE_FLOAT, 1, &zero);
    check(cudnnBackendFinalize(operation));
  };
  if (pass == forward)
    fill(CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X,
         CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y, CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA,
         CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA);
  else if (pass == data_gradient)
    fill(CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX,
         CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA,
         CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA);
  else
    fill(CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X,
         CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY, CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA,
         CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_BETA);

  const auto operations = create(CUDNN_BACKEND_OPERATIONGRAPH_DESCRIPTOR);
  set(operations, CUDNN_ATTR_OPERATIONGRAPH_OPS, operation);
  set(operations, CUDNN_ATTR_OPERATIONGRAPH_HANDLE, CUDNN_TYPE_HANDLE, 1, &handle);
  check(cudnnBackendFinalize(operations));
  const cudnnBackendHeurMode_t heuristic = CUDNN_HEUR_MODE_A;
  const auto heuristics = create(CUDNN_BACKEND_ENGINEHEUR_DESCRIPTOR);
  set(heuristics, CUDNN_ATTR_ENGINEHEUR_OPERATION_GRAPH, operations);
  set(heuristics, CUDNN_ATTR_ENGINEHEUR_MODE, CUDNN_TYPE_HEUR_MODE, 1, &heuristic);
  check(cudnnBackendFinalize(heuristics));
  std::vector<cudnnBackendDescriptor_t> configs;
  for (int i = 0; i < 8; ++i) configs.push_back(create(CUDNN_BACKEND_ENGINECFG_DESCRIPTOR));
  int64_t count = 0;
  check(cudnnBackendGetAttribute(heuristics, CUDNN_ATTR_ENGINEHEUR_RESULTS, CUDNN_TYPE_BACKEND_DESCRIPTOR, int64_t(configs.size()), &count, configs.data()));

  const int64_t ids[] = {1, 2, 3};
  void *const pointers[] = {x, w, y}, *const scratch = workspace.get();
  const auto pack = create(CUDNN_BACKEND_VARIANT_PACK_DESCRIPTOR);
  set(pack, CUDNN_ATTR_VARIANT_PACK_UNIQUE_IDS, CUDNN_TYPE_INT64, 3, ids);
  set(pack, CUDNN_ATTR_VARIANT_PACK_DATA_POINTERS, CUDNN_TYPE_VOID_PTR, 3, pointers);
  set(pack, CUDNN_ATTR_VARIANT_PACK_WORKSPACE, CUDNN_TYPE_VOID_PTR, 1, &scratch);
  check(cudnnBackendFinalize(pack));
  std::vector<Candidate> out;
  for (int64_t i = 0; i < std::min<int64_t>(count, int64_t(configs.size())); ++i) try {
    if (!deterministic(configs[size_t(i)])) continue;
    const auto plan = create(CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR);
    set(plan, CUDNN_ATTR_EXECUTION_PLAN_HANDLE, CUDNN_TYPE_HANDLE, 1, &handle);
    set(plan, CUDNN_ATTR_EXECUTION_PLAN_ENGINE_CONFIG, configs[size_t(i)]);
    check(cudnnBackendFinalize(plan));
    int64_t bytes = 0, one_value = 0;
    check(cudnnBackendGetAttribute(plan, CUDNN_ATTR_EXECUTION_PLAN_WORKSPACE_SIZE, CUDNN_TYPE_INT64, 1, &one_value, &bytes));
    if (size_t(bytes) <= most) out.push_back({"plan " + std::to_string(i), [=] { check(cudnnBackendExecute(handle, plan, pack)); }});
  } catch (const std::exception&) {  // an engine that does not take this problem
  }
  return out;
}

double median(std::vector<double> v) {
  std::sort(v.begin(), v.end());
  return v[v.size() / 2];
}
}  // namespace

int main(int argc, char** argv) try {
  int batch = 256;
  double limit = 1e9;
  for (int i = 1; i + 1 < argc; i += 2) {
    if (std::string(argv[i]) == "--batch") batch = std::atoi(argv[i + 1]);
    else if (std::string(argv[i]) == "--limit") limit = std::atof(argv[i + 1]);
    else if (std::string(argv[i]) != "--out") throw std::runtime_error(std::string("there is no option ") + argv[i]);
    else if (!std::freopen(argv[i + 1], "w", stdout)) throw std::runtime_error(std::string("cannot write ") + argv[i + 1]);
  }
  int devices = 0;
  if (cudaGetDeviceCount(&devices) != cudaSuccess || devices == 0) throw std::runtime_error("there is no GPU on this machine");
  cudnnHandle_t handle;
  check(cudnnCreate(&handle));
  const size_t most = size_t(512) << 20;
  Buffer workspace(most);
  const auto begin = std::chrono::steady_clock::now();
  double sums[3][2] = {};
  for (const Shape& s : shapes) {
    const Problem p{batch, s};
    const Buffer x(p.x_bytes()), w(p.w_bytes()), y(p.y_bytes());
    for (const Pass pass : {forward, data_gradient, weight_gradient}) {
      if (pass == data_gradient && s.c == 3) continue;  // nobody needs the images' gradient
      if (std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count() > limit) throw std::runtime_error("the time limit came before all shapes were measured");
      const Candidate a = fastest(legacy(handle, p, pass, x.get(), w.get(), y.get(), workspace, most));
      const Candidate b = fastest(graph(handle, p, pass, x.get(), w.get(), y.get(), workspace, most));
      if (!a.run || !b.run) throw std::runtime_error(std::string("no deterministic ") + pass_names[pass] + (a.run ? " in the graph API" : " in the function API"));
      std::vector<double> ms[2];
      for (int round = 0; round < 5; ++round)
        for (int side = 0; side < 2; ++side) {
          const auto& run = side ? b.run : a.run;
          ms[side].push_back(milliseconds(run, std::max(3, int(20 / milliseconds(run, 1)))));
        }
      const double legacy_ms = median(ms[0]), graph_ms = median(ms[1]);
      sums[pass][0] += s.count * legacy_ms;
      sums[pass][1] += s.count * graph_ms;
      std::printf("{\"table\": \"cuDNN, bf16, batch %d: ms\", \"shape\": \"%d -> %d, %dx%d, kernel %d, stride %d\", \"times\": %d, \"pass\": \"%s\", \"legacy\": %.4f, \"graph\": %.4f, "
                  "\"legacy / graph\": %.3f, \"by\": \"%s, %s\"}\n", batch, s.c, s.out, s.size, s.size, s.kernel, s.stride, s.count, pass_names[pass], legacy_ms, graph_ms,
                  legacy_ms / graph_ms, a.name.c_str(), b.name.c_str());
      std::fflush(stdout);
    }
  }
  for (int pass = 0; pass < 3; ++pass)
    std::printf("{\"table\": \"cuDNN, bf16, batch %d: sums over the network, ms\", \"pass\": \"%s\", \"legacy\": %.3f, \"graph\": %.3f, \"legacy / graph\": %.3f}\n", batch, pass_names[pass],
                sums[pass][0], sums[pass][1], sums[pass][0] / sums[pass][1]);
} catch (const std::exception& e) {
  std::fprintf(stderr, "cudnn_apis: %s\n", e.what());
  return 1;
}
