// A program that knows nothing of mica and opens a library that uses it, as Python and programs with plug-ins do. What the library keeps in each thread
// (thread_local) must not need room that the loader sets aside before the program starts: there is little.
#include <dlfcn.h>
#include <cstdio>
#include <thread>

int main(int, char** argv) {
  void* const plugin = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
  const auto sum = plugin ? reinterpret_cast<double (*)(int, bool)>(dlsym(plugin, "plugin_sum")) : nullptr;
  if (!sum) return std::fprintf(stderr, "%s\n", dlerror()), 1;
  double there = 0, on_gpu = 0;
  std::thread([&] { there = sum(5, false); }).join();
  on_gpu = sum(6, true);
  std::printf("%g %g %g\n", sum(4, false), there, on_gpu);
  return sum(4, false) == 4 && there == 5 && (on_gpu == 6 || on_gpu == -1) ? 0 : 1;
}
