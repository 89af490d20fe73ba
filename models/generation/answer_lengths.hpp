#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "sim/random.hpp"

namespace orrery {

/// How long answers are.
struct AnswerLengths {
  enum class Law : std::uint8_t {
    Fixed,        ///< All as long as the mean.
    Uniform,      ///< Anything from 1 to twice the mean.
    Exponential,  ///< After each token the same chance to end.
    Measured,     ///< Drawn from a list, scaled to the mean where one is given.
  };
  Law law = Law::Fixed;
  double mean = 1;                                      ///< Tokens, before the limit.
  std::int64_t limit = 1;                               ///< Longer ones are cut here.
  std::shared_ptr<const std::vector<double>> measured;  ///< Lengths; their mean is 1.
};

/// One answer's tokens, at least 1.
std::int64_t draw_length(const AnswerLengths& lengths, RandomStream& draws);

}  // namespace orrery
