// safetensors_copy IN OUT: loads a file and saves what it held; prints what loading refuses. For peer.py.
#include <cstdio>
#include "mica/core/safetensors.h"

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  try {
    const mica::Safetensors file = mica::load_safetensors(argv[1]);
    mica::save_safetensors(argv[2], file.tensors, file.metadata);
  } catch (const mica::Error& e) {
    std::puts(e.what());
    return 1;
  }
}
