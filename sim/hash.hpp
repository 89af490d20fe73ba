#pragma once

#include <cstdint>
#include <string_view>

namespace orrery {

/// FNV-1a of the bytes, 64 bits.
constexpr std::uint64_t fnv1a(std::string_view bytes) {
  std::uint64_t h = 0xCBF29CE484222325ull;
  for (const char c : bytes) h = (h ^ std::uint8_t(c)) * 0x100000001B3ull;
  return h;
}

}  // namespace orrery
