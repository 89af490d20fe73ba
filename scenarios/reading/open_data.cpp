#include "scenarios/reading/open_data.hpp"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>

#include "scenarios/reading/nearest.hpp"

namespace orrery {
namespace {

namespace fs = std::filesystem;

struct Closer {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

std::string quoted(std::string_view text) { return "'" + std::string(text) + "'"; }

OpenedData refuse(std::string problem, std::string remedy, Fault fault) {
  return {{}, {{"", std::move(problem), std::move(remedy), {}, fault}}};
}

bool is_file(std::string_view path) {
  std::error_code ignored;
  return fs::exists(fs::path(path), ignored) && !fs::is_directory(fs::path(path), ignored);
}

OpenedData unknown_name(DataKind kind, std::string_view wanted) {
  const auto names = data_names(kind);
  return refuse("unknown " + std::string(data_kind_name(kind)) + " " + quoted(wanted),
                suggestion(wanted, names) + "; a path to a file of your own works too", Fault::Input);
}

/// The whole of it, or one byte more than `most`.
std::string read_up_to(std::FILE* file, std::int64_t most) {
  constexpr std::size_t step = 1 << 20;
  std::string bytes;
  for (std::size_t got = step; got == step && std::int64_t(bytes.size()) <= most;) {
    const std::size_t had = bytes.size();
    const std::size_t wanted = std::min(step, std::size_t(most) + 1 - had);
    bytes.resize(had + wanted);
    got = std::fread(bytes.data() + had, 1, wanted, file);
    bytes.resize(had + got);
  }
  return bytes;
}

OpenedData read_file(DataKind kind, std::string_view path) {
  return open_file(path, largest_file,
                   "built-in " + std::string(data_kind_name(kind)) + "s are named without a path or ending");
}

}  // namespace

OpenedData open_file(std::string_view path, std::int64_t most, std::string if_absent) {
  std::error_code error;
  if (fs::is_directory(fs::path(path), error))
    return refuse("cannot read " + quoted(path) + ": it is a folder", "name a file", Fault::Input);
  errno = 0;
  const std::unique_ptr<std::FILE, Closer> file(std::fopen(std::string(path).c_str(), "rb"));
  if (!file && errno == ENOENT) {
    return refuse("there is no file " + quoted(path), std::move(if_absent), Fault::Input);
  }
  if (!file)
    return refuse("cannot open " + quoted(path) + " for reading: " + std::strerror(errno), "", Fault::World);
  std::string bytes = read_up_to(file.get(), most);
  if (std::ferror(file.get()))
    return refuse("cannot read " + quoted(path) + ": " + std::strerror(errno), "", Fault::World);
  if (std::int64_t(bytes.size()) > most) {
    return refuse(quoted(path) + " is larger than " + std::to_string(most >> 20) + " MiB",
                  "such files are smaller; is it the right one?", Fault::Input);
  }
  return {{std::string(path), std::move(bytes), SourceKind::File}, {}};
}

bool looks_like_path(std::string_view wanted) {
  return wanted.find('/') != std::string_view::npos || wanted.ends_with(".toml") || wanted.ends_with(".json");
}

std::string path_beside(std::string_view wanted, std::string_view beside) {
  return looks_like_path(wanted) ? file_beside(wanted, beside) : std::string(wanted);
}

std::string file_beside(std::string_view wanted, std::string_view beside) {
  if (wanted.starts_with('/') || beside.empty()) return std::string(wanted);
  return (fs::path(beside).parent_path() / fs::path(wanted)).lexically_normal().string();
}

OpenedData open_data(DataKind kind, std::string_view wanted) {
  if (wanted.empty()) return unknown_name(kind, wanted);
  if (wanted.find('\0') != std::string_view::npos)
    return unknown_name(kind, wanted.substr(0, wanted.find('\0')));
  if (looks_like_path(wanted)) return read_file(kind, wanted);
  if (const DataRow* row = find_row(kind, wanted))
    return {{std::string(row->path), std::string(row->text), SourceKind::BuiltIn}, {}};
  return is_file(wanted) ? read_file(kind, wanted) : unknown_name(kind, wanted);
}

Diagnostics check_data_name(DataKind kind, std::string_view wanted) {
  if (wanted.empty() || wanted.find('\0') != std::string_view::npos)
    return unknown_name(kind, "").diagnostics;
  if (looks_like_path(wanted)) {
    if (is_file(wanted)) return {};
    return read_file(kind, wanted).diagnostics;
  }
  if (find_row(kind, wanted) || is_file(wanted)) return {};
  return unknown_name(kind, wanted).diagnostics;
}

}  // namespace orrery
