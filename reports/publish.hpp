#pragma once

#include <sys/types.h>

#include <cstddef>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace orrery {

/// A file that exists only as bytes so far. `name` is one path component: no folder in it.
struct OutputFile {
  std::string name, bytes;
};

/// What the world refused: "cannot write /out/ranks.csv: No space left on device".
struct PublishFault {
  std::string path;       ///< What was touched, as the user would name it.
  std::string operation;  ///< "create folder", "write", "sync", ...
  std::string reason;     ///< The system's words.
};
std::string to_text(const PublishFault& fault);

/// The system calls that publishing stands on, with the meaning and errno of POSIX. A test hands in
/// its own to see what happens when the n-th of them fails.
struct FileCalls {
  std::function<int(const char*, mode_t)> mkdir;
  std::function<int(const char*, int, mode_t)> open;
  std::function<ssize_t(int, const void*, std::size_t)> write;
  std::function<int(int)> fsync, close;
  std::function<int(const char*, const char*)> link, rename;
  std::function<int(const char*)> unlink, rmdir;
};
FileCalls system_file_calls();

/// Puts `files` into `folder`, which is created if need be: afterwards either all of them are there,
/// whole and on the disk, or the folder is as it was before, and the fault says why.
///
/// Every file is written under a hidden name beside its place and synced; only when all are safe are
/// they renamed, and the folder synced. A file of the same name is replaced; should a later rename
/// fail, the old one comes back. So a reader never sees half a file. Leaves out: a power cut between
/// two renames can leave some of a set new and some old, each of them whole; and a killed process can
/// leave hidden ".NAME.PID.part" files.
/// Precondition: names are distinct single path components.
std::optional<PublishFault> publish(const std::filesystem::path& folder, const std::vector<OutputFile>& files,
                                    const FileCalls& calls = system_file_calls());

}  // namespace orrery
