#include "sim/event_queue.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <tuple>

#include "sim/random.hpp"

namespace orrery {
namespace {

struct Plan {
  Picoseconds at;
  Phase phase;
  int payload;
};

bool before(const Plan& a, const Plan& b) { return std::tie(a.at, a.phase) < std::tie(b.at, b.phase); }

TEST(EventQueue, HandsOutByTimeThenPhaseThenInsertion) {
  EventQueue<int> queue;
  queue.schedule(Picoseconds(5), Phase::Start, 1);
  queue.schedule(Picoseconds(5), Phase::Finish, 2);
  queue.schedule(Picoseconds(5), Phase::Deliver, 3);
  queue.schedule(Picoseconds(4), Phase::Start, 4);
  queue.schedule(Picoseconds(5), Phase::Finish, 5);
  for (const int expected : {4, 2, 5, 3, 1}) EXPECT_EQ(queue.pop().payload, expected);
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(queue.inserted(), 5u);
}

TEST(EventQueue, KnowsWhenTheNextIsDueAndMovesItsClockThere) {
  EventQueue<int> queue;
  EXPECT_EQ(queue.next(), never);
  EXPECT_EQ(queue.now(), Picoseconds(0));
  queue.schedule(Picoseconds(7), Phase::Start, 0);
  EXPECT_EQ(queue.next(), Picoseconds(7));
  EXPECT_EQ(queue.now(), Picoseconds(0));
  queue.pop();
  EXPECT_EQ(queue.now(), Picoseconds(7));
  EXPECT_EQ(queue.next(), never);
}

TEST(EventQueue, TakesEventsForThisVeryInstant) {
  EventQueue<int> queue;
  queue.schedule(Picoseconds(7), Phase::Start, 1);
  queue.schedule(Picoseconds(7), Phase::Start, 2);
  queue.pop();
  queue.schedule(Picoseconds(7), Phase::Finish, 3);  // Goes before what still waits in a later phase.
  EXPECT_EQ(queue.pop().payload, 3);
  EXPECT_EQ(queue.pop().payload, 2);
}

TEST(EventQueueDeathTest, RefusesThePast) {
  EventQueue<int> queue;
  queue.schedule(Picoseconds(7), Phase::Start, 1);
  queue.pop();
  EXPECT_DEATH(queue.schedule(Picoseconds(6), Phase::Start, 2), "fault in orrery");
  EXPECT_DEATH(queue.pop(), "fault in orrery");
}

TEST(EventQueue, OrdersLikeAStableSort) {
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    RandomStream random(seed, {.owner = "test", .purpose = "events"});
    EventQueue<int> queue;
    std::vector<Plan> plans;
    const int count = int(random.below(200));
    for (int n = 0; n < count; ++n) {
      const Plan plan{Picoseconds(random.below(20)), Phase(random.below(3)), n};
      plans.push_back(plan);
      queue.schedule(plan.at, plan.phase, plan.payload);
    }
    std::ranges::stable_sort(plans, before);
    for (const Plan& plan : plans) {
      ASSERT_EQ(queue.next(), plan.at);
      const auto event = queue.pop();
      ASSERT_EQ(event.payload, plan.payload) << "seed " << seed;
      ASSERT_EQ(event.phase, plan.phase);
    }
    ASSERT_TRUE(queue.empty());
  }
}

TEST(EventQueue, KeepsItsOrderWhileEventsMakeEvents) {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    RandomStream random(seed, {.owner = "test", .purpose = "cascade"});
    EventQueue<int> queue;
    std::vector<Plan> waiting;  // In insertion order.
    int next = 0;
    for (int step = 0; step < 300; ++step) {
      if (queue.empty() || random.below(2) == 0) {
        const Plan plan{queue.now() + Picoseconds(random.below(5)), Phase(random.below(3)), next++};
        queue.schedule(plan.at, plan.phase, plan.payload);
        waiting.push_back(plan);
      } else {
        const auto expected = std::ranges::min_element(waiting, before);  // The first of equals.
        ASSERT_EQ(queue.pop().payload, expected->payload) << "seed " << seed;
        waiting.erase(expected);
      }
    }
  }
}

}  // namespace
}  // namespace orrery
