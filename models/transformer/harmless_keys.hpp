#pragma once

#include <string_view>

namespace orrery {

/// Whether a key of a config.json is known to change neither the number of parameters nor the work:
/// tokens, positions' angles, dropout, initialization, the checkpoint's number format, a library's notes.
bool is_harmless_key(std::string_view key);

}  // namespace orrery
