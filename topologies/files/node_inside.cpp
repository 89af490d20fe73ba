#include "topologies/files/node_inside.hpp"

#include <algorithm>
#include <array>

namespace orrery {

std::string_view nearness_word(Nearness nearness) {
  constexpr std::array<std::string_view, 5> words{"PIX", "PXB", "PHB", "NODE", "SYS"};
  return words[std::size_t(nearness)];
}

std::size_t NodeInside::nic_of(std::uint32_t gpu) const {
  const auto nearest = [&](std::uint32_t g) {
    Nearness best = Nearness::Sys;
    for (std::size_t nic = 0; nic < nics.size(); ++nic) best = std::min(best, near(g, nic));
    std::vector<std::size_t> all;
    for (std::size_t nic = 0; nic < nics.size(); ++nic)
      if (near(g, nic) == best) all.push_back(nic);
    return all;
  };
  const std::vector<std::size_t> mine = nearest(gpu);
  std::size_t turn = 0;
  for (std::uint32_t g = 0; g < gpu; ++g) turn += nearest(g) == mine;
  return mine[turn % mine.size()];
}

Checked<NodeInside> read_node_inside(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  const bool xml = first != std::string_view::npos && text[first] == '<';
  return xml ? read_nccl_topology(text) : read_nvidia_smi(text);
}

}  // namespace orrery
