#include "reports/publish.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <set>
#include <system_error>

#include "sim/check.hpp"

namespace orrery {
namespace {

using Path = std::filesystem::path;
using Fault = std::optional<PublishFault>;

PublishFault fault_now(const Path& path, const char* operation) {
  return {path.string(), operation, std::generic_category().message(errno)};
}

/// One file on its way: where it waits, where it goes, and where the one it replaces steps aside.
struct Move {
  Path waiting, place, replaced;
  bool moved = false;
};

/// What has been done so far, so that it can be undone, last first.
struct Work {
  const FileCalls& calls;
  std::vector<Path> folders;  ///< Those we created, outermost first.
  std::vector<Move> moves;
};

Fault sync_folder(const Path& folder, const FileCalls& calls) {
  const int descriptor = calls.open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);
  if (descriptor < 0) return fault_now(folder, "open folder");
  Fault fault;
  // Some network file systems cannot sync a folder and say EINVAL; there is nothing more to be done.
  if (calls.fsync(descriptor) != 0 && errno != EINVAL) fault = fault_now(folder, "sync folder");
  if (calls.close(descriptor) != 0 && !fault) fault = fault_now(folder, "close folder");
  return fault;
}

Fault create_folder(const Path& folder, Work& work) {
  Path so_far;
  for (const Path& part : folder) {
    const Path parent = so_far.empty() ? Path(".") : so_far;
    so_far /= part;
    if (part.empty() || part == "/" || part == "." || part == "..") continue;
    if (work.calls.mkdir(so_far.c_str(), 0777) == 0) {
      work.folders.push_back(so_far);
      if (Fault fault = sync_folder(parent, work.calls)) return fault;
      continue;
    }
    // EROFS and EACCES may also be said of a folder that is there already: ask only whether it is.
    const int why = errno;
    struct stat status;
    if (::stat(so_far.c_str(), &status) == 0) {
      if (S_ISDIR(status.st_mode)) continue;
      errno = ENOTDIR;
    } else {
      errno = why;
    }
    return fault_now(so_far, "create folder");
  }
  return {};
}

/// A name nobody has, taken: mine by process, and by number should an earlier run have died with it.
int open_aside(const Path& folder, const std::string& name, const char* kind, Path& taken,
               const FileCalls& calls) {
  for (int attempt = 0;; ++attempt) {
    taken = folder / fmt::format(".{}.{}-{}.{}", name, ::getpid(), attempt, kind);
    const int descriptor = calls.open(taken.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (descriptor >= 0 || errno != EEXIST) return descriptor;
  }
}

Fault write_all(int descriptor, const std::string& bytes, const Path& place, const FileCalls& calls) {
  std::size_t written = 0;
  while (written < bytes.size()) {
    const ssize_t step = calls.write(descriptor, bytes.data() + written, bytes.size() - written);
    if (step > 0) {
      written += std::size_t(step);
    } else if (step == 0 || errno != EINTR) {
      if (step == 0) errno = ENOSPC;  // A regular file that takes no byte and says nothing.
      return fault_now(place, "write");
    }
  }
  if (calls.fsync(descriptor) != 0) return fault_now(place, "sync");
  return {};
}

Fault write_aside(const Path& folder, const OutputFile& file, Work& work) {
  Move move{.waiting = {}, .place = folder / file.name, .replaced = {}};
  // Found out now rather than when half of the set has moved.
  struct stat status;
  if (::lstat(move.place.c_str(), &status) == 0 && S_ISDIR(status.st_mode)) {
    errno = EISDIR;
    return fault_now(move.place, "replace");
  }
  const int descriptor = open_aside(folder, file.name, "part", move.waiting, work.calls);
  if (descriptor < 0) return fault_now(move.place, "create");
  work.moves.push_back(move);
  Fault fault = write_all(descriptor, file.bytes, move.place, work.calls);
  // A network file system may keep "disk full" to itself until the close.
  if (work.calls.close(descriptor) != 0 && !fault) fault = fault_now(move.place, "close");
  return fault;
}

Fault move_into_place(Move& move, const FileCalls& calls) {
  struct stat status;
  if (::lstat(move.place.c_str(), &status) == 0) {
    Path old = move.waiting;
    old.replace_extension(".old");
    // A second name keeps the place filled throughout; where there are no hard links, it steps aside.
    if (calls.link(move.place.c_str(), old.c_str()) != 0 &&
        calls.rename(move.place.c_str(), old.c_str()) != 0) {
      return fault_now(move.place, "keep the old");
    }
    move.replaced = old;
  }
  if (calls.rename(move.waiting.c_str(), move.place.c_str()) != 0)
    return fault_now(move.place, "rename into");
  move.moved = true;
  return {};
}

/// As it was before. What cannot be undone either is beyond us: the first fault is the one to report.
void undo(Work& work) {
  for (auto move = work.moves.rbegin(); move != work.moves.rend(); ++move) {
    if (!move->replaced.empty()) {
      work.calls.rename(move->replaced.c_str(), move->place.c_str());
      // Two names of one file: such a rename does nothing, and the second name would stay.
      work.calls.unlink(move->replaced.c_str());
    } else if (move->moved) {
      work.calls.unlink(move->place.c_str());
    }
    if (!move->moved) work.calls.unlink(move->waiting.c_str());
  }
  for (auto folder = work.folders.rbegin(); folder != work.folders.rend(); ++folder) {
    work.calls.rmdir(folder->c_str());
  }
}

Fault publish_or_stop(const Path& folder, const std::vector<OutputFile>& files, Work& work) {
  if (Fault fault = create_folder(folder, work)) return fault;
  for (const OutputFile& file : files) {
    if (Fault fault = write_aside(folder, file, work)) return fault;
  }
  for (Move& move : work.moves) {
    if (Fault fault = move_into_place(move, work.calls)) return fault;
  }
  if (Fault fault = sync_folder(folder, work.calls)) return fault;
  for (const Move& move : work.moves) {
    if (!move.replaced.empty()) work.calls.unlink(move.replaced.c_str());
  }
  return {};
}

}  // namespace

std::string to_text(const PublishFault& fault) {
  return fmt::format("cannot {} {}: {}", fault.operation, fault.path, fault.reason);
}

FileCalls system_file_calls() {
  return {
      .mkdir = [](const char* path, mode_t mode) { return ::mkdir(path, mode); },
      .open = [](const char* path, int flags, mode_t mode) { return ::open(path, flags, mode); },
      .write = [](int descriptor, const void* bytes,
                  std::size_t size) { return ::write(descriptor, bytes, size); },
      .fsync = [](int descriptor) { return ::fsync(descriptor); },
      .close = [](int descriptor) { return ::close(descriptor); },
      .link = [](const char* from, const char* to) { return ::link(from, to); },
      .rename = [](const char* from, const char* to) { return std::rename(from, to); },
      .unlink = [](const char* path) { return ::unlink(path); },
      .rmdir = [](const char* path) { return ::rmdir(path); },
  };
}

std::optional<PublishFault> publish(const std::filesystem::path& folder, const std::vector<OutputFile>& files,
                                    const FileCalls& calls) {
  std::set<std::string> names;
  for (const OutputFile& file : files) {
    ORRERY_CHECK(!file.name.empty() && file.name != "." && file.name != "..");
    ORRERY_CHECK(file.name.find('/') == std::string::npos && file.name.find('\0') == std::string::npos);
    ORRERY_CHECK(names.insert(file.name).second);
  }
  Work work{.calls = calls, .folders = {}, .moves = {}};
  Fault fault = publish_or_stop(folder.empty() ? Path(".") : folder, files, work);
  if (fault) undo(work);
  return fault;
}

}  // namespace orrery
