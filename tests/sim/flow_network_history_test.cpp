#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "sim/flow_network.hpp"
#include "tests/sim/random_network.hpp"

// The fast network against the plain one through random histories of starts, ends and changed capacities.
namespace orrery {
namespace {

struct Live {
  FlowIndex index;
  Bytes size;
  SharedFlow flow;
  double moved = 0;  // Bytes, by adding up reference rates.
};

// A network with the memory that the plain reference needs: which flows are live, what they carried.
class Witness {
 public:
  explicit Witness(std::uint64_t seed) : random_(seed, {.owner = "test", .purpose = "history"}), fast_({}) {
    // Every third network is sparse, so that changes meet flows that need no update.
    const std::uint32_t links = seed % 3 == 0 ? 40 + random_.below(40) : 1 + random_.below(24);
    for (std::uint32_t l = 0; l < links; ++l) capacity_.push_back(random_capacity(random_));
    carried_.resize(links);
    fast_ = FlowNetwork(capacity_);
  }

  void run(int steps) {
    for (int step = 0; step < steps; ++step) {
      const std::uint32_t what = random_.below(8);
      if (what < 3 && live_.size() < 40) {
        for (std::uint32_t n = 1 + random_.below(6); n > 0; --n) start();
      } else if (what == 3) {
        const LinkIndex link = random_.below(std::uint32_t(capacity_.size()));
        capacity_[link] = random_capacity(random_);
        fast_.set_capacity(now_, link, capacity_[link]);
      } else {
        move();
      }
      compare_rates();
      if (::testing::Test::HasFatalFailure()) return;
    }
    while (fast_.next_completion() != never) {
      move();
      compare_rates();
      if (::testing::Test::HasFatalFailure()) return;
    }
    ASSERT_TRUE(live_.empty()) << "a flow was lost";
    for (LinkIndex link = 0; link < capacity_.size(); ++link) {
      ASSERT_EQ(fast_.carried(link), carried_[link]) << "link " << link;
    }
  }

  const std::vector<FlowNetwork::Completion>& record() const { return record_; }
  std::uint64_t updates() const { return fast_.updates(); }

 private:
  void start() {
    Live live{.index = 0, .size = Bytes(1 + random_.below(4'000'000)), .flow = {}};
    // A third take the path of another one: such flows are one bundle.
    const bool beside = !live_.empty() && random_.below(3) == 0;
    live.flow.path =
        beside ? std::next(live_.begin(), random_.below(std::uint32_t(live_.size())))->second.flow.path
               : random_path(random_, std::uint32_t(capacity_.size()));
    const bool in_proportion = random_.below(2) == 0;
    live.flow.weight = in_proportion ? double(live.size.value()) * 1e-6 : random_weight(random_);
    live.index = fast_.start(
        now_, {.size = live.size, .weight = live.flow.weight, .path = live.flow.path, .tag = next_tag_});
    live_[next_tag_++] = live;
  }

  // To the next end, or to a moment between two.
  void move() {
    const Picoseconds next = fast_.next_completion();
    if (next == never) return;
    ASSERT_GE(next, now_);
    Picoseconds until = next;
    if (random_.below(3) == 0) until = now_ + Picoseconds((next - now_).value() / 2);
    carry(to_seconds(until - now_).value());
    now_ = until;
    std::vector<FlowNetwork::Completion> done;
    fast_.advance(until, done);
    ASSERT_EQ(done.empty(), until != next);
    for (const FlowNetwork::Completion& completion : done) {
      ASSERT_EQ(completion.at, until);
      ASSERT_TRUE(live_.contains(completion.tag)) << "ended twice";
      const Live& live = live_[completion.tag];
      ASSERT_EQ(completion.flow, live.index);
      // Within a picosecond of its rate after it had carried its size, and not before.
      const double rate = live.flow.weight * highest_level_;
      ASSERT_NEAR(live.moved, double(live.size.value()), 1e-9 * double(live.size.value()) + rate * 2e-12);
      for (const PathLink& step : live.flow.path) {
        carried_[step.link] += Bytes(std::int64_t(double(step.share) * double(live.size.value()) + 0.5));
      }
      live_.erase(completion.tag);
    }
    for (const auto& [tag, live] : live_) {
      const double rate = live.flow.weight * highest_level_;
      ASSERT_LT(live.moved, double(live.size.value()) * (1 + 1e-9) + rate * 2e-12) << "tag " << tag;
    }
    ASSERT_TRUE(std::ranges::is_sorted(done, {}, &FlowNetwork::Completion::tag));
    record_.insert(record_.end(), done.begin(), done.end());
  }

  void carry(double seconds) {
    const auto rates = reference();
    std::size_t next = 0;
    for (auto& [tag, live] : live_) live.moved += rates[next++].value() * seconds;
  }

  std::vector<BytesPerSecond> reference() {
    std::vector<SharedFlow> flows;
    for (const auto& [tag, live] : live_) flows.push_back(live.flow);
    const auto rates = fair_share(capacity_, flows);
    for (std::size_t f = 0; f < flows.size(); ++f) {
      highest_level_ = std::max(highest_level_, rates[f].value() / flows[f].weight);
    }
    return rates;
  }

  void compare_rates() {
    const auto rates = reference();
    std::size_t next = 0;
    for (const auto& [tag, live] : live_) {
      const BytesPerSecond expected = rates[next++];
      ASSERT_NEAR(fast_.rate(live.index) / expected, 1.0, 1e-9) << "tag " << tag << " at " << now_.value();
    }
  }

  RandomStream random_;
  FlowNetwork fast_;
  std::vector<BytesPerSecond> capacity_;
  std::vector<Bytes> carried_;
  std::map<std::uint32_t, Live> live_;  // By tag, that is in order of start.
  std::vector<FlowNetwork::Completion> record_;
  Picoseconds now_{};
  std::uint32_t next_tag_ = 0;
  double highest_level_ = 0;
};

TEST(FlowNetworkHistory, RatesAreThoseOfThePlainReferenceAfterEveryChangeAndNoByteIsLost) {
  for (std::uint64_t seed = 0; seed < 2'000; ++seed) {
    Witness witness(seed);
    witness.run(60);
    ASSERT_FALSE(::testing::Test::HasFatalFailure()) << "seed " << seed;
  }
}

TEST(FlowNetworkHistory, TheSameCallsGiveTheSameBits) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    Witness first(seed), second(seed);
    first.run(60);
    second.run(60);
    ASSERT_EQ(first.updates(), second.updates());
    ASSERT_EQ(first.record().size(), second.record().size());
    for (std::size_t i = 0; i < first.record().size(); ++i) {
      ASSERT_EQ(first.record()[i].at, second.record()[i].at);
      ASSERT_EQ(first.record()[i].flow, second.record()[i].flow);
      ASSERT_EQ(first.record()[i].tag, second.record()[i].tag);
    }
  }
}

// A line in which every flow crosses two neighbours: what happens at one end is felt at the other, through
// every link between them.
TEST(FlowNetworkHistory, AChangeIsFeltAllAlongALine) {
  constexpr std::uint32_t links = 200;
  std::vector<BytesPerSecond> capacity;
  std::vector<SharedFlow> flows;
  std::vector<FlowIndex> index;
  for (LinkIndex l = 0; l <= links; ++l) capacity.push_back(BytesPerSecond(1e10 + 1e8 * l));
  FlowNetwork fast(capacity);
  for (LinkIndex l = 0; l < links; ++l) {
    flows.push_back({.weight = 1, .path = {{l, 1}, {l + 1, 1}}});
    index.push_back(fast.start({}, {.size = Bytes(1'000'000'000), .path = flows.back().path}));
  }
  for (const double factor : {0.5, 2.0, 1.0}) {
    capacity[0] = BytesPerSecond(factor * 1e10);
    fast.set_capacity({}, 0, capacity[0]);
    const auto expected = fair_share(capacity, flows);
    for (std::size_t f = 0; f < flows.size(); ++f) {
      ASSERT_NEAR(fast.rate(index[f]) / expected[f], 1.0, 1e-9) << "factor " << factor << " flow " << f;
    }
  }
  EXPECT_EQ(fast.updates(), 3u);  // The starts and the first change are one instant.
}

// Static networks of many sizes: `start` all, compare once.
TEST(FlowNetworkHistory, RatesOfRandomNetworksAreThoseOfThePlainReference) {
  for (std::uint64_t seed = 0; seed < 10'000; ++seed) {
    RandomStream random(seed, {.owner = "test", .purpose = "network"});
    const RandomNetwork network = random_network(random);
    const auto expected = fair_share(network.capacity, network.flows);
    FlowNetwork fast(network.capacity);
    std::vector<FlowIndex> index;
    for (const SharedFlow& flow : network.flows) {
      index.push_back(fast.start({}, {.size = Bytes(1'000'000), .weight = flow.weight, .path = flow.path}));
    }
    for (std::size_t f = 0; f < index.size(); ++f) {
      ASSERT_NEAR(fast.rate(index[f]) / expected[f], 1.0, 1e-9) << "seed " << seed << " flow " << f;
    }
  }
}

}  // namespace
}  // namespace orrery
