#pragma once

#include <span>
#include <string>
#include <string_view>

namespace orrery {

/// Edits that turn one word into the other: insert, delete, replace, swap two neighbours.
int edit_distance(std::string_view a, std::string_view b);

/// What to say to somebody who wrote `wanted`: "did you mean 'x'?" when a candidate is within
/// max(2, length / 3) edits, else the whole list.
std::string suggestion(std::string_view wanted, std::span<const std::string_view> candidates);

std::string joined(std::span<const std::string_view> words, std::string_view between);

}  // namespace orrery
