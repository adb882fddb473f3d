#include "mica/tools/run_folder.h"

#include <csignal>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdlib>

#include "mica/core/error.h"

namespace mica::tools {
namespace {
namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

// A fresh folder that is also the current one, removed afterwards.
class RunFolder : public ::testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/mica_run_folder_XXXXXX";
    ASSERT_NE(mkdtemp(name), nullptr);
    folder_ = name;
    before_ = fs::current_path();
    fs::current_path(folder_);
  }
  void TearDown() override {
    fs::current_path(before_);
    fs::remove_all(folder_);
  }
  // Files in the folder, hidden ones too.
  int files() const { return static_cast<int>(std::distance(fs::directory_iterator(folder_), fs::directory_iterator())); }
  fs::path folder_, before_;
};

template <class E> std::string error_of(const auto& call) {
  try {
    call();
  } catch (const E& error) {
    return error.what();
  }
  return "(no error)";
}

TEST_F(RunFolder, AtomicWriteCreatesAndReplaces) {
  const std::string bytes("a\0b\xFF\n", 5);
  write_file_atomically("file", "first, which is longer");
  write_file_atomically("file", bytes);
  EXPECT_EQ(read_file("file"), bytes);
  write_file_atomically(folder_ / "empty", "");
  EXPECT_EQ(read_file("empty"), "");
  EXPECT_EQ(files(), 2);  // no temporary left
}

TEST_F(RunFolder, AtomicWriteFollowsLinks) {
  fs::create_directory("elsewhere");
  write_file_atomically("elsewhere/target", "old");
  fs::create_symlink("elsewhere/target", "link");
  write_file_atomically("link", "new");
  EXPECT_TRUE(fs::is_symlink("link"));
  EXPECT_EQ(read_file("elsewhere/target"), "new");
}

TEST_F(RunFolder, AtomicWriteGivesOrdinaryPermissions) {
  const mode_t mask = umask(022);
  write_file_atomically("file", "x");
  umask(mask);
  EXPECT_EQ(fs::status("file").permissions(), fs::perms(0644));
}

// A file size limit stands for the full disk: the kernel writes a part and refuses the rest.
TEST_F(RunFolder, FailedWriteLeavesTheOldFileAndNothingElse) {
  write_file_atomically("file", "the old content");
  rlimit old{};
  getrlimit(RLIMIT_FSIZE, &old);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit small = old;
  small.rlim_cur = 4096;
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &small), 0);
  const std::string text = error_of<IoError>([] { write_file_atomically("file", std::string(100'000, 'x')); });
  setrlimit(RLIMIT_FSIZE, &old);
  std::signal(SIGXFSZ, handler);
  EXPECT_EQ(text, "cannot write file: File too large");
  EXPECT_EQ(read_file("file"), "the old content");
  EXPECT_EQ(files(), 1);
}

TEST_F(RunFolder, FullDeviceIsNamed) {
  const int full = open("/dev/full", O_WRONLY);
  ASSERT_GE(full, 0);
  EXPECT_EQ(error_of<IoError>([&] { write_all(full, "x", "runs/a/metrics.csv"); }), "cannot write runs/a/metrics.csv: No space left on device");
  close(full);
}

TEST_F(RunFolder, UnwritableFoldersAreNamed) {
  EXPECT_EQ(error_of<IoError>([] { write_file_atomically("missing/file", "x"); }), "cannot write missing/file: No such file or directory");
  fs::create_directory("folder");
  EXPECT_EQ(error_of<IoError>([] { write_file_atomically("folder", "x"); }), "cannot write folder: Is a directory");
  EXPECT_THAT(error_of<IoError>([] { write_file_atomically("/proc/mica_file", "x"); }), HasSubstr("cannot write /proc/mica_file: "));
  EXPECT_THAT(error_of<IoError>([] { create_run_folder({.out = "/proc/mica_run"}); }), HasSubstr("cannot create the folder /proc/mica_run: "));
  EXPECT_EQ(error_of<IoError>([] { read_file("nothing"); }), "cannot read nothing: No such file or directory");
  EXPECT_EQ(error_of<IoError>([] { read_file("folder"); }), "cannot read folder: Is a directory");
}

TEST_F(RunFolder, DefaultNameHoldsDateModelAndData) {
  setenv("TZ", "UTC", 1);
  const RunFolderOptions options{.model = "resnet20", .data = "digits", .now = 1'700'000'000};
  EXPECT_EQ(create_run_folder(options), "runs/2023-11-14_22-13-20-resnet20-digits");
  EXPECT_EQ(create_run_folder(options), "runs/2023-11-14_22-13-20-resnet20-digits-2");
  EXPECT_EQ(create_run_folder(options), "runs/2023-11-14_22-13-20-resnet20-digits-3");
  EXPECT_TRUE(fs::is_directory("runs/2023-11-14_22-13-20-resnet20-digits-3"));
  EXPECT_EQ(create_run_folder({.model = "mlp", .data = "../my photos/cats & dogs/"}), "runs/1970-01-01_00-00-00-mlp-cats___dogs");
  EXPECT_EQ(create_run_folder({.model = "mlp", .data = ".."}), "runs/1970-01-01_00-00-00-mlp-data");
}

TEST_F(RunFolder, OutIsCreatedWithParentsAndTakenWhenEmpty) {
  EXPECT_EQ(create_run_folder({.out = "a/b"}), "a/b");
  EXPECT_EQ(create_run_folder({.out = "a/b"}), "a/b");
  EXPECT_TRUE(fs::is_directory("a/b"));
}

TEST_F(RunFolder, OutWithARunNeedsForce) {
  create_run_folder({.out = "run"});
  write_file_atomically("run/metrics.csv", "old");
  write_file_atomically("run/checkpoint.safetensors", "old");
  write_file_atomically("run/notes.txt", "mine");
  EXPECT_TRUE(holds_run("run"));
  EXPECT_THAT(error_of<Error>([] { create_run_folder({.out = "run"}); }), AllOf(HasSubstr("already holds a run"), HasSubstr("--force")));
  EXPECT_EQ(read_file("run/metrics.csv"), "old");
  create_run_folder({.out = "run", .force = true});
  EXPECT_FALSE(holds_run("run"));
  EXPECT_EQ(read_file("run/notes.txt"), "mine");
}

TEST_F(RunFolder, OutWithOtherFilesIsRefusedEvenWithForce) {
  fs::create_directory("photos");
  write_file_atomically("photos/cat.png", "x");
  EXPECT_THAT(error_of<Error>([] { create_run_folder({.out = "photos", .force = true}); }), HasSubstr("is a folder with other files in it"));
  EXPECT_THAT(error_of<Error>([] { create_run_folder({.out = "photos/cat.png"}); }), HasSubstr("is a file"));
  EXPECT_EQ(read_file("photos/cat.png"), "x");
}

}  // namespace
}  // namespace mica::tools
