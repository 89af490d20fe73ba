#pragma once

#include <optional>
#include <string>
#include <vector>

#include "models/generation/rollout.hpp"
#include "models/training/step.hpp"
#include "sim/parallel.hpp"

namespace orrery {

/// Learning from the answers by GRPO.
struct PolicyLearning {
  int prompts = 1, group = 1;  ///< Questions of a policy step, answers to each.
  int rollout_steps = 1;       ///< Policy steps that one rollout feeds.
  bool reward_model = false;   ///< Else rules, which the hosts check meanwhile.
  int sequence = 1;            ///< Tokens of a packed training sequence.
  double packing = 1;          ///< Share of it that holds tokens of prompts and answers.
  /// Of one GPU with its host's memory, where models go that are not at work; none: not counted.
  std::optional<BytesPerSecond> host_link;
};

/// A phase in which the model answers questions on all of the cluster's GPUs: to keep the answers as data for
/// distillation, or to learn from them.
struct AnswerPhase {
  std::string place;      ///< Of the phase in the scenario, for findings: "phase[1]".
  Deployment deployment;  ///< One instance; as many as fit on the cluster work side by side.
  std::int64_t prompt_tokens = 1;
  AnswerLengths lengths;
  std::int64_t answers = 0;  ///< That are wanted, without learning.
  double kept = 1;           ///< Share of all answers that is good enough to keep.
  std::optional<PolicyLearning> learning;
};

/// A part of a phase, of one policy step or, without learning, of the whole phase.
struct PhasePart {
  std::string name;
  Seconds time{};
};

constexpr std::string_view generating_part = "generating answers";

/// How the answering went.
struct AnswerFigures {
  double answers = 0;      ///< In the whole phase.
  double mean_tokens = 0;  ///< Of one answer.
  double longest = 0;      ///< Tokens of the longest that was drawn.
  double seen = 0;  ///< Tokens of the sample, prompt and answer, that a token belongs to: mean over tokens.
  double tokens_per_s = 0;  ///< Of answers, a GPU, while answers are generated.
  double sequences = 0;     ///< At once in a tensor group.
  double after_half = 0;    ///< Share of the time after half of the answers have ended: the tail.
  double draws_differ = 0;  ///< Standard deviation over draws of a rollout's time, over their mean.
  DecodeTime spent;         ///< Shares of `total` on the fullest rank.
};

struct AnsweredPhase {
  Seconds wall{};           ///< Of the whole phase.
  Seconds step{};           ///< Of a policy step; zero without learning.
  std::int64_t tokens = 0;  ///< Prompts and answers.
  Bytes peak{};             ///< Of the fullest rank in a policy step; zero without learning.
  std::vector<PhasePart> parts;
  AnswerFigures figures;
  std::vector<std::string> notes;
};

/// What keeps the phase from running; keys are of the scenario's [generation] and [[phase]].
Findings check_answer_phase(const AnswerPhase& phase, const TrainingPlan& plan);

/// Answers, and what follows from them, on the cluster of `plan`.
///
///   prompts   each is read once by an instance, forward, on the layout that generates (answers of a group
///             share it);
///   answers   every instance takes an equal share of a rollout; the slowest of them ends it. Mean over four
///             draws of the lengths; of more than 16 instances 16 are walked;
///   passes    log probabilities by the reference, and a reward model's forward: `simulate_forward` of all
///             answers with their prompts, packed, on the training layout; attention stays within each;
///   policy    `simulate_step` of the packed answers of one policy step, the tail of the step included;
///   weights   after the last policy step of a rollout every generating GPU receives its weights through its
///             NIC, while every training GPU sends an equal share: the longer of the two;
///   host      with `host_link`: training state out before the answers and back before the policy steps, BF16
///             weights of the reference and of a reward model in, one after another.
/// These follow one another: all models share all GPUs, as in DeepSeek's (DeepSeek-V2 report, section 4.2).
///
/// Units       steps: policy steps.
/// Source      GRPO: DeepSeekMath, arXiv 2402.03300, section 4.1; a group's mean and deviation stand in for a
///             critic, so there is none. DeepSeek-V3 report, section 5.2.
/// Checked     tests/models/run/answer_phase_test.cpp: parts sum to the step, weights at the NICs' speed, a
///             reward model as one pass more, four times the answers in four times the time;
///             tests/differential/answers_test.cpp: README's table, beside what was published.
/// Leaves out  time of rules beyond what hosts hide, sampling of questions, evaluation; answers of an old
///             policy that are learnt from late (asynchronous rollouts).
/// Precondition: `check_answer_phase` found nothing.
AnsweredPhase simulate_answers(const AnswerPhase& phase, const TrainingPlan& plan, std::int64_t steps,
                               const std::string& fallback, const Parallel& parallel);

}  // namespace orrery
