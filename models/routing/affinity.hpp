#pragma once

#include <cstdint>
#include <vector>

namespace orrery {

/// e^x / (1 + e^x) by additions and multiplications alone, so that every machine gets the same bits.
/// Checked     against the maths library over -8 .. 8: within 1e-11.
double sigmoid(double x);

/// The standard normal's values at probabilities (i + 1/2) / count, by the series of its integral on a grid
/// of 1/4096 with straight lines between. Checked     against the maths library's erfc for 65,536 values: the
/// probability found back within 5e-9.
std::vector<double> normal_quantiles(int count);

constexpr double logit_unit = 0x1p-12;
constexpr int draw_count = 65'536;
/// The nearest key to a logit, cut at 8 from 0.
std::int16_t logit_key(double logit);

/// What the gate makes of a random 16-bit draw of an expert.
///
/// `key` orders experts (the larger the better); `affinity`, the sigmoid in units of 2^-30, is added up
/// within a group. All 65,536 draws are equally likely. While all experts are alike a draw is its own key;
/// with popularity a key is the logit, the draw's normal quantile plus the expert's offset, in units of
/// 2^-12.
struct AffinityTable {
  std::vector<std::int16_t>
      logit;  ///< [draw + 2^15] quantile in units of 2^-12; empty: a draw is its own key.
  std::vector<std::uint32_t> affinity;  ///< [key + 2^15]
};
AffinityTable balanced_affinities();
AffinityTable popular_affinities();

}  // namespace orrery
