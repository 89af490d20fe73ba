#include "models/generation/rollout.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <queue>

#include "sim/check.hpp"

namespace orrery {
namespace {

/// One sequence that is being answered, by the step after which it ends.
struct Active {
  std::int64_t last_step;
  std::int64_t first_step, room;  ///< Room in the cache that it holds, and when it began.
  bool operator>(const Active& other) const { return last_step > other.last_step; }
};

/// Sequences of one tensor group.
struct Group {
  std::priority_queue<Active, std::vector<Active>, std::greater<>> active;
  std::int64_t room = 0;  ///< Left in the cache.
  double begun = 0;       ///< Sum of the steps at which the active ones began.
  std::int64_t count() const { return std::int64_t(active.size()); }
};

RandomStream lengths_of(const Questions& questions) {
  return {questions.seed, {.owner = "generation", .purpose = "answer length", .index = questions.draw}};
}

class Instance {
 public:
  Instance(const Deployment& deployment, DecodePricer& pricer, const Questions& questions)
      : pricer_(pricer),
        questions_(questions),
        gain_(deployment.tokens_a_step()),
        most_(deployment.most_sequences),
        draws_(lengths_of(questions)),
        room_(instance_memory(deployment).cache_tokens),
        groups_(std::size_t(deployment.groups())) {
    for (Group& group : groups_) group.room = room_;
    waiting_ = questions.answers;
    next_length_ = waiting_ > 0 ? draw_length(questions.lengths, draws_) : 0;
  }

  Rollout run() {
    admit();
    std::int64_t ended = 0;
    while (busy_ > 0) {
      std::int64_t next = step_ + stride;
      for (const Group& group : groups_)
        if (group.count() > 0) next = std::min(next, group.active.top().last_step);
      advance(next - step_);
      for (Group& group : groups_) {
        while (group.count() > 0 && group.active.top().last_step == step_) {
          const Active& done = group.active.top();
          group.room += done.room;
          group.begun -= double(done.first_step);
          group.active.pop();
          --busy_, ++ended;
          if (2 * ended >= questions_.answers && result_.until_half == Seconds(0))
            result_.until_half = result_.time;
        }
      }
      admit();
    }
    // Everything was answered, and the cache is as empty as it was.
    ORRERY_CHECK(waiting_ == 0 && ended == questions_.answers);
    for (const Group& group : groups_) ORRERY_CHECK(group.room == room_ && group.begun == 0);
    if (result_.steps > 0) result_.sequences /= double(result_.steps);
    return result_;
  }

 private:
  /// All groups take `steps` steps; sequences and caches of the fullest decide.
  void advance(std::int64_t steps) {
    const double middle = double(step_) + 0.5 * double(steps);
    std::int64_t sequences = 0, all = 0;
    double keys = 0;
    for (const Group& group : groups_) {
      all += group.count();
      sequences = std::max(sequences, group.count());
      keys = std::max(keys, double(group.count()) * (double(questions_.prompt_tokens) + gain_ * middle) -
                                gain_ * group.begun);
    }
    const DecodeTime one = pricer_.step(int(sequences), std::int64_t(keys + 0.5));
    result_.spent.add(one, double(steps));
    if (waiting_ > 0 && 4 * waiting_ <= 3 * questions_.answers) {
      result_.steady.add(one, double(steps));
      result_.steady_steps += steps;
      result_.steady_tokens += double(all) * gain_ * double(steps);
    }
    result_.time = result_.spent.total;
    result_.sequences += double(sequences) * double(steps);
    result_.steps += steps;
    step_ += steps;
  }

  void admit() {
    while (waiting_ > 0) {
      const std::int64_t needed = questions_.prompt_tokens + next_length_;
      Group* emptiest = nullptr;
      for (Group& group : groups_) {
        const bool takes = group.count() < most_ && group.room >= needed;
        if (takes && (!emptiest || group.count() < emptiest->count())) emptiest = &group;
      }
      if (!emptiest) return;
      const auto steps = std::int64_t(std::ceil(double(next_length_) / gain_));
      emptiest->active.push({step_ + steps, step_, needed});
      emptiest->room -= needed;
      emptiest->begun += double(step_);
      ++busy_, --waiting_;
      result_.tokens += double(next_length_);
      result_.squares += double(needed) * double(needed);
      result_.longest = std::max(result_.longest, double(next_length_));
      if (waiting_ > 0) next_length_ = draw_length(questions_.lengths, draws_);
    }
  }

  DecodePricer& pricer_;
  const Questions& questions_;
  double gain_;
  std::int64_t most_;
  RandomStream draws_;
  std::int64_t room_;
  std::vector<Group> groups_;
  std::int64_t waiting_ = 0, next_length_ = 0, step_ = 0, busy_ = 0;
  Rollout result_;
};

constexpr std::int64_t most_drawn = 1'000'000;

/// Of every answer that is asked for.
double all_tokens(const Questions& questions) {
  RandomStream draws = lengths_of(questions);
  const std::int64_t drawn = std::min(questions.answers, most_drawn);
  double tokens = 0;
  for (std::int64_t i = 0; i < drawn; ++i) tokens += double(draw_length(questions.lengths, draws));
  return tokens * (double(questions.answers) / double(drawn));
}

}  // namespace

Rollout roll_out(const Deployment& deployment, DecodePricer& pricer, const Questions& questions) {
  return Instance(deployment, pricer, questions).run();
}

Rollout roll_out_many(const Deployment& deployment, DecodePricer& pricer, const Questions& questions,
                      std::int64_t walked) {
  Questions some = questions;
  some.answers = std::min(walked, questions.answers);
  Rollout all = roll_out(deployment, pricer, some);
  if (some.answers == questions.answers) return all;
  if (all.steady_tokens == 0) return roll_out(deployment, pricer, questions);
  const double tokens = all_tokens(questions), more = (tokens - all.tokens) / all.steady_tokens;
  all.spent.add(all.steady, more);
  all.time = all.spent.total;
  all.steps += std::int64_t(more * double(all.steady_steps));
  all.squares *= tokens / all.tokens;
  all.tokens = tokens;
  return all;
}

}  // namespace orrery
