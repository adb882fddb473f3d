#pragma once
// <cub/cub.cuh>: the parts mica uses, in plain loops, under CUB's own file names and signatures. CUB's headers hold machine code of the GPU. The
// contract is CUB's: where a result is valid, what needs a barrier before temporary storage is used again, the two calls of a device-wide function.
#include <cub/block/block_radix_sort.cuh>
#include <cub/block/block_reduce.cuh>
#include <cub/block/block_scan.cuh>
#include <cub/device/device_radix_sort.cuh>
#include <cub/device/device_reduce.cuh>
#include <cub/device/device_run_length_encode.cuh>
#include <cub/device/device_scan.cuh>
#include <cub/device/device_segmented_reduce.cuh>
#include <cub/device/device_segmented_sort.cuh>
#include <cub/device/device_select.cuh>
#include <cub/warp/warp_reduce.cuh>
