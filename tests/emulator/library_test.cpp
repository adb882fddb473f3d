#include "mica/cuda/library.h"
#include <gmock/gmock.h>
#include <cstdlib>
#include <filesystem>
#include "mica/core/error.h"
// Opening a shared library at first use.
namespace mica {
namespace {
using testing::HasSubstr;

struct Folders {  // MICA_CUDA_LIBRARIES during a scope
  explicit Folders(const std::string& value) { setenv("MICA_CUDA_LIBRARIES", value.c_str(), 1); }
  ~Folders() { unsetenv("MICA_CUDA_LIBRARIES"); }
};

TEST(Library, OpensWhatTheLoaderFinds) {
  const Library math("the math library", {"libnot-there.so.1", "libm.so.6"});
  EXPECT_THAT(math.path(), HasSubstr("libm.so.6"));
  const auto cosine = reinterpret_cast<double (*)(double)>(math.function("cos"));
  EXPECT_EQ(cosine(0), 1);
}

TEST(Library, FoldersOfTheEnvironmentComeFirst) {
  const Library found("the math library", {"libm.so.6"});
  const auto folder = std::filesystem::temp_directory_path() / ("mica_library_test_" + std::to_string(getpid()));
  std::filesystem::create_directories(folder);
  std::filesystem::copy_file(found.path(), folder / "libmine.so", std::filesystem::copy_options::overwrite_existing);
  {
    const Folders set("/not/there:" + folder.string());
    const Library mine("mine", {"libmine.so"});
    EXPECT_EQ(mine.path(), (folder / "libmine.so").string());
  }
  std::filesystem::remove_all(folder);
}

TEST(Library, ErrorsNameWhatWasTried) {
  const Folders set("/not/there::/nor/there");
  try {
    const Library library("cuDNN", {"libmissing.so.9", "libmissing.so"});
    FAIL() << "there is no such library";
  } catch (const CudaError& e) {
    EXPECT_THAT(e.what(), HasSubstr("cuDNN was not found (set MICA_CUDA_LIBRARIES to its folder). Tried:"));
    for (const char* path : {"\n  /not/there/libmissing.so.9: ", "\n  /nor/there/libmissing.so: ", "\n  libmissing.so.9: ", "No such file"})
      EXPECT_THAT(e.what(), HasSubstr(path));
  }
}

TEST(Library, MissingFunctionsAreErrors) {
  const Library math("the math library", {"libm.so.6"});
  try {
    math.function("not_a_function");
    FAIL();
  } catch (const CudaError& e) {
    EXPECT_THAT(e.what(), HasSubstr("not_a_function"));
    EXPECT_THAT(e.what(), HasSubstr("libm.so.6"));
  }
}

}  // namespace
}  // namespace mica
