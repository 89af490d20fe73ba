#include <algorithm>
#include <array>
#include <cctype>
#include <map>

#include "topologies/faults.hpp"
#include "topologies/files/files.hpp"
#include "topologies/files/graph_text.hpp"

namespace orrery {
namespace {

/// Data rate of a lane, bits a second.
struct LaneRate {
  std::string_view word;
  double bits_per_s;
};
constexpr std::array lane_rates{LaneRate{"SDR", 2e9},    LaneRate{"DDR", 4e9},     LaneRate{"QDR", 8e9},
                                LaneRate{"FDR10", 10e9}, LaneRate{"FDR", 13.64e9}, LaneRate{"EDR", 25e9},
                                LaneRate{"HDR", 50e9},   LaneRate{"NDR", 100e9},   LaneRate{"XDR", 200e9}};
constexpr std::size_t most_findings = 20;

struct Port {
  std::uint32_t number = 0, far_number = 0;
  std::string far;
  double bytes_per_s = 0;
  int line = 0;
};
struct Record {
  bool is_switch = false;
  std::string id, name;
  std::uint32_t ports_told = 0;
  int line = 0;
  std::vector<Port> ports;
};

/// The words of one line, taken from the left.
class Line {
 public:
  explicit Line(std::string_view text) : rest_(text) {}

  void skip_space() {
    while (!rest_.empty() && std::isspace(static_cast<unsigned char>(rest_.front()))) rest_.remove_prefix(1);
  }
  bool take(std::string_view word) {
    skip_space();
    if (!rest_.starts_with(word)) return false;
    rest_.remove_prefix(word.size());
    return true;
  }
  bool number_in_brackets(std::uint32_t& value) {
    if (!take("[")) return false;
    const std::size_t end = rest_.find(']');
    if (end == std::string_view::npos || !read_whole(rest_.substr(0, end), value)) return false;
    rest_.remove_prefix(end + 1);
    return true;
  }
  /// "(b001)", if there.
  void guid_in_brackets() {
    if (!take("(")) return;
    const std::size_t end = rest_.find(')');
    rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + 1);
  }
  bool whole(std::uint32_t& value) {
    skip_space();
    std::size_t end = 0;
    while (end < rest_.size() && std::isdigit(static_cast<unsigned char>(rest_[end]))) ++end;
    if (!read_whole(rest_.substr(0, end), value)) return false;
    rest_.remove_prefix(end);
    return true;
  }
  bool quoted(std::string& value) {
    if (!take("\"")) return false;
    const std::size_t end = rest_.find('"');
    if (end == std::string_view::npos) return false;
    value = rest_.substr(0, end);
    rest_.remove_prefix(end + 1);
    return true;
  }
  /// From the first quote to the last: names may hold quotes.
  std::string widest_quoted() const {
    const std::size_t first = rest_.find('"'), last = rest_.rfind('"');
    if (first == std::string_view::npos || first == last) return {};
    return std::string(rest_.substr(first + 1, last - first - 1));
  }
  std::string_view rest() const { return rest_; }

 private:
  std::string_view rest_;
};

/// Bytes a second of "4xNDR", the last word that looks so; zero where none does.
double rate_in(std::string_view text, std::string& word) {
  for (std::size_t x = text.rfind('x'); x != std::string_view::npos && x > 0; x = text.rfind('x', x - 1)) {
    std::size_t first = x, end = x + 1;
    while (first > 0 && std::isdigit(static_cast<unsigned char>(text[first - 1]))) --first;
    while (end < text.size() && !std::isspace(static_cast<unsigned char>(text[end]))) ++end;
    const bool starts = first == 0 || std::isspace(static_cast<unsigned char>(text[first - 1]));
    std::uint32_t lanes = 0;
    if (!starts || !read_whole(text.substr(first, x - first), lanes) || lanes > 12) continue;
    word = text.substr(first, end - first);
    for (const LaneRate& rate : lane_rates)
      if (text.substr(x + 1, end - x - 1) == rate.word) return lanes * rate.bits_per_s / 8;
    return 0;
  }
  word = text.substr(0, 40);
  return 0;
}

/// "node9" before "node10".
bool natural_less(std::string_view a, std::string_view b) {
  const auto digit = [](char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; };
  std::size_t i = 0, j = 0;
  while (i < a.size() && j < b.size()) {
    if (!digit(a[i]) || !digit(b[j])) {
      if (a[i] != b[j]) return static_cast<unsigned char>(a[i]) < static_cast<unsigned char>(b[j]);
      ++i, ++j;
      continue;
    }
    const auto number = [&](std::string_view text, std::size_t& at) {
      while (at < text.size() && text[at] == '0') ++at;
      const std::size_t first = at;
      while (at < text.size() && digit(text[at])) ++at;
      return text.substr(first, at - first);
    };
    const std::string_view left = number(a, i), right = number(b, j);
    if (left != right) return left.size() != right.size() ? left.size() < right.size() : left < right;
  }
  if (a.size() - i != b.size() - j) return a.size() - i < b.size() - j;
  return a < b;
}

/// Host and adapter of "node018 HCA-1", "node018/mlx5_0", or of one word: the host alone.
std::pair<std::string, std::string> host_and_nic(const std::string& name) {
  const std::size_t at = name.find_last_of(" /");
  if (at == std::string::npos) return {name, ""};
  return {name.substr(0, at), name.substr(at + 1)};
}

class Reading {
 public:
  Reading(std::string_view text, const FabricRequest& request) : text_(text), request_(request) {}

  /// `tables`: what OpenSM dumped of the same fabric; empty: nothing.
  Checked<Fabric> read(std::string_view tables) {
    if (!read_records() || !check_ends() || !name_boxes()) return refused();
    wire();
    Checked<Fabric> built = fabric_from(graph_);
    if (built.ok() && !tables.empty()) built.value.forwarding = read_tables(tables, built.value);
    if (!findings_.empty()) return refused();
    return built;
  }

 private:
  void refuse(int line, std::string problem, std::string remedy) {
    if (findings_.size() < most_findings)
      findings_.push_back(at_line(line, std::move(problem), std::move(remedy)));
  }
  Checked<Fabric> refused() {
    Checked<Fabric> out;
    out.findings = std::move(findings_);
    return out;
  }

  bool read_records() {
    int number = 0;
    for (std::size_t begin = 0; begin < text_.size();) {
      const std::size_t end = std::min(text_.find('\n', begin), text_.size());
      std::string_view line = text_.substr(begin, end - begin);
      if (line.ends_with('\r')) line.remove_suffix(1);
      begin = end + 1;
      read_line(line, ++number);
      if (findings_.size() >= most_findings) break;
    }
    if (records_.empty() && findings_.empty())
      refuse(0, "there is no switch and no adapter", "what ibnetdiscover prints, GraphML or DOT");
    for (const Record& record : records_)
      if (record.ports.size() > record.ports_told)
        refuse(record.line,
               "'" + record.name + "' has " + std::to_string(record.ports.size()) + " cables at " +
                   std::to_string(record.ports_told) + " ports",
               "a cable a port");
    return findings_.empty();
  }

  void read_line(std::string_view text, int number) {
    Line line(text);
    line.skip_space();
    const std::string_view rest = line.rest();
    if (rest.empty() || rest.front() == '#') return;
    for (const std::string_view word :
         {"vendid", "devid", "sysimgguid", "switchguid", "caguid", "rtguid", "Chassis", "Non-Chassis"})
      if (rest.starts_with(word)) return;
    if (rest.front() == '[') return read_port(line, number);
    Record record;
    record.line = number;
    if (line.take("Switch")) {
      record.is_switch = true;
    } else if (!line.take("Ca") && !line.take("Hca")) {
      const bool router = line.take("Rt");
      const std::string shown(rest.substr(0, 40));
      return refuse(number, router ? "a router" : "found '" + shown + "'",
                    router ? "fabrics without routers" : "Switch, Ca, a port in brackets, or a comment");
    }
    if (!line.whole(record.ports_told) || !line.quoted(record.id))
      return refuse(number, "a record is cut short",
                    "ports and \"id\", as: Switch 64 \"S-0002c903\" # \"leaf0\"");
    record.name = line.widest_quoted();
    if (record.name.empty()) record.name = record.id;
    if (!by_id_.emplace(record.id, records_.size()).second)
      refuse(number,
             "the GUID of \"" + record.id + "\" stands already in line " +
                 std::to_string(records_[by_id_[record.id]].line),
             "one record a GUID");
    records_.push_back(std::move(record));
  }

  void read_port(Line& line, int number) {
    if (records_.empty()) return refuse(number, "a port before any switch or adapter", "its record first");
    Port port;
    port.line = number;
    bool whole = line.number_in_brackets(port.number);
    line.guid_in_brackets();
    whole = whole && line.quoted(port.far) && line.number_in_brackets(port.far_number);
    if (!whole)
      return refuse(number, "a port line is cut short", "[1] \"S-0002c903\"[7] # \"leaf0\" lid 3 4xNDR");
    line.guid_in_brackets();
    std::string word;
    port.bytes_per_s = rate_in(line.rest(), word);
    if (port.bytes_per_s == 0)
      return refuse(number, "an unknown rate: '" + word + "'",
                    "lanes x SDR, DDR, QDR, FDR10, FDR, EDR, HDR, NDR or XDR");
    records_.back().ports.push_back(std::move(port));
  }

  /// Every cable is told twice, once from each end.
  bool check_ends() {
    for (Record& record : records_) {
      std::sort(record.ports.begin(), record.ports.end(),
                [](const Port& a, const Port& b) { return a.number < b.number; });
      for (std::size_t i = 1; i < record.ports.size(); ++i)
        if (record.ports[i].number == record.ports[i - 1].number)
          refuse(record.ports[i].line,
                 "port " + std::to_string(record.ports[i].number) + " of '" + record.name + "' stands twice",
                 "a cable a port");
    }
    for (const Record& record : records_) {
      for (const Port& port : record.ports) {
        const auto far = by_id_.find(port.far);
        if (far == by_id_.end()) {
          refuse(port.line, "a cable to \"" + port.far + "\", of which there is no record",
                 "the whole output");
          continue;
        }
        const std::vector<Port>& there = records_[far->second].ports;
        const auto end = std::lower_bound(there.begin(), there.end(), port.far_number,
                                          [](const Port& p, std::uint32_t n) { return p.number < n; });
        const bool agrees = end != there.end() && end->number == port.far_number && end->far == record.id &&
                            end->far_number == port.number;
        if (!agrees)
          refuse(port.line,
                 "the other end of this cable, port " + std::to_string(port.far_number) + " of '" +
                     records_[far->second].name + "', leads elsewhere",
                 "both ends of a cable alike");
      }
    }
    return findings_.empty();
  }

  static bool aggregates(const Record& record) {
    return !record.is_switch && record.name.find("Aggregation") != std::string::npos;
  }

  /// Hosts, their adapters, layers and planes: a kind, a group and an index for every record.
  bool name_boxes() {
    boxes_.resize(records_.size());
    std::vector<std::size_t> adapters;
    std::map<std::string, std::vector<std::size_t>> of_host;
    std::vector<std::string> hosts;
    for (std::size_t r = 0; r < records_.size(); ++r) {
      if (records_[r].is_switch || aggregates(records_[r]) || records_[r].ports.empty()) continue;
      const std::string host = host_and_nic(records_[r].name).first;
      if (of_host[host].empty()) hosts.push_back(host);
      of_host[host].push_back(r);
    }
    if (hosts.empty()) {
      refuse(0, "there is no adapter with a cable", "records of hosts: Ca");
      return false;
    }
    std::sort(hosts.begin(), hosts.end(), natural_less);
    const std::size_t each = of_host[hosts.front()].size();
    nodes_ = std::uint32_t(hosts.size());
    each_ = std::uint32_t(each);
    for (std::uint32_t node = 0; node < nodes_; ++node) {
      std::vector<std::size_t>& nics = of_host[hosts[node]];
      std::sort(nics.begin(), nics.end(), [&](std::size_t a, std::size_t b) {
        return natural_less(records_[a].name, records_[b].name);
      });
      if (nics.size() != each)
        refuse(records_[nics.front()].line,
               "host '" + hosts[node] + "' has " + std::to_string(nics.size()) + " adapters and '" +
                   hosts.front() + "' has " + std::to_string(each),
               "the same in every host");
      for (std::uint32_t i = 0; i < nics.size(); ++i) {
        boxes_[nics[i]] = {vertex(VertexKind::Nic, node, i), VertexKind::Nic, node, i,
                           records_[nics[i]].line};
        if (records_[nics[i]].ports.size() > 1)
          refuse(records_[nics[i]].line,
                 "'" + records_[nics[i]].name + "' has " + std::to_string(records_[nics[i]].ports.size()) +
                     " cables",
                 "adapters of one port");
      }
    }
    if (findings_.empty()) place_switches(hosts, of_host);
    return findings_.empty();
  }

  template <class Hosts>
  void place_switches(const std::vector<std::string>& hosts, Hosts& of_host) {
    constexpr std::uint32_t far = UINT32_MAX;
    std::vector<std::uint32_t> height(records_.size(), far), plane(records_.size(), far);
    std::vector<std::size_t> queue;
    const auto spread = [&](auto&& visit) {
      for (std::size_t next = 0; next < queue.size(); ++next)
        for (const Port& port : records_[queue[next]].ports) {
          const std::size_t other = by_id_[port.far];
          if (records_[other].is_switch && visit(queue[next], other)) queue.push_back(other);
        }
    };
    std::uint32_t planes = 0;
    for (const std::string& host : hosts)
      for (const std::size_t nic : of_host[host]) {
        const std::size_t leaf = by_id_[records_[nic].ports.front().far];
        if (!records_[leaf].is_switch) {
          refuse(records_[nic].ports.front().line, "an adapter cabled to an adapter",
                 "a switch between them");
          return;
        }
        if (plane[leaf] != far) continue;
        queue.assign(1, leaf);
        plane[leaf] = planes++;
        spread([&](std::size_t from, std::size_t to) {
          if (plane[to] != far) return false;
          plane[to] = plane[from];
          return true;
        });
      }
    queue.clear();
    for (std::size_t r = 0; r < records_.size(); ++r) {
      const bool has_nic =
          std::any_of(records_[r].ports.begin(), records_[r].ports.end(), [&](const Port& port) {
            const Record& other = records_[by_id_[port.far]];
            return !other.is_switch && !aggregates(other);
          });
      if (!records_[r].is_switch || !has_nic) continue;
      height[r] = 0;
      queue.push_back(r);
    }
    spread([&](std::size_t from, std::size_t to) {
      if (height[to] != far) return false;
      height[to] = height[from] + 1;
      return true;
    });
    std::vector<std::size_t> order;
    for (std::size_t r = 0; r < records_.size(); ++r)
      if (records_[r].is_switch && !records_[r].ports.empty()) order.push_back(r);
    std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
      return natural_less(records_[a].name, records_[b].name);
    });
    std::map<std::uint64_t, std::uint32_t> count;
    for (const std::size_t r : order) {
      if (height[r] == far) {
        refuse(records_[r].line, "'" + records_[r].name + "' is a switch that no adapter reaches",
               "a cable to the rest");
        continue;
      }
      const VertexKind kind = height[r] == 0   ? VertexKind::Leaf
                              : height[r] == 1 ? VertexKind::Spine
                                               : VertexKind::Core;
      const std::uint32_t index = count[std::uint64_t(kind) << 32 | plane[r]]++;
      boxes_[r] = {vertex(kind, plane[r], index), kind, plane[r], index, records_[r].line};
    }
  }

  static std::string vertex(VertexKind kind, std::uint32_t group, std::uint32_t index) {
    return std::string(kind_word(kind)) + " " + std::to_string(group) + "." + std::to_string(index);
  }

  void wire() {
    graph_.topology = "ibnetdiscover";
    const auto gpus = std::uint32_t(request_.gpus_per_node);
    for (std::uint32_t node = 0; node < nodes_; ++node) {
      const std::string inner = "nvlink " + std::to_string(node);
      graph_.boxes.push_back({inner, VertexKind::NvlinkSwitch, node, 0});
      for (std::uint32_t g = 0; g < gpus; ++g) {
        graph_.boxes.push_back({vertex(VertexKind::Gpu, node, g), VertexKind::Gpu, node, g});
        graph_.cables.push_back(
            {graph_.boxes.back().name, inner, request_.nvlink, request_.nvlink_latency * 0.5});
      }
    }
    const double share = request_.nic_line.value() > 0 ? request_.nic / request_.nic_line : 1;
    for (std::size_t r = 0; r < records_.size(); ++r) {
      if (boxes_[r].name.empty()) continue;
      graph_.boxes.push_back(boxes_[r]);
      if (boxes_[r].kind == VertexKind::Nic)
        nic_by_name_[records_[r].name] = boxes_[r].group * each_ + boxes_[r].index;
      for (const Port& port : records_[r].ports) {
        const std::size_t other = by_id_[port.far];
        // Once a cable: from the record that comes first.
        if (other < r || boxes_[other].name.empty()) continue;
        const bool trunk = records_[r].is_switch && records_[other].is_switch;
        cable_of_port_[{r, port.number}] = cable_of_port_[{other, port.far_number}] = graph_.cables.size();
        graph_.cables.push_back({boxes_[r].name, boxes_[other].name, BytesPerSecond(port.bytes_per_s * share),
                                 trunk ? request_.hop_latency : request_.nic_latency * 0.5, port.line});
      }
    }
  }

  /// [switch][NIC], by the names and ports of the records.
  std::vector<LinkIndex> read_tables(std::string_view text, const Fabric& fabric) {
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
      const auto nic = nic_by_name_.find(std::string(line.substr(colon + 3, quote - colon - 3)));
      if (nic == nic_by_name_.end()) continue;  // What aggregates.
      const auto cable = cable_of_port_.find({at, port});
      if (cable == cable_of_port_.end()) {
        refuse(number, "port " + std::to_string(port) + " of '" + records_[at].name + "' has no cable",
               "a dump of the same fabric");
        continue;
      }
      const VertexIndex v = vertex.at(boxes_[at].name);
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
    for (const GraphText::Cable& cable : graph_.cables) {
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
    const std::vector<std::uint32_t> network = networks_of_nics(fabric);
    std::vector<std::uint32_t> network_of_leaf(fabric.vertices.size(), cut_off);
    for (std::uint32_t nic = 0; nic < fabric.nics(); ++nic)
      network_of_leaf[fabric.leaf_of_nic[nic]] = network[nic];
    for (const VertexIndex leaf : leaves)
      for (std::uint32_t nic = 0; nic < fabric.nics(); ++nic) {
        if (network_of_leaf[leaf] != network[nic]) continue;
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

  std::string_view text_;
  const FabricRequest& request_;
  std::map<std::pair<std::size_t, std::uint32_t>, std::size_t> cable_of_port_;  ///< Into the graph's cables.
  std::map<std::string, std::uint32_t> nic_by_name_;
  Findings findings_;
  std::vector<Record> records_;
  std::map<std::string, std::size_t> by_id_;
  std::vector<GraphText::Box> boxes_;  ///< Of each record; without a name: skipped.
  std::uint32_t nodes_ = 0, each_ = 0;
  GraphText graph_;
};

}  // namespace

Checked<Fabric> read_ibnetdiscover(std::string_view text, const FabricRequest& request) {
  return Reading(text, request).read({});
}

Checked<Fabric> read_routed_fabric(std::string_view ibnetdiscover, std::string_view tables,
                                   const FabricRequest& request) {
  return Reading(ibnetdiscover, request).read(tables);
}

}  // namespace orrery
