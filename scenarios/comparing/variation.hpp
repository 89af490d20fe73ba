#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sim/finding.hpp"

namespace orrery {

/// What is varied, and what it is in turn: each alternative is a list of KEY=VALUE, as --set takes them. A
/// single key has lists of one; keys that go together, as the columns of a CSV file do, have longer ones.
struct Variation {
  std::vector<std::string> keys;
  std::vector<std::vector<std::string>> alternatives;  ///< At least one.
  std::vector<int> lines{};  ///< Of a file, where each alternative stands; else none.
};

/// Reads KEY=VALUE,VALUE,...; commas inside brackets and quotes belong to a value. A value may be a range:
///
///   8..12       8, 9, 10, 11, 12            1..2+0.5 USD/h   1 USD/h, 1.5 USD/h, 2 USD/h
///   8..64*2     8, 16, 32, 64
///
/// Findings are about a word without '=', without a key, with an empty value, or a range that holds nothing,
/// does not move, or holds more than `most_values`.
Checked<Variation> read_variation(const std::string& argument);
constexpr int most_values = 100'000;

/// Sets of values that belong together: the first line has the keys, every other one a value for each. Fields
/// are as RFC 4180 has them, quotes doubled inside quotes; a field that is empty leaves its key as it is. A
/// finding's key is "LINE" or "LINE:COLUMN", both counted from 1.
Checked<Variation> read_variation_table(std::string_view csv);

/// Every combination, the last variation fastest, each as the arguments of --set. No variation: one, empty.
std::vector<std::vector<std::string>> combinations(std::span<const Variation> variations);

/// How many `combinations` would return.
double combination_count(std::span<const Variation> variations);

}  // namespace orrery
