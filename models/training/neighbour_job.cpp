#include "models/training/executor_state.hpp"
#include "sim/random.hpp"

// Another job on the same fabric. Its nodes stand between ours, dealt evenly: our node k is node
// k + floor(k neighbours / ours) of the fabric, and the gaps are theirs. Each of its NICs sends without rest
// until our last op is done: a message to a node drawn anew, then the next. What it computes is nobody's
// concern here.
namespace orrery::execution {
namespace {

constexpr Bytes message(64'000'000);  // Long enough that its start does not count.

}  // namespace

void Executor::meet_neighbours() {
  if (r_.neighbour_nodes == 0) return;
  const std::uint32_t ours = r_.fabric->nodes - r_.neighbour_nodes;
  std::uint32_t node = 0;
  for (std::uint32_t k = 0; k <= ours; ++k) {
    const std::uint32_t next = k < ours ? place_of(k) : r_.fabric->nodes;
    while (node < next) neighbours_.push_back(node++);
    ++node;
  }
  ORRERY_CHECK(neighbours_.size() == r_.neighbour_nodes);
  const auto nics = std::uint32_t(neighbours_.size()) * r_.fabric->nics_per_node;
  neighbour_messages_.assign(nics, 0);
  for (std::uint32_t nic = 0; nic < nics && neighbours_.size() > 1; ++nic) send_as_neighbour(nic);
}

/// The n-th draw of a NIC is its own, whatever the others do.
void Executor::send_as_neighbour(std::uint32_t nic) {
  const std::uint32_t each = r_.fabric->nics_per_node, home = nic / each;
  RandomStream random(r_.seed, {.owner = "neighbour job",
                                .purpose = "destination",
                                .index = std::uint64_t(nic) << 32 | neighbour_messages_[nic]++});
  const std::uint32_t others = std::uint32_t(neighbours_.size()) - 1, drawn = random.below(others);
  const std::uint32_t to = drawn < home ? drawn : drawn + 1;
  const std::uint32_t local = nic % each * (r_.fabric->gpus_per_node / each);
  links_.clear();
  router_->append_rail_route(r_.fabric->gpu(neighbours_[home], local), r_.fabric->gpu(neighbours_[to], local),
                             neighbour_messages_[nic], links_);
  path_.clear();
  for (const LinkIndex link : links_) path_.push_back({link, 1.0f});
  network_->start(
      Picoseconds(now_),
      {.size = message, .weight = double(message.value()), .path = path_, .tag = neighbour_tag | nic});
}

}  // namespace orrery::execution
