#include <algorithm>
#include <cctype>
#include <map>

#include "topologies/files/files.hpp"
#include "topologies/files/ib_records.hpp"

namespace orrery {
namespace {

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

/// Of "node018 HCA-1" and "node018/mlx5_0" what comes before the adapter; one word is a host alone.
std::string host_of(const std::string& name) { return name.substr(0, name.find_last_of(" /")); }

class Placing {
 public:
  Placing(const IbRecords& records, const FabricRequest& request)
      : records_(records.all), by_id_(records.by_id), request_(request) {}

  Checked<IbBoxes> place() {
    if (name_boxes()) wire();
    return {std::move(out_), std::move(findings_)};
  }

 private:
  void refuse(int line, std::string problem, std::string remedy) {
    if (findings_.size() < most_findings)
      findings_.push_back(at_line(line, std::move(problem), std::move(remedy)));
  }

  /// Hosts, their adapters, layers and planes: a kind, a group and an index for every record.
  bool name_boxes() {
    out_.of_record.resize(records_.size());
    std::map<std::string, std::vector<std::size_t>> of_host;
    std::vector<std::string> hosts;
    for (std::size_t r = 0; r < records_.size(); ++r) {
      if (records_[r].is_switch || records_[r].aggregates() || records_[r].ports.empty()) continue;
      const std::string host = host_of(records_[r].name);
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
        out_.of_record[nics[i]] = {vertex(VertexKind::Nic, node, i), VertexKind::Nic, node, i,
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
        for (const IbPort& port : records_[queue[next]].ports) {
          const std::size_t other = by_id_.at(port.far);
          if (records_[other].is_switch && visit(queue[next], other)) queue.push_back(other);
        }
    };
    std::uint32_t planes = 0;
    for (const std::string& host : hosts)
      for (const std::size_t nic : of_host[host]) {
        const std::size_t leaf = by_id_.at(records_[nic].ports.front().far);
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
          std::any_of(records_[r].ports.begin(), records_[r].ports.end(), [&](const IbPort& port) {
            const IbRecord& other = records_[by_id_.at(port.far)];
            return !other.is_switch && !other.aggregates();
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
      out_.of_record[r] = {vertex(kind, plane[r], index), kind, plane[r], index, records_[r].line};
    }
  }

  static std::string vertex(VertexKind kind, std::uint32_t group, std::uint32_t index) {
    return std::string(kind_word(kind)) + " " + std::to_string(group) + "." + std::to_string(index);
  }

  void wire() {
    out_.graph.topology = "ibnetdiscover";
    const auto gpus = std::uint32_t(request_.gpus_per_node);
    for (std::uint32_t node = 0; node < nodes_; ++node) {
      const std::string inner = "nvlink " + std::to_string(node);
      out_.graph.boxes.push_back({inner, VertexKind::NvlinkSwitch, node, 0});
      for (std::uint32_t g = 0; g < gpus; ++g) {
        out_.graph.boxes.push_back({vertex(VertexKind::Gpu, node, g), VertexKind::Gpu, node, g});
        out_.graph.cables.push_back(
            {out_.graph.boxes.back().name, inner, request_.nvlink, request_.nvlink_latency * 0.5});
      }
    }
    const double share = request_.nic_line.value() > 0 ? request_.nic / request_.nic_line : 1;
    for (std::size_t r = 0; r < records_.size(); ++r) {
      if (out_.of_record[r].name.empty()) continue;
      out_.graph.boxes.push_back(out_.of_record[r]);
      if (out_.of_record[r].kind == VertexKind::Nic)
        out_.nic_by_name[records_[r].name] = out_.of_record[r].group * each_ + out_.of_record[r].index;
      for (const IbPort& port : records_[r].ports) {
        const std::size_t other = by_id_.at(port.far);
        // Once a cable: from the record that comes first.
        if (other < r || out_.of_record[other].name.empty()) continue;
        const bool trunk = records_[r].is_switch && records_[other].is_switch;
        out_.cable_of_port[{r, port.number}] = out_.cable_of_port[{other, port.far_number}] =
            out_.graph.cables.size();
        out_.graph.cables.push_back({out_.of_record[r].name, out_.of_record[other].name,
                                     BytesPerSecond(port.bytes_per_s * share),
                                     trunk ? request_.hop_latency : request_.nic_latency * 0.5, port.line});
      }
    }
  }

  const std::vector<IbRecord>& records_;
  const std::map<std::string, std::size_t>& by_id_;
  const FabricRequest& request_;
  Findings findings_;
  IbBoxes out_;
  std::uint32_t nodes_ = 0, each_ = 0;
};

}  // namespace

Checked<IbBoxes> place_ib_records(const IbRecords& records, const FabricRequest& request) {
  return Placing(records, request).place();
}

Checked<Fabric> read_ibnetdiscover(std::string_view text, const FabricRequest& request) {
  Checked<IbRecords> records = read_ib_records(text);
  if (!records.ok()) return {{}, std::move(records.findings)};
  Checked<IbBoxes> boxes = place_ib_records(records.value, request);
  if (!boxes.ok()) return {{}, std::move(boxes.findings)};
  return fabric_from(boxes.value.graph);
}

}  // namespace orrery
