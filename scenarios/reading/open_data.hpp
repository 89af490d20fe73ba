#pragma once

#include <string>
#include <string_view>

#include "scenarios/reading/diagnostics.hpp"
#include "scenarios/reading/embedded.hpp"

namespace orrery {

constexpr std::int64_t largest_file = 4 << 20;  ///< Bytes; people write these.

/// A data file's text, or why there is none. `diagnostics` have no places: the caller knows who asked.
struct OpenedData {
  SourceText source;
  Diagnostics diagnostics;
};

/// Whether the word is a path: it holds a slash or ends in .toml or .json.
bool looks_like_path(std::string_view wanted);

/// The path as seen from the file that names it (`beside` may be empty). Built-in names stay as they are.
std::string path_beside(std::string_view wanted, std::string_view beside);
/// The same of what is always a path.
std::string file_beside(std::string_view wanted, std::string_view beside);

/// Opens a built-in name or a path; a word that is no built-in name may still be a file of that name.
OpenedData open_data(DataKind kind, std::string_view wanted);

/// Opens a file of up to `most` bytes by its path, as seen from where the program runs.
/// `if_absent` is the advice where there is none.
OpenedData open_file(std::string_view path, std::int64_t most, std::string if_absent);

/// Says what keeps the word from being opened as that kind, without reading it: none, when nothing does.
Diagnostics check_data_name(DataKind kind, std::string_view wanted);

}  // namespace orrery
