#include "models/generation/answer_lengths.hpp"

#include <algorithm>

namespace orrery {

std::int64_t draw_length(const AnswerLengths& lengths, RandomStream& draws) {
  double tokens = lengths.mean;
  switch (lengths.law) {
    case AnswerLengths::Law::Fixed:
      break;
    case AnswerLengths::Law::Uniform:
      tokens *= 2 * draws.uniform();
      break;
    case AnswerLengths::Law::Exponential:
      tokens *= draws.exponential();
      break;
    case AnswerLengths::Law::Measured:
      tokens *= (*lengths.measured)[draws.below(std::uint32_t(lengths.measured->size()))];
      break;
  }
  return std::clamp<std::int64_t>(std::int64_t(tokens + 0.5), 1, std::max<std::int64_t>(1, lengths.limit));
}

}  // namespace orrery
