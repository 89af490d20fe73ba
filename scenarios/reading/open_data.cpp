#include "scenarios/reading/open_data.hpp"

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

OpenedData read_file(DataKind kind, std::string_view path) {
  std::error_code error;
  if (fs::is_directory(fs::path(path), error))
    return refuse("cannot read " + quoted(path) + ": it is a folder", "name a file", Fault::Input);
  errno = 0;
  const std::unique_ptr<std::FILE, Closer> file(std::fopen(std::string(path).c_str(), "rb"));
  if (!file && errno == ENOENT) {
    return refuse("there is no file " + quoted(path),
                  "built-in " + std::string(data_kind_name(kind)) + "s are named without a path or ending",
                  Fault::Input);
  }
  if (!file)
    return refuse("cannot open " + quoted(path) + " for reading: " + std::strerror(errno), "", Fault::World);
  std::string text(largest_file + 1, '\0');
  text.resize(std::fread(text.data(), 1, text.size(), file.get()));
  if (std::ferror(file.get()))
    return refuse("cannot read " + quoted(path) + ": " + std::strerror(errno), "", Fault::World);
  if (std::int64_t(text.size()) > largest_file)
    return refuse(quoted(path) + " is larger than 4 MiB",
                  "scenario and data files are small; is it the right one?", Fault::Input);
  return {{std::string(path), std::move(text), SourceKind::File}, {}};
}

}  // namespace

bool looks_like_path(std::string_view wanted) {
  return wanted.find('/') != std::string_view::npos || wanted.ends_with(".toml") || wanted.ends_with(".json");
}

std::string path_beside(std::string_view wanted, std::string_view beside) {
  if (!looks_like_path(wanted) || wanted.starts_with('/') || beside.empty()) return std::string(wanted);
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
