#include "models/training/shared_nic.hpp"

#include <gtest/gtest.h>

#include "sim/flow_network.hpp"
#include "sim/random.hpp"

namespace orrery {
namespace {

struct Ends {
  std::int64_t transfer = 0, message = 0;
};

/// One link, two flows weighted by size, started at their times.
Ends on_a_network(Bytes transfer, std::int64_t transfer_at, Bytes message, std::int64_t message_at) {
  FlowNetwork network({BytesPerSecond(1e9)});
  const PathLink path[] = {{0, 1.0f}};
  const auto start = [&](std::int64_t at, Bytes size, std::uint32_t tag) {
    network.start(Picoseconds(at), {.size = size, .weight = double(size.value()), .path = path, .tag = tag});
  };
  std::vector<FlowNetwork::Completion> ended;
  if (transfer_at <= message_at) {
    start(transfer_at, transfer, 0);
    network.advance(Picoseconds(message_at), ended);
    start(message_at, message, 1);
  } else {
    start(message_at, message, 1);
    network.advance(Picoseconds(transfer_at), ended);
    start(transfer_at, transfer, 0);
  }
  network.advance(Picoseconds(std::int64_t(1) << 60), ended);
  Ends ends;
  for (const auto& e : ended) (e.tag == 0 ? ends.transfer : ends.message) = e.at.value();
  return ends;
}

// 1 B/ns = 1,000 ps a byte on the link.
constexpr std::int64_t ps_a_byte = 1000;

TEST(SharedNic, AMessageThatMeetsATransferEndsWhenBothAreThrough) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    RandomStream random(seed, {.owner = "test", .purpose = "nic"});
    const std::int64_t transfer = 1000 + random.below(1'000'000), message = 1000 + random.below(200'000);
    const std::int64_t at = random.below(std::uint32_t(transfer)) * ps_a_byte;
    const Ends flows = on_a_network(Bytes(transfer), 0, Bytes(message), at);
    SharedNic nic;
    nic.transfer(0, transfer * ps_a_byte, message * ps_a_byte);
    const std::int64_t message_end = nic.message(at, message * ps_a_byte, message * ps_a_byte);
    const std::int64_t transfer_end = transfer * ps_a_byte + nic.take_transfer_delay();
    EXPECT_NEAR(double(message_end), double(flows.message), 2e3) << "seed " << seed;
    EXPECT_NEAR(double(transfer_end), double(flows.transfer), 2e3) << "seed " << seed;
  }
}

TEST(SharedNic, ATransferThatMeetsAMessageWaitsForTheRestOfIt) {
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    RandomStream random(seed, {.owner = "test", .purpose = "nic"});
    const std::int64_t transfer = 300'000 + random.below(1'000'000), message = 1000 + random.below(200'000);
    const std::int64_t at = random.below(std::uint32_t(message)) * ps_a_byte;
    const Ends flows = on_a_network(Bytes(transfer), at, Bytes(message), 0);
    SharedNic nic;
    const std::int64_t alone_end = nic.message(0, message * ps_a_byte, message * ps_a_byte);
    nic.transfer(at, at + transfer * ps_a_byte, message * ps_a_byte);
    EXPECT_NEAR(double(alone_end + nic.take_message_delay()), double(flows.message), 2e3) << "seed " << seed;
    EXPECT_NEAR(double(at + transfer * ps_a_byte + nic.take_transfer_delay()), double(flows.transfer), 2e3)
        << "seed " << seed;
  }
}

TEST(SharedNic, NothingIsAddedWhereNothingMeets) {
  SharedNic nic;
  EXPECT_EQ(nic.message(0, 500, 500), 500);
  nic.transfer(600, 1600, 500);
  EXPECT_EQ(nic.take_transfer_delay(), 0);
  nic.transfer_over();
  EXPECT_EQ(nic.message(2000, 500, 1000), 3000);  // Two messages share the sender's NIC.
  EXPECT_EQ(nic.take_transfer_delay(), 0);
}

}  // namespace
}  // namespace orrery
