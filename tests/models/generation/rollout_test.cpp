#include "models/generation/rollout.hpp"

#include <algorithm>
#include <cmath>
#include <deque>

#include "tests/models/generation/deployed.hpp"

namespace orrery {
namespace {

Questions questions(std::int64_t answers, AnswerLengths::Law law, double mean, std::int64_t limit = 8000) {
  return {.answers = answers,
          .prompt_tokens = 100,
          .lengths = {.law = law, .mean = mean, .limit = limit, .measured = nullptr},
          .seed = 5};
}

TEST(AnswerLengths, HaveTheirMeanAndStayWithinTheirLimit) {
  using Law = AnswerLengths::Law;
  for (const Law law : {Law::Fixed, Law::Uniform, Law::Exponential}) {
    AnswerLengths lengths{.law = law, .mean = 500, .limit = 1'000'000, .measured = nullptr};
    RandomStream draws(3, {.owner = "test", .purpose = "lengths"});
    double sum = 0, squares = 0;
    constexpr int n = 20000;
    for (int i = 0; i < n; ++i) {
      const double x = double(draw_length(lengths, draws));
      sum += x, squares += x * x;
    }
    const double mean = sum / n, deviation = std::sqrt(squares / n - mean * mean);
    // Four deviations of the mean of 20,000; deviations of the laws: 0, mean / sqrt(3), mean.
    EXPECT_NEAR(mean, 500, 4 * 500 / std::sqrt(double(n)) + 0.5);
    EXPECT_NEAR(deviation, law == Law::Fixed ? 0 : law == Law::Uniform ? 500 / std::sqrt(3.0) : 500, 25);
    lengths.limit = 300;
    for (int i = 0; i < 1000; ++i) EXPECT_LE(draw_length(lengths, draws), 300);
  }
  const AnswerLengths measured{
      .law = AnswerLengths::Law::Measured,
      .mean = 100,
      .limit = 1000,
      .measured = std::make_shared<const std::vector<double>>(std::vector<double>{0.5, 1.5})};
  RandomStream draws(3, {.owner = "test", .purpose = "lengths"});
  for (int i = 0; i < 100; ++i) {
    const std::int64_t length = draw_length(measured, draws);
    EXPECT_TRUE(length == 50 || length == 150);
  }
}

// 64 groups, 128 answers of 1,000 tokens: two at once in each, 1,000 steps, the cache two sequences of 100 to
// 1,099.
TEST(Rollout, OfEqualAnswersIsTheSumOfItsSteps) {
  const Deployment d = answering(8).deployment;
  DecodePricer pricer(d);
  const Rollout rollout = roll_out(d, pricer, questions(128, AnswerLengths::Law::Fixed, 1000));
  double sum = 0;
  for (int step = 0; step < 1000; ++step) sum += pricer.step(2, 2 * (100 + step)).total.value();
  EXPECT_EQ(rollout.steps, 1000);
  EXPECT_EQ(rollout.tokens, 128'000);
  EXPECT_EQ(rollout.sequences, 2);
  EXPECT_EQ(rollout.squares, 128.0 * 1100 * 1100);
  EXPECT_NEAR(rollout.time.value() / sum, 1, 1e-3);
  EXPECT_EQ(rollout.until_half, rollout.time) << "all end together";
}

/// Single steps, lists instead of sums: groups of (tokens left, tokens in the cache).
double slow_rollout(const Deployment& d, DecodePricer& pricer, const Questions& q, std::int64_t most) {
  struct Sequence {
    double left;
    double cached;
    std::int64_t room;
  };
  std::vector<std::vector<Sequence>> groups(std::size_t(d.groups()));
  const std::int64_t room = instance_memory(d).cache_tokens;
  std::deque<std::int64_t> waiting;
  RandomStream draws(q.seed, {.owner = "generation", .purpose = "answer length", .index = q.draw});
  for (std::int64_t i = 0; i < q.answers; ++i) waiting.push_back(draw_length(q.lengths, draws));
  double time = 0;
  for (;;) {
    while (!waiting.empty()) {
      std::vector<Sequence>* emptiest = nullptr;
      for (auto& group : groups) {
        std::int64_t held = 0;
        for (const Sequence& s : group) held += s.room;
        const bool takes =
            std::int64_t(group.size()) < most && held + q.prompt_tokens + waiting.front() <= room;
        if (takes && (!emptiest || group.size() < emptiest->size())) emptiest = &group;
      }
      if (!emptiest) break;
      emptiest->push_back(
          {double(waiting.front()), double(q.prompt_tokens), q.prompt_tokens + waiting.front()});
      waiting.pop_front();
    }
    std::size_t sequences = 0;
    double keys = 0;
    for (const auto& group : groups) {
      double cached = 0;
      for (const Sequence& s : group) cached += s.cached + 0.5 * d.tokens_a_step();
      sequences = std::max(sequences, group.size());
      keys = std::max(keys, cached);
    }
    if (sequences == 0) return time;
    time += pricer.step(int(sequences), std::int64_t(keys + 0.5)).total.value();
    for (auto& group : groups) {
      for (Sequence& s : group) s.left -= d.tokens_a_step(), s.cached += d.tokens_a_step();
      std::erase_if(group, [](const Sequence& s) { return s.left <= 1e-9; });
    }
  }
}

TEST(Rollout, AgreesWithASlowTwinThatWalksSingleSteps) {
  for (const char* acceptance : {"0 %", "80 %"}) {
    for (const std::int64_t most : {3, 1000}) {
      Deployment d = answering(4, {"generation.draft_acceptance=" + std::string(acceptance)}).deployment;
      d.most_sequences = int(most);
      // Little room, so that answers wait for the cache too.
      d.memory_share =
          (double(instance_memory(d).weights.value()) + 70272.0 * 9000) / double(d.layout.gpu.memory.value());
      DecodePricer pricer(d);
      const Questions q = questions(300, AnswerLengths::Law::Exponential, 900, 3000);
      const Rollout fast = roll_out(d, pricer, q);
      EXPECT_NEAR(fast.time.value() / slow_rollout(d, pricer, q, most), 1, 2e-3);
      EXPECT_LE(fast.sequences, double(most));
      EXPECT_EQ(fast.longest, 3000);
    }
  }
}

TEST(Rollout, AnswersEverythingItIsAsked) {
  const Deployment d = answering(4).deployment;
  DecodePricer pricer(d);
  const Questions q = questions(777, AnswerLengths::Law::Uniform, 400);
  RandomStream draws(q.seed, {.owner = "generation", .purpose = "answer length", .index = 0});
  double tokens = 0;
  for (int i = 0; i < 777; ++i) tokens += double(draw_length(q.lengths, draws));
  const Rollout rollout = roll_out(d, pricer, q);
  EXPECT_EQ(rollout.tokens, tokens);
  EXPECT_LT(rollout.until_half, rollout.time);
  const DecodeTime& s = rollout.spent;
  EXPECT_NEAR((s.core + s.experts + s.other + s.exposed + s.host).value(), rollout.time.value(), 1e-9);
}

// 32 groups of 8 places work 40,000 answers of 300 tokens off in some 47,000 steps. The tail, in which the
// last ones end, is up to 3,000 steps long, give or take 700: 1.5 % of the whole.
TEST(RollOutMany, GoesOnAtTheRateThatTheWalkedAnswersHave) {
  Deployment d = answering(4).deployment;
  d.most_sequences = 8;
  DecodePricer pricer(d);
  const Questions q = questions(40'000, AnswerLengths::Law::Exponential, 300, 3000);
  const Rollout all = roll_out(d, pricer, q), some = roll_out_many(d, pricer, q, 4000);
  EXPECT_NEAR(some.time / all.time, 1, 0.03);
  EXPECT_EQ(some.tokens, all.tokens);
  EXPECT_NEAR(double(some.steps) / double(all.steps), 1, 0.03);
  EXPECT_EQ(roll_out_many(d, pricer, q, 40'000).time, all.time);
}

}  // namespace
}  // namespace orrery
