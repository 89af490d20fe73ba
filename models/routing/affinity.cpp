#include "models/routing/affinity.hpp"

#include <algorithm>
#include <cstddef>

namespace orrery {
namespace {

double exponential_series(double x) {  // e^x for small x.
  return 1 + x * (1 + x / 2 * (1 + x / 3 * (1 + x / 4 * (1 + x / 5 * (1 + x / 6)))));
}

/// e^x for 0 <= x <= 8: the series at x / 256, squared eight times.
double exponential(double x) {
  double power = exponential_series(x / 256);
  for (int i = 0; i < 8; ++i) power *= power;
  return power;
}

/// The normal's integral from 0 to x: sum of (-1)^k x^(2k+1) / (2^k k! (2k+1)) / sqrt(2 pi), for x below 5.
double normal_integral(double x) {
  constexpr double one_by_root_two_pi = 0.39894228040143267794;
  double sum = 0, power = x;
  for (int k = 0; k < 60; ++k) {
    sum += power / (2 * k + 1);
    power *= -x * x / (2 * (k + 1));
  }
  return one_by_root_two_pi * sum;
}

std::uint32_t fixed(double affinity) { return std::uint32_t(affinity * 0x1p30 + 0.5); }

}  // namespace

std::int16_t logit_key(double logit) {
  return std::int16_t(std::int32_t((std::clamp(logit, -7.999, 7.999) + 8) / logit_unit + 0.5) -
                      draw_count / 2);
}

double sigmoid(double x) {
  const double power = exponential(x < 0 ? -x : x);
  return (x < 0 ? 1 : power) / (1 + power);
}

std::vector<double> normal_quantiles(int count) {
  constexpr double grid = 1.0 / 4096;
  std::vector<double> quantile(static_cast<std::size_t>(count));
  double x = 0, below = 0, above = normal_integral(grid);
  for (int i = count / 2; i < count; ++i) {
    const double wanted = (i + 0.5) / count - 0.5;
    while (above < wanted) {
      x += grid;
      below = above;
      above = normal_integral(x + grid);
    }
    const double value = x + grid * (wanted - below) / (above - below);
    quantile[std::size_t(i)] = value;
    quantile[std::size_t(count - 1 - i)] = -value;
  }
  return quantile;
}

AffinityTable balanced_affinities() {
  AffinityTable table;
  for (const double x : normal_quantiles(draw_count)) table.affinity.push_back(fixed(sigmoid(x)));
  return table;
}

AffinityTable popular_affinities() {
  AffinityTable table;
  for (const double x : normal_quantiles(draw_count)) {
    table.logit.push_back(logit_key(x));
  }
  for (int key = -draw_count / 2; key < draw_count / 2; ++key)
    table.affinity.push_back(fixed(sigmoid(key * logit_unit)));
  return table;
}

}  // namespace orrery
