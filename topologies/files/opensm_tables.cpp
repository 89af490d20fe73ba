#include <algorithm>
#include <cctype>
#include <map>

#include "topologies/files/files.hpp"
#include "topologies/files/ib_records.hpp"
#include "topologies/networks.hpp"

namespace orrery {
namespace {

class Tables {
 public:
  Tables(const IbRecords& records, const IbBoxes& boxes) : records_(records.all), boxes_(boxes) {}

  /// The fabric with its tables, or what is wrong with them.
  Checked<Fabric> read(std::string_view text, Fabric fabric) {
    fabric.forwarding = next_links(text, fabric);
    return {std::move(fabric), std::move(findings_)};
  }

 private:
  void refuse(int line, std::string problem, std::string remedy) {
    if (findings_.size() < most_findings)
      findings_.push_back(at_line(line, std::move(problem), std::move(remedy)));
  }

  /// [switch][NIC], by the names and ports of the records.
  std::vector<LinkIndex> next_links(std::string_view text, const Fabric& fabric) {
    const std::map<std::string, VertexIndex> vertex = vertices_by_name(fabric);
    std::map<std::string, std::size_t> record_of_guid;
    for (std::size_t r = 0; r < records_.size(); ++r)
      if (const std::size_t dash = records_[r].id.find('-'); dash != std::string::npos)
        record_of_guid[without_zeros(records_[r].id.substr(dash + 1))] = r;
    const std::vector<BothWays> links = links_of_cables(fabric, vertex);
    std::vector<LinkIndex> next(std::size_t(fabric.vertices.size() - fabric.first_switch()) * fabric.nics(),
                                no_link);
    std::size_t at = records_.size();
    int number = 0;
    for (std::size_t begin = 0; begin < text.size() && findings_.size() < most_findings;) {
      const std::size_t end = std::min(text.find('\n', begin), text.size());
      const std::string_view line = text.substr(begin, end - begin);
      begin = end + 1;
      ++number;
      if (line.starts_with("Unicast lids")) {
        const auto found = record_of_guid.find(guid_after(line, " guid 0x"));
        if (found == record_of_guid.end()) {
          refuse(
              number,
              "tables of a switch that the fabric does not have: '" + std::string(line.substr(0, 90)) + "'",
              "a dump of the same fabric");
          return next;
        }
        at = found->second;
        continue;
      }
      const std::size_t what = line.find("Channel Adapter portguid 0x");
      if (what == std::string_view::npos || at == records_.size()) continue;  // Of switches, or a heading.
      const std::size_t colon = line.find(": '", what), quote = line.rfind('\'');
      std::uint32_t port = 0;
      if (line.size() < 10 || !read_whole(line.substr(7, 3), port) || colon == std::string_view::npos ||
          quote <= colon + 2) {
        refuse(number, "an entry is cut short", "0x0001 001 # Channel Adapter portguid 0x1: 'node0 mlx5_0'");
        continue;
      }
      const auto nic = boxes_.nic_by_name.find(std::string(line.substr(colon + 3, quote - colon - 3)));
      if (nic == boxes_.nic_by_name.end()) continue;  // What aggregates.
      const auto cable = boxes_.cable_of_port.find({at, port});
      if (cable == boxes_.cable_of_port.end()) {
        refuse(number, "port " + std::to_string(port) + " of '" + records_[at].name + "' has no cable",
               "a dump of the same fabric");
        continue;
      }
      const VertexIndex v = vertex.at(boxes_.of_record[at].name);
      const BothWays& both = links[cable->second];
      if (both.up == no_link) continue;  // The NIC's own cable.
      next[std::size_t(v - fabric.first_switch()) * fabric.nics() + nic->second] =
          fabric.links[both.up].from == v ? both.up : both.down;
    }
    if (findings_.empty()) follow(next, fabric);
    return next;
  }

  struct BothWays {
    LinkIndex up = no_link, down = no_link;
  };
  /// The links of every cable between switches. Cables in parallel keep their order in a fabric.
  std::vector<BothWays> links_of_cables(const Fabric& fabric,
                                        const std::map<std::string, VertexIndex>& vertex) const {
    std::map<std::pair<VertexIndex, VertexIndex>, std::vector<LinkIndex>> between;
    for (LinkIndex l = fabric.first_trunk(); l < fabric.links.size(); ++l)
      between[{fabric.links[l].from, fabric.links[l].to}].push_back(l);
    std::map<std::pair<VertexIndex, VertexIndex>, std::size_t> taken;
    std::vector<BothWays> links;
    for (const GraphText::Cable& cable : boxes_.graph.cables) {
      const auto [low, high] = std::minmax(vertex.at(cable.from), vertex.at(cable.to));
      links.emplace_back();
      if (low < fabric.first_switch()) continue;
      const std::size_t k = taken[{low, high}]++;
      links.back() = {between[{low, high}][k], between[{high, low}][k]};
    }
    return links;
  }

  /// Every way to its end: each NIC from each leaf.
  void follow(const std::vector<LinkIndex>& next, const Fabric& fabric) {
    const VertexIndex first = fabric.first_switch();
    std::vector<VertexIndex> leaves = fabric.leaf_of_nic;
    std::sort(leaves.begin(), leaves.end());
    leaves.erase(std::unique(leaves.begin(), leaves.end()), leaves.end());
    const std::vector<std::uint32_t> network = networks_of_switches(fabric);
    for (const VertexIndex leaf : leaves)
      for (std::uint32_t nic = 0; nic < fabric.nics(); ++nic) {
        if (network[leaf - first] != network[fabric.leaf_of_nic[nic] - first]) continue;
        VertexIndex at = leaf;
        for (std::size_t hops = 0; at != fabric.leaf_of_nic[nic]; ++hops) {
          const LinkIndex link = next[std::size_t(at - first) * fabric.nics() + nic];
          if (link == no_link || hops > fabric.vertices.size())
            return refuse(0,
                          std::string(link == no_link ? "no entry" : "a circle") + " on the way from " +
                              vertex_name(fabric, leaf) + " to " +
                              vertex_name(fabric, fabric.first_nic() + nic) +
                              (link == no_link ? ", at " + vertex_name(fabric, at) : ""),
                          "tables that lead from every switch to every adapter");
          at = fabric.links[link].to;
        }
      }
  }

  static std::string without_zeros(std::string text) {
    text.erase(0, std::min(text.find_first_not_of('0'), text.size()));
    return text;
  }
  static std::string guid_after(std::string_view line, std::string_view word) {
    const std::size_t found = line.find(word);
    if (found == std::string_view::npos) return {};
    std::string guid;
    for (std::size_t i = found + word.size();
         i < line.size() && std::isxdigit(static_cast<unsigned char>(line[i])); ++i)
      guid += line[i];
    return without_zeros(guid);
  }
  static std::map<std::string, VertexIndex> vertices_by_name(const Fabric& fabric) {
    std::map<std::string, VertexIndex> by_name;
    for (VertexIndex v = 0; v < fabric.vertices.size(); ++v) by_name[vertex_name(fabric, v)] = v;
    return by_name;
  }

  const std::vector<IbRecord>& records_;
  const IbBoxes& boxes_;
  Findings findings_;
};

}  // namespace

Checked<Fabric> read_routed_fabric(std::string_view ibnetdiscover, std::string_view tables,
                                   const FabricRequest& request) {
  Checked<IbRecords> records = read_ib_records(ibnetdiscover);
  if (!records.ok()) return {{}, std::move(records.findings)};
  Checked<IbBoxes> boxes = place_ib_records(records.value, request);
  if (!boxes.ok()) return {{}, std::move(boxes.findings)};
  Checked<Fabric> fabric = fabric_from(boxes.value.graph);
  if (!fabric.ok()) return fabric;
  return Tables(records.value, boxes.value).read(tables, std::move(fabric.value));
}

}  // namespace orrery
