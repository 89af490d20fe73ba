#pragma once

#include <cstdint>

namespace orrery {

using LinkIndex = std::uint32_t;
constexpr LinkIndex no_link = UINT32_MAX;

/// One link that a flow crosses, and how many bytes cross it for each byte of the flow.
struct PathLink {
  LinkIndex link;
  float share;
};

}  // namespace orrery
