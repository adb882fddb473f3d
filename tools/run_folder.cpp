#include "mica/tools/run_folder.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <sstream>

#include "mica/core/error.h"

namespace mica::tools {
namespace fs = std::filesystem;
namespace {

[[noreturn]] void fail(const std::string& what, const fs::path& path, int error) {
  throw IoError("cannot " + what + " " + path.string() + ": " + std::strerror(error));
}

// Closes the descriptor and, unless the rename has happened, removes the temporary file.
struct Temporary {
  std::string path;
  int descriptor = -1;
  bool renamed = false;
  ~Temporary() {
    if (descriptor >= 0) close(descriptor);
    if (!renamed) unlink(path.c_str());
  }
};

// A name that is one plain part of a path: letters, digits, '.', '_' and '-', starting with none of '.' and '-'.
std::string file_name_part(std::string text) {
  for (char& c : text)
    if (!std::isalnum(static_cast<unsigned char>(c)) && c != '.' && c != '_' && c != '-') c = '_';
  const auto start = text.find_first_not_of(".-");
  return start == text.npos ? "data" : text.substr(start, 60);
}

fs::path default_name(const RunFolderOptions& options) {
  std::tm local{};
  localtime_r(&options.now, &local);
  char date[32];
  std::strftime(date, sizeof date, "%Y-%m-%d_%H-%M-%S", &local);
  fs::path data = fs::path(options.data).lexically_normal();
  if (!data.has_filename()) data = data.parent_path();  // "photos/" -> "photos"
  return fs::path("runs") / (std::string(date) + "-" + file_name_part(options.model) + "-" + file_name_part(data.filename().string()));
}

void create_folders(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) fail("create the folder", folder, error.value());
}

constexpr std::array all_run_files{run_files::config,     run_files::metrics, run_files::summary, run_files::checkpoint,
                                   run_files::state, run_files::choices, run_files::report,  run_files::picture};

}  // namespace

bool holds_run(const fs::path& folder) {
  std::error_code error;
  for (const char* name : all_run_files)
    if (fs::exists(folder / name, error)) return true;
  return false;
}

fs::path create_run_folder(const RunFolderOptions& options) {
  if (options.out.empty()) {
    const fs::path name = default_name(options);
    create_folders(name.parent_path());
    for (int n = 1;; ++n) {  // mkdir decides, so that two programs started in one second get two folders
      const fs::path folder = n == 1 ? name : fs::path(name.string() + "-" + std::to_string(n));
      if (mkdir(folder.c_str(), 0777) == 0) return folder;
      if (errno != EEXIST) fail("create the folder", folder, errno);
    }
  }
  const fs::path folder = options.out;
  std::error_code error;
  if (fs::exists(folder, error)) {
    if (!fs::is_directory(folder, error)) throw Error("--out " + folder.string() + " is a file; it must be a folder");
    const bool empty = fs::is_empty(folder, error);
    if (error) fail("read the folder", folder, error.value());
    if (holds_run(folder)) {
      if (!options.force)
        throw Error("--out " + folder.string() + " already holds a run; add --force to replace it, or --resume " + folder.string() + " to continue it");
      for (const char* name : all_run_files)
        if (fs::remove(folder / name, error); error) fail("remove", folder / name, error.value());
    } else if (!empty) {
      throw Error("--out " + folder.string() + " is a folder with other files in it; name a new or an empty one");
    }
  }
  create_folders(folder);
  if (access(folder.c_str(), W_OK) != 0) fail("write into the folder", folder, errno);  // now, not after the training
  return folder;
}

void write_all(int descriptor, std::string_view bytes, const fs::path& path) {
  while (!bytes.empty()) {
    const ssize_t written = write(descriptor, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail("write", path, errno);
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

void write_file_atomically(const fs::path& path, std::string_view bytes) {
  std::error_code error;
  const fs::path target = fs::is_symlink(path, error) ? fs::weakly_canonical(path, error) : path;
  const fs::path folder = target.has_parent_path() ? target.parent_path() : fs::path(".");
  if (fs::is_directory(target, error)) fail("write", path, EISDIR);

  Temporary temporary{(folder / ("." + target.filename().string() + "." + std::to_string(getpid()))).string()};
  unlink(temporary.path.c_str());  // of a process of the same number that was killed
  temporary.descriptor = open(temporary.path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (temporary.descriptor < 0) fail("write", path, errno);
  write_all(temporary.descriptor, bytes, path);
  if (fsync(temporary.descriptor) != 0) fail("write", path, errno);
  const int closed = close(temporary.descriptor);  // NFS and quotas report a full disk here
  temporary.descriptor = -1;
  if (closed != 0) fail("write", path, errno);
  if (rename(temporary.path.c_str(), target.c_str()) != 0) fail("write", path, errno);
  temporary.renamed = true;
  if (const int handle = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); handle >= 0) {
    fsync(handle);  // makes the rename itself survive a power cut; the data is safe already
    close(handle);
  }
}

std::string read_file(const fs::path& path) {
  std::error_code error;
  if (fs::is_directory(path, error)) fail("read", path, EISDIR);
  errno = 0;
  std::ifstream in(path, std::ios::binary);
  std::ostringstream bytes;
  if (!in) fail("read", path, errno ? errno : EIO);
  if (in.peek() != std::ifstream::traits_type::eof()) bytes << in.rdbuf();
  if (in.bad() || bytes.bad()) fail("read", path, errno ? errno : EIO);
  return bytes.str();
}

}  // namespace mica::tools
