#pragma once
#include <cublasLt.h>
#include <string>
namespace mica {

// The functions of cuBLASLt that mica calls.
struct CublasLt {
  decltype(&cublasLtCreate) create = nullptr;
  decltype(&cublasLtDestroy) destroy = nullptr;
  decltype(&cublasLtGetStatusName) status_name = nullptr;
  decltype(&cublasLtGetStatusString) status_string = nullptr;
  decltype(&cublasLtGetVersion) version = nullptr;
  decltype(&cublasLtMatmulDescCreate) create_matmul = nullptr;
  decltype(&cublasLtMatmulDescDestroy) destroy_matmul = nullptr;
  decltype(&cublasLtMatmulDescSetAttribute) set_matmul = nullptr;
  decltype(&cublasLtMatrixLayoutCreate) create_layout = nullptr;
  decltype(&cublasLtMatrixLayoutDestroy) destroy_layout = nullptr;
  decltype(&cublasLtMatrixLayoutSetAttribute) set_layout = nullptr;
  decltype(&cublasLtMatmulPreferenceCreate) create_preference = nullptr;
  decltype(&cublasLtMatmulPreferenceDestroy) destroy_preference = nullptr;
  decltype(&cublasLtMatmulPreferenceSetAttribute) set_preference = nullptr;
  decltype(&cublasLtMatmulAlgoGetHeuristic) heuristic = nullptr;
  decltype(&cublasLtMatmul) matmul = nullptr;

  // visit(name in the library, member), for each.
  template <class Visit> void each(Visit visit) {
    visit("cublasLtCreate", create);
    visit("cublasLtDestroy", destroy);
    visit("cublasLtGetStatusName", status_name);
    visit("cublasLtGetStatusString", status_string);
    visit("cublasLtGetVersion", version);
    visit("cublasLtMatmulDescCreate", create_matmul);
    visit("cublasLtMatmulDescDestroy", destroy_matmul);
    visit("cublasLtMatmulDescSetAttribute", set_matmul);
    visit("cublasLtMatrixLayoutCreate", create_layout);
    visit("cublasLtMatrixLayoutDestroy", destroy_layout);
    visit("cublasLtMatrixLayoutSetAttribute", set_layout);
    visit("cublasLtMatmulPreferenceCreate", create_preference);
    visit("cublasLtMatmulPreferenceDestroy", destroy_preference);
    visit("cublasLtMatmulPreferenceSetAttribute", set_preference);
    visit("cublasLtMatmulAlgoGetHeuristic", heuristic);
    visit("cublasLtMatmul", matmul);
  }
};

// Opens the library at the first call; any thread. Throws CudaError where it is missing. In emulated builds: the double.
const CublasLt& cublaslt();
bool has_cublaslt();
std::string cublaslt_version();  // "13.1.0"; empty where it is missing

}  // namespace mica
