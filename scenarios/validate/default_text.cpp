#include "scenarios/validate/default_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <vector>

#include "scenarios/reading/open_data.hpp"
#include "scenarios/reading/text_reader.hpp"

namespace orrery {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t enough = 6'000'000, full = 5'900'000, least = 2'000'000;  // Bytes.

/// Where a system keeps much text of one kind. `parent`: the folder whose subfolders begin with `prefix`.
struct TextRoom {
  const char *parent, *prefix, *inside, *extension, *name;
};
constexpr TextRoom rooms[] = {
    {"/usr/share", "cmake-", "Help", ".rst", "CMake's manual"},
    {"/usr/lib", "python3.", "", ".py", "Python's library"},
    {"/usr/share/perl", "5.", "", ".pm", "Perl's modules"},
};

std::vector<fs::path> files_below(const fs::path& folder, std::string_view extension) {
  std::vector<fs::path> files;
  std::error_code error;
  fs::recursive_directory_iterator at(folder, fs::directory_options::skip_permission_denied, error);
  for (; !error && at != fs::recursive_directory_iterator(); at.increment(error)) {
    std::error_code status;
    if (at->is_regular_file(status) && at->path().extension() == extension) files.push_back(at->path());
  }
  return files;
}

/// Sorted by path, so that the order is not that of the disk.
std::vector<fs::path> files_of(const TextRoom& room) {
  std::vector<fs::path> files;
  std::error_code error;
  fs::directory_iterator at(room.parent, error);
  for (; !error && at != fs::directory_iterator(); at.increment(error)) {
    if (!at->path().filename().string().starts_with(room.prefix)) continue;
    const std::vector<fs::path> more = files_below(at->path() / room.inside, room.extension);
    files.insert(files.end(), more.begin(), more.end());
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

Checked<SourcedText> system_text() {
  Checked<SourcedText> checked;
  SourcedText& sourced = checked.value;
  std::set<std::string> seen;
  for (const TextRoom& room : rooms) {
    if (std::int64_t(sourced.text.size()) > full) break;
    bool used = false;
    for (const fs::path& path : files_of(room)) {
      if (std::int64_t(sourced.text.size()) > full) break;
      const std::int64_t left = enough - std::int64_t(sourced.text.size());
      OpenedData opened = open_file(path.string(), largest_file, "");
      const std::string& text = opened.source.text;
      const bool is_text = is_utf8(text) && text.find('\0') == std::string::npos;
      if (!opened.diagnostics.empty() || text.empty() || !is_text || std::int64_t(text.size()) > left)
        continue;
      if (!seen.insert(text).second) continue;
      sourced.text += text;
      used = true;
    }
    if (used) sourced.origin += (sourced.origin.empty() ? "" : ", ") + std::string(room.name);
  }
  if (std::int64_t(sourced.text.size()) < least) {
    checked.findings.push_back(
        {"--text",
         fmt::format("this system carries {} kB of text, too little to train on", sourced.text.size() / 1000),
         "name a UTF-8 text of some megabytes with --text FILE"});
  }
  return checked;
}

Checked<SourcedText> text_file(const std::string& path) {
  Checked<SourcedText> checked;
  OpenedData opened = open_file(path, std::int64_t(1) << 30, "name a UTF-8 text of some megabytes");
  for (Diagnostic& d : opened.diagnostics) checked.findings.push_back({"--text", d.problem, d.remedy});
  checked.value = {std::move(opened.source.text), path};
  return checked;
}

}  // namespace orrery
