#pragma once
#include "mica/cpu/onednn.h"
// Convolutions as tiled products whose rows of a are pixels read in place: for instruction sets and shapes where that beats oneDNN.
namespace mica::tiled {

bool forward_pays(const onednn::Conv& sizes);
bool backward_data_pays(const onednn::Conv& sizes);
bool scattered_data_pays(const onednn::Conv& sizes);

// As in onednn.h. backward_data needs strides of 1, backward_data_scattered one group and no dilation along w.
void conv_forward(const onednn::Conv& sizes, const float* x, const float* w, const float* bias, float* y);
void conv_backward_data(const onednn::Conv& sizes, const float* dy, const float* w, float* dx);
void conv_backward_data_scattered(const onednn::Conv& sizes, const float* dy, const float* w, float* dx);

}  // namespace mica::tiled
