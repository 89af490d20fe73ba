#pragma once

#include <cstdint>
#include <string>

#include "sim/finding.hpp"

namespace orrery {

/// A text to train on and where it comes from.
struct SourcedText {
  std::string text;
  std::string origin;  ///< A path, or what was gathered.
};

/// Text that a Debian system carries: the manual of CMake, Python's library, the modules of Perl, in this
/// order and by path, up to 6 MB of UTF-8; a file that is there twice counts once. Which of them are
/// installed decides the text; its hash goes into the output.
/// Findings  fewer than 2 MB in all.
Checked<SourcedText> system_text();

/// A file. Findings: it is missing, a folder, cannot be read, or larger than 1 GiB.
Checked<SourcedText> text_file(const std::string& path);

}  // namespace orrery
