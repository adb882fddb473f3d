#pragma once
#include <ctime>
#include <filesystem>
#include <string>
#include <string_view>

namespace mica::tools {

// The files of a run's folder.
namespace run_files {
inline constexpr auto config = "config.json", metrics = "metrics.csv", summary = "summary.json", checkpoint = "checkpoint.safetensors",
                      state = "state.safetensors", choices = "choices.txt", report = "report.html", picture = "result.svg";
}

struct RunFolderOptions {
  std::string out = "";     // empty: runs/<date>_<time>-<model>-<data> under the current folder, with -2, -3, ... added when taken
  std::string model = "", data = "";  // data may be a path: its last part names the folder
  bool force = false;       // replace the run that is in `out`
  std::time_t now = 0;      // seconds since 1970; the name shows local time
};

// Creates the folder of a new run, with its parents, and returns its path.
// An existing `out` is taken when it is empty. One that holds a run is refused with an Error unless `force`, which removes that run's files and
// leaves all others. A folder that holds other things but no run is refused always: mica does not mix its files into somebody's folder.
// Throws IoError when the folder cannot be created.
std::filesystem::path create_run_folder(const RunFolderOptions& options);

// Whether the folder holds a run: one of run_files.
bool holds_run(const std::filesystem::path& folder);

// Writes the file so that a reader sees all of it or what was there before: a temporary name in the same folder, write, fsync, rename, fsync of
// the folder. On any failure the temporary is removed and an IoError names the path and the reason. A symbolic link is followed, not replaced.
void write_file_atomically(const std::filesystem::path& path, std::string_view bytes);

// Writes all bytes to an open file, retrying after short writes and signals. `path` is for the IoError.
void write_all(int descriptor, std::string_view bytes, const std::filesystem::path& path);

// The whole file. Throws IoError.
std::string read_file(const std::filesystem::path& path);

}  // namespace mica::tools
