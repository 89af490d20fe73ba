#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace orrery {

/// The tree as JSON text (RFC 8259), keys in the order they were put in, two spaces a level, a line
/// end last. Numbers are the shortest decimal that reads back as the same double (the library's own
/// printer promises the second only), and a whole double keeps ".0", so that its type survives.
/// Text that is not UTF-8 is mended with U+FFFD.
/// Precondition: `faults_of(tree)` is empty: JSON has no NaN, and null in its place would hide a fault.
std::string to_text(const nlohmann::ordered_json& tree);

}  // namespace orrery
