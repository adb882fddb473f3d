#pragma once
#include <cudnn.h>
#include <string>
namespace mica {

// The functions of cuDNN that mica calls.
struct Cudnn {
  decltype(&cudnnCreate) create = nullptr;
  decltype(&cudnnDestroy) destroy = nullptr;
  decltype(&cudnnSetStream) set_stream = nullptr;
  decltype(&cudnnGetVersion) version = nullptr;
  decltype(&cudnnGetErrorString) error_string = nullptr;
  decltype(&cudnnGetLastErrorString) last_error_string = nullptr;
  // Descriptors.
  decltype(&cudnnCreateTensorDescriptor) create_tensor = nullptr;
  decltype(&cudnnDestroyTensorDescriptor) destroy_tensor = nullptr;
  decltype(&cudnnSetTensor4dDescriptor) set_tensor = nullptr;
  decltype(&cudnnCreateFilterDescriptor) create_filter = nullptr;
  decltype(&cudnnDestroyFilterDescriptor) destroy_filter = nullptr;
  decltype(&cudnnSetFilter4dDescriptor) set_filter = nullptr;
  decltype(&cudnnCreateConvolutionDescriptor) create_convolution = nullptr;
  decltype(&cudnnDestroyConvolutionDescriptor) destroy_convolution = nullptr;
  decltype(&cudnnSetConvolution2dDescriptor) set_convolution = nullptr;
  decltype(&cudnnSetConvolutionMathType) set_convolution_math = nullptr;
  decltype(&cudnnSetConvolutionGroupCount) set_convolution_groups = nullptr;
  decltype(&cudnnCreatePoolingDescriptor) create_pooling = nullptr;
  decltype(&cudnnDestroyPoolingDescriptor) destroy_pooling = nullptr;
  decltype(&cudnnSetPooling2dDescriptor) set_pooling = nullptr;
  decltype(&cudnnCreateActivationDescriptor) create_activation = nullptr;
  decltype(&cudnnDestroyActivationDescriptor) destroy_activation = nullptr;
  decltype(&cudnnSetActivationDescriptor) set_activation = nullptr;
  // Convolution.
  decltype(&cudnnGetConvolutionForwardAlgorithm_v7) forward_algorithms = nullptr;
  decltype(&cudnnGetConvolutionForwardWorkspaceSize) forward_workspace = nullptr;
  decltype(&cudnnConvolutionForward) convolution_forward = nullptr;
  decltype(&cudnnConvolutionBiasActivationForward) convolution_bias_activation = nullptr;
  decltype(&cudnnGetConvolutionBackwardDataAlgorithm_v7) data_algorithms = nullptr;
  decltype(&cudnnGetConvolutionBackwardDataWorkspaceSize) data_workspace = nullptr;
  decltype(&cudnnConvolutionBackwardData) convolution_backward_data = nullptr;
  decltype(&cudnnGetConvolutionBackwardFilterAlgorithm_v7) filter_algorithms = nullptr;
  decltype(&cudnnGetConvolutionBackwardFilterWorkspaceSize) filter_workspace = nullptr;
  decltype(&cudnnConvolutionBackwardFilter) convolution_backward_filter = nullptr;
  decltype(&cudnnConvolutionBackwardBias) convolution_backward_bias = nullptr;
  decltype(&cudnnAddTensor) add_tensor = nullptr;
  // Pooling, activation, softmax.
  decltype(&cudnnPoolingForward) pooling_forward = nullptr;
  decltype(&cudnnPoolingBackward) pooling_backward = nullptr;
  decltype(&cudnnActivationForward) activation_forward = nullptr;
  decltype(&cudnnActivationBackward) activation_backward = nullptr;
  decltype(&cudnnSoftmaxForward) softmax_forward = nullptr;
  decltype(&cudnnSoftmaxBackward) softmax_backward = nullptr;
  // Batch normalization.
  decltype(&cudnnGetBatchNormalizationForwardTrainingExWorkspaceSize) norm_forward_workspace = nullptr;
  decltype(&cudnnGetBatchNormalizationBackwardExWorkspaceSize) norm_backward_workspace = nullptr;
  decltype(&cudnnGetBatchNormalizationTrainingExReserveSpaceSize) norm_reserve = nullptr;
  decltype(&cudnnBatchNormalizationForwardTrainingEx) norm_forward = nullptr;
  decltype(&cudnnBatchNormalizationForwardInference) norm_inference = nullptr;
  decltype(&cudnnBatchNormalizationBackwardEx) norm_backward = nullptr;

  // visit(name in the library, member), for each.
  template <class Visit> void each(Visit visit) {
    visit("cudnnCreate", create);
    visit("cudnnDestroy", destroy);
    visit("cudnnSetStream", set_stream);
    visit("cudnnGetVersion", version);
    visit("cudnnGetErrorString", error_string);
    visit("cudnnGetLastErrorString", last_error_string);
    visit("cudnnCreateTensorDescriptor", create_tensor);
    visit("cudnnDestroyTensorDescriptor", destroy_tensor);
    visit("cudnnSetTensor4dDescriptor", set_tensor);
    visit("cudnnCreateFilterDescriptor", create_filter);
    visit("cudnnDestroyFilterDescriptor", destroy_filter);
    visit("cudnnSetFilter4dDescriptor", set_filter);
    visit("cudnnCreateConvolutionDescriptor", create_convolution);
    visit("cudnnDestroyConvolutionDescriptor", destroy_convolution);
    visit("cudnnSetConvolution2dDescriptor", set_convolution);
    visit("cudnnSetConvolutionMathType", set_convolution_math);
    visit("cudnnSetConvolutionGroupCount", set_convolution_groups);
    visit("cudnnCreatePoolingDescriptor", create_pooling);
    visit("cudnnDestroyPoolingDescriptor", destroy_pooling);
    visit("cudnnSetPooling2dDescriptor", set_pooling);
    visit("cudnnCreateActivationDescriptor", create_activation);
    visit("cudnnDestroyActivationDescriptor", destroy_activation);
    visit("cudnnSetActivationDescriptor", set_activation);
    visit("cudnnGetConvolutionForwardAlgorithm_v7", forward_algorithms);
    visit("cudnnGetConvolutionForwardWorkspaceSize", forward_workspace);
    visit("cudnnConvolutionForward", convolution_forward);
    visit("cudnnConvolutionBiasActivationForward", convolution_bias_activation);
    visit("cudnnGetConvolutionBackwardDataAlgorithm_v7", data_algorithms);
    visit("cudnnGetConvolutionBackwardDataWorkspaceSize", data_workspace);
    visit("cudnnConvolutionBackwardData", convolution_backward_data);
    visit("cudnnGetConvolutionBackwardFilterAlgorithm_v7", filter_algorithms);
    visit("cudnnGetConvolutionBackwardFilterWorkspaceSize", filter_workspace);
    visit("cudnnConvolutionBackwardFilter", convolution_backward_filter);
    visit("cudnnConvolutionBackwardBias", convolution_backward_bias);
    visit("cudnnAddTensor", add_tensor);
    visit("cudnnPoolingForward", pooling_forward);
    visit("cudnnPoolingBackward", pooling_backward);
    visit("cudnnActivationForward", activation_forward);
    visit("cudnnActivationBackward", activation_backward);
    visit("cudnnSoftmaxForward", softmax_forward);
    visit("cudnnSoftmaxBackward", softmax_backward);
    visit("cudnnGetBatchNormalizationForwardTrainingExWorkspaceSize", norm_forward_workspace);
    visit("cudnnGetBatchNormalizationBackwardExWorkspaceSize", norm_backward_workspace);
    visit("cudnnGetBatchNormalizationTrainingExReserveSpaceSize", norm_reserve);
    visit("cudnnBatchNormalizationForwardTrainingEx", norm_forward);
    visit("cudnnBatchNormalizationForwardInference", norm_inference);
    visit("cudnnBatchNormalizationBackwardEx", norm_backward);
  }
};

// Opens the library at the first call; any thread. Throws CudaError where it is missing. In emulated builds: the double.
const Cudnn& cudnn();
bool has_cudnn();
std::string cudnn_version();  // "9.19.0"; empty where it is missing

}  // namespace mica
