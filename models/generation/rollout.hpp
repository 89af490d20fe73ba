#pragma once

#include <vector>

#include "models/generation/answer_lengths.hpp"
#include "models/generation/decode_step.hpp"

namespace orrery {

/// What is asked of one instance.
struct Questions {
  std::int64_t answers = 0;
  std::int64_t prompt_tokens = 0;
  AnswerLengths lengths;
  std::uint64_t seed = 0, draw = 0;  ///< Answers are draws of (seed, draw).
};

/// How the instance went through them.
struct Rollout {
  Seconds time{};        ///< Until the last answer ends; reading the prompts apart.
  Seconds until_half{};  ///< Until half of the answers have ended.
  double tokens = 0;     ///< Of answers.
  double longest = 0;    ///< Of one answer.
  double squares = 0;    ///< Of the lengths with their prompts, summed.
  std::int64_t steps = 0;
  double sequences = 0;  ///< At once in a tensor group, mean over steps of the fullest.
  DecodeTime spent;      ///< All steps together.
  /// Of that, while the line of waiting answers went from three quarters of all to none, and the tokens then.
  DecodeTime steady;
  double steady_tokens = 0;
  std::int64_t steady_steps = 0;
};

/// Generates all answers on one instance with continuous batching.
///
/// Answers wait in one line. A tensor group takes the next one when it has fewer than `most_sequences` and
/// room in its cache for the whole answer and its prompt, the emptiest group first. Every step gives each
/// sequence `tokens_a_step` tokens; all groups wait for the one with the most sequences and the fullest
/// cache. Steps between two ends of answers, at most `stride` of them, are priced at the cache of their
/// middle.
///
/// Checked     tests/models/generation/rollout_test.cpp: a slow twin that walks single steps; equal answers
///             against steps x price; tokens in = tokens out.
/// Leaves out  preemption, as if answers told their length beforehand; prompts shared in the cache by the
///             answers of one group; whole tokens of accepted drafts (their mean is taken).
/// Precondition: `check_deployment` found nothing for the longest answer and its prompt.
Rollout roll_out(const Deployment& deployment, DecodePricer& pricer, const Questions& questions);
constexpr std::int64_t stride = 128;

/// The same for more answers than are worth walking: the first `walked` are, and the tokens of the others
/// come at the rate at which tokens came while the line was between three quarters long and empty. Lengths
/// are drawn for all, up to a million.
Rollout roll_out_many(const Deployment& deployment, DecodePricer& pricer, const Questions& questions,
                      std::int64_t walked);

}  // namespace orrery
