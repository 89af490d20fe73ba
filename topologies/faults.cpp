#include "topologies/faults.hpp"

#include <algorithm>
#include <charconv>
#include <map>

#include "topologies/networks.hpp"

namespace orrery {
namespace {

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

constexpr const char* grammar = "as: plane 3 down; nic 5.3 at 0.5; cable leaf 0.2 - spine 0.1 down";

/// The network between NICs by name: what can fail.
class Parts {
 public:
  explicit Parts(const Fabric& fabric) : fabric_(fabric) {
    for (VertexIndex v = fabric.first_nic(); v < fabric.vertices.size(); ++v)
      by_name_[vertex_name(fabric, v)] = v;
  }

  /// Links of a part, both ways; empty: there is no such part.
  std::vector<LinkIndex> links_of(std::string_view what) const {
    std::vector<LinkIndex> links;
    if (what.starts_with("plane ")) return links_of_plane(what.substr(6));
    if (what.starts_with("cable ")) return links_of_cable(what.substr(6));
    const auto found = by_name_.find(std::string(what));
    if (found == by_name_.end()) return links;
    for (LinkIndex l = 2 * fabric_.gpus(); l < fabric_.links.size(); ++l)
      if (fabric_.links[l].from == found->second || fabric_.links[l].to == found->second) links.push_back(l);
    return links;
  }

 private:
  std::vector<LinkIndex> links_of_plane(std::string_view number) const {
    std::uint32_t plane = 0;
    std::vector<LinkIndex> links;
    const auto [end, fault] = std::from_chars(number.data(), number.data() + number.size(), plane);
    if (fault != std::errc() || end != number.data() + number.size() || plane >= fabric_.planes) return links;
    for (std::uint32_t nic = 0; nic < fabric_.nics(); ++nic) {
      if (nic % fabric_.nics_per_node % fabric_.planes != plane) continue;
      links.push_back(2 * fabric_.gpus() + nic);
      links.push_back(2 * fabric_.gpus() + fabric_.nics() + nic);
    }
    return links;
  }

  std::vector<LinkIndex> links_of_cable(std::string_view ends) const {
    const std::size_t dash = ends.find(" - ");
    std::vector<LinkIndex> links;
    if (dash == std::string_view::npos) return links;
    const auto a = by_name_.find(std::string(trimmed(ends.substr(0, dash))));
    const auto b = by_name_.find(std::string(trimmed(ends.substr(dash + 3))));
    if (a == by_name_.end() || b == by_name_.end()) return links;
    for (const auto& [from, to] : {std::pair(a->second, b->second), std::pair(b->second, a->second)})
      for (LinkIndex l = 2 * fabric_.gpus(); l < fabric_.links.size(); ++l) {
        if (fabric_.links[l].from != from || fabric_.links[l].to != to) continue;
        links.push_back(l);
        break;
      }
    return links;
  }

  const Fabric& fabric_;
  std::map<std::string, VertexIndex> by_name_;
};

/// Two nodes between which no network is left, or one to which none is, twice; none where every two have one.
std::vector<std::uint32_t> parted_nodes(const Fabric& fabric) {
  const std::vector<std::uint32_t> networks = networks_of_nics(fabric);
  std::map<std::vector<std::uint32_t>, std::uint32_t>
      kinds;  // Networks that a node is on, and the first such node.
  for (std::uint32_t node = 0; node < fabric.nodes; ++node) {
    const auto its = networks.begin() + std::ptrdiff_t(node) * fabric.nics_per_node;
    kinds.emplace(std::vector(its, its + fabric.nics_per_node), node);
  }
  for (const auto& [its, node] : kinds)
    if (std::all_of(its.begin(), its.end(), [](std::uint32_t n) { return n == cut_off; }))
      return {node, node};
  for (const auto& [a, first] : kinds)
    for (const auto& [b, second] : kinds) {
      bool meet = false;
      for (std::size_t i = 0; i < a.size(); ++i) meet = meet || (a[i] != cut_off && a[i] == b[i]);
      if (!meet) return {first, second};
    }
  return {};
}

}  // namespace

Checked<std::vector<NetworkFault>> read_faults(std::string_view text) {
  Checked<std::vector<NetworkFault>> out;
  while (!trimmed(text).empty()) {
    const std::size_t end = std::min(text.find(';'), text.size());
    const std::string_view one = trimmed(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (one.empty()) continue;
    const std::size_t at = one.rfind(" at ");
    NetworkFault fault;
    if (one.ends_with(" down")) {
      fault.what = trimmed(one.substr(0, one.size() - 5));
    } else if (at != std::string_view::npos) {
      const std::string_view share = trimmed(one.substr(at + 4));
      fault.what = trimmed(one.substr(0, at));
      const auto [stop, wrong] = std::from_chars(share.data(), share.data() + share.size(), fault.left);
      if (wrong != std::errc() || stop != share.data() + share.size() ||
          !(fault.left > 0 && fault.left < 1)) {
        out.findings.push_back({"cluster.faults", "'" + std::string(share) + "' of a rate",
                                "a number above 0 and below 1; down where nothing is left"});
        continue;
      }
    } else {
      out.findings.push_back(
          {"cluster.faults", "'" + std::string(one) + "' does not say what is wrong", grammar});
      continue;
    }
    out.value.push_back(std::move(fault));
  }
  return out;
}

Findings apply_faults(Fabric& fabric, std::span<const NetworkFault> faults) {
  Findings findings;
  if (faults.empty()) return findings;
  const Parts parts(fabric);
  for (const NetworkFault& fault : faults) {
    const std::vector<LinkIndex> links = parts.links_of(fault.what);
    if (links.empty())
      findings.push_back({"cluster.faults", "the fabric has no '" + fault.what + "'",
                          "a part of orrery topology export, " + std::string(grammar)});
    for (const LinkIndex link : links)
      fabric.links[link].capacity = BytesPerSecond(fabric.links[link].capacity.value() * fault.left);
  }
  if (!findings.empty()) return findings;
  const std::vector<std::uint32_t> parted = parted_nodes(fabric);
  if (!parted.empty())
    findings.push_back(
        {"cluster.faults",
         parted[0] == parted[1] ? "no network is left to node " + std::to_string(parted[0])
                                : "no network is left between nodes " + std::to_string(parted[0]) + " and " +
                                      std::to_string(parted[1]),
         "faults that leave every two nodes a network in common: a job does not go on without"});
  return findings;
}

}  // namespace orrery
