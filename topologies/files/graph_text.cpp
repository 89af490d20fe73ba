#include "topologies/files/graph_text.hpp"

#include <algorithm>
#include <charconv>
#include <map>
#include <numeric>
#include <tuple>

#include "topologies/networks.hpp"

namespace orrery {
namespace {

/// Boxes in the order of a fabric, cables as places among them.
class Building {
 public:
  explicit Building(const GraphText& text) : text_(text) {}

  Checked<Fabric> build() {
    fabric_.topology = text_.topology;
    if (!lay_boxes() || !count_nodes() || !lay_cables() || !lay_links() || !find_planes())
      return std::move(out_);
    out_.value = std::move(fabric_);
    return std::move(out_);
  }

 private:
  struct Placed {
    VertexIndex a, b;  ///< a < b.
    const GraphText::Cable* cable;
  };

  void refuse(int line, std::string problem, std::string remedy) {
    if (out_.findings.size() < most_findings)
      out_.findings.push_back(at_line(line, std::move(problem), std::move(remedy)));
  }

  bool lay_boxes() {
    order_.resize(text_.boxes.size());
    std::iota(order_.begin(), order_.end(), std::size_t(0));
    const auto rank = [&](std::size_t i) {
      const GraphText::Box& box = text_.boxes[i];
      return std::tuple(box.kind, box.group, box.index);
    };
    std::stable_sort(order_.begin(), order_.end(),
                     [&](std::size_t a, std::size_t b) { return rank(a) < rank(b); });
    for (std::size_t i = 0; i < order_.size(); ++i) {
      const GraphText::Box& box = text_.boxes[order_[i]];
      if (i > 0 && rank(order_[i]) == rank(order_[i - 1]))
        refuse(box.line, "'" + box.name + "' is the same box as '" + text_.boxes[order_[i - 1]].name + "'",
               "another kind, group or index");
      if (!place_.emplace(box.name, VertexIndex(i)).second)
        refuse(box.line, "'" + box.name + "' stands twice", "one box a name");
      fabric_.vertices.push_back({box.kind, box.group, box.index});
    }
    return out_.ok();
  }

  std::size_t first_of(VertexKind kind) const {
    std::size_t i = 0;
    while (i < fabric_.vertices.size() && fabric_.vertices[i].kind < kind) ++i;
    return i;
  }

  /// GPUs, NVLink switches and NICs must be the same in every node, numbered from zero.
  bool count_nodes() {
    const std::size_t nvlinks = first_of(VertexKind::NvlinkSwitch), nics = first_of(VertexKind::Nic),
                      switches = first_of(VertexKind::Bond);
    fabric_.nodes = std::uint32_t(nics - nvlinks);
    if (fabric_.nodes == 0 || nvlinks == 0) {
      refuse(0,
             "there are no nodes: " + std::to_string(nvlinks) + " GPUs and " + std::to_string(fabric_.nodes) +
                 " NVLink switches",
             "a box of kind nvlink for every node, and its GPUs");
      return false;
    }
    fabric_.gpus_per_node = std::uint32_t(nvlinks) / fabric_.nodes;
    fabric_.nics_per_node = std::uint32_t(switches - nics) / fabric_.nodes;
    const auto expect = [&](std::size_t first, std::size_t count, std::uint32_t each) {
      for (std::size_t i = 0; i < count; ++i) {
        const Vertex& v = fabric_.vertices[first + i];
        if (each > 0 && v.group == i / each && v.index == i % each) continue;
        const GraphText::Box& box = text_.boxes[order_[first + i]];
        refuse(box.line,
               "'" + box.name + "' does not fit nodes of " + std::to_string(fabric_.gpus_per_node) +
                   " GPUs and " + std::to_string(fabric_.nics_per_node) + " NICs",
               "the same in every node, counted from 0");
        return;
      }
    };
    if (nvlinks % fabric_.nodes != 0 || (switches - nics) % fabric_.nodes != 0) {
      refuse(0,
             std::to_string(nvlinks) + " GPUs and " + std::to_string(switches - nics) + " NICs in " +
                 std::to_string(fabric_.nodes) + " nodes",
             "the same number in every node");
      return false;
    }
    expect(0, nvlinks, fabric_.gpus_per_node);
    expect(nvlinks, fabric_.nodes, 1);
    expect(nics, switches - nics, fabric_.nics_per_node);
    if (out_.ok() && fabric_.nics_per_node > 0 && fabric_.gpus_per_node % fabric_.nics_per_node != 0)
      refuse(0,
             std::to_string(fabric_.nics_per_node) + " NICs cannot be dealt to " +
                 std::to_string(fabric_.gpus_per_node) + " GPUs of a node",
             "a number of NICs that divides the GPUs");
    return out_.ok();
  }

  bool lay_cables() {
    for (const GraphText::Cable& cable : text_.cables) {
      const auto a = place_.find(cable.from), b = place_.find(cable.to);
      if (a == place_.end() || b == place_.end()) {
        refuse(cable.line,
               "a cable to '" + (a == place_.end() ? cable.from : cable.to) + "', which is no box",
               "the name of a box of this file");
        continue;
      }
      if (a->second == b->second) {
        refuse(cable.line, "a cable from '" + cable.from + "' to itself", "two boxes");
        continue;
      }
      if (!(cable.rate.value() > 0)) refuse(cable.line, "a cable that carries nothing", "a rate above zero");
      cables_.push_back({std::min(a->second, b->second), std::max(a->second, b->second), &cable});
    }
    return out_.ok();
  }

  /// The cable of every GPU and NIC, then those between switches both ways.
  bool lay_links() {
    const std::uint32_t gpus = fabric_.gpus();
    std::vector<const Placed*> of_gpu(gpus), of_nic(fabric_.nics());
    std::vector<const Placed*> trunks;
    const auto take = [&](std::vector<const Placed*>& of, std::size_t i, const Placed& cable,
                          const char* what) {
      if (of[i])
        refuse(cable.cable->line, std::string("a second cable of ") + what + " '" + name(cable.a) + "'",
               "one");
      of[i] = &cable;
    };
    for (const Placed& cable : cables_) {
      const VertexKind lower = fabric_.vertices[cable.a].kind, upper = fabric_.vertices[cable.b].kind;
      if (lower == VertexKind::Gpu && upper == VertexKind::NvlinkSwitch &&
          fabric_.vertices[cable.a].group == fabric_.vertices[cable.b].group) {
        take(of_gpu, cable.a, cable, "GPU");
      } else if (lower == VertexKind::Nic && upper >= VertexKind::Bond) {
        take(of_nic, cable.a - fabric_.first_nic(), cable, "NIC");
      } else if (lower >= VertexKind::Bond) {
        trunks.push_back(&cable);
      } else {
        refuse(cable.cable->line, "a cable from '" + name(cable.a) + "' to '" + name(cable.b) + "'",
               "GPU to the NVLink switch of its node, NIC to a switch, switch to switch");
      }
    }
    for (GpuIndex gpu = 0; gpu < gpus; ++gpu)
      if (!of_gpu[gpu])
        refuse(line(gpu), "'" + name(gpu) + "' has no NVLink", "a cable to its NVLink switch");
    for (std::uint32_t nic = 0; nic < fabric_.nics(); ++nic)
      if (!of_nic[nic])
        refuse(line(fabric_.first_nic() + nic), "'" + name(fabric_.first_nic() + nic) + "' has no cable",
               "a cable to a switch: GPUs behind it reach nobody");
    if (!out_.ok()) return false;
    const auto add = [&](const Placed& cable, bool up) {
      fabric_.links.push_back(
          {up ? cable.a : cable.b, up ? cable.b : cable.a, cable.cable->rate, cable.cable->latency});
    };
    for (const bool up : {true, false})
      for (const Placed* cable : of_gpu) add(*cable, up);
    for (const bool up : {true, false})
      for (const Placed* cable : of_nic) add(*cable, up);
    for (const Placed* cable : of_nic) fabric_.leaf_of_nic.push_back(cable->b);
    for (const Placed* cable : trunks) add(*cable, true), add(*cable, false);
    std::stable_sort(
        fabric_.links.begin() + fabric_.first_trunk(), fabric_.links.end(),
        [](const Link& a, const Link& b) { return std::tie(a.from, a.to) < std::tie(b.from, b.to); });
    LinkIndex next = fabric_.first_trunk();
    for (VertexIndex v = fabric_.first_switch(); v <= fabric_.vertices.size(); ++v) {
      while (next < fabric_.links.size() && fabric_.links[next].from < v) ++next;
      fabric_.trunk_begin.push_back(next);
    }
    return true;
  }

  /// Networks that no cable connects, numbered by their first NIC; NIC i of a node must be on plane i modulo
  /// their number.
  bool find_planes() {
    const std::vector<std::uint32_t> of_switch = networks_of_switches(fabric_),
                                     of_nic = networks_of_nics(fabric_);
    for (std::size_t i = 0; i < of_switch.size(); ++i) {
      const auto v = VertexIndex(fabric_.first_switch() + i);
      if (of_switch[i] == cut_off)
        refuse(line(v), "'" + name(v) + "' is a switch that no NIC reaches", "a cable, or leave it out");
    }
    for (const std::uint32_t network : of_nic) fabric_.planes = std::max(fabric_.planes, network + 1);
    for (std::uint32_t nic = 0; nic < fabric_.nics() && out_.ok(); ++nic) {
      const VertexIndex v = fabric_.first_nic() + nic;
      if (of_nic[nic] != nic % fabric_.nics_per_node % fabric_.planes)
        refuse(line(v),
               "'" + name(v) + "' is on network " + std::to_string(of_nic[nic]) + " of " +
                   std::to_string(fabric_.planes) + ", which other nodes reach by other NICs",
               "NIC i of every node on network i modulo their number, or a cable between the networks");
    }
    return out_.ok();
  }

  const std::string& name(VertexIndex v) const { return text_.boxes[order_[v]].name; }
  int line(VertexIndex v) const { return text_.boxes[order_[v]].line; }

  const GraphText& text_;
  Checked<Fabric> out_;
  Fabric fabric_;
  std::vector<std::size_t> order_;
  std::map<std::string_view, VertexIndex> place_;
  std::vector<Placed> cables_;
};

}  // namespace

Finding at_line(int line, std::string problem, std::string remedy) {
  return {"", (line > 0 ? "line " + std::to_string(line) + ": " : "") + std::move(problem),
          std::move(remedy)};
}

bool read_whole(std::string_view word, std::uint32_t& value) {
  const auto [end, fault] = std::from_chars(word.data(), word.data() + word.size(), value);
  return fault == std::errc() && end == word.data() + word.size() && value < (1u << 31);
}

bool read_number(std::string_view word, double& value) {
  const auto [end, fault] = std::from_chars(word.data(), word.data() + word.size(), value);
  return fault == std::errc() && end == word.data() + word.size() && value >= 0 && value < 1e300;
}

std::string exact(double value) {
  char digits[32];
  const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  return std::string(digits, end);
}

void add_box(Checked<GraphText>& out, std::string name, const Attributes& of_it, int line) {
  const auto word = [&](std::string_view key) {
    const auto found = of_it.find(key);
    return found == of_it.end() ? std::string_view() : std::string_view(found->second);
  };
  GraphText::Box box{std::move(name), VertexKind::Leaf, 0, 0, line};
  const std::optional<VertexKind> kind = find_kind(word("kind"));
  if (!kind) {
    out.findings.push_back(at_line(line, "'" + box.name + "' is of kind '" + std::string(word("kind")) + "'",
                                   "gpu, nvlink, nic, bond, leaf, spine or core"));
    return;
  }
  box.kind = *kind;
  if (!read_whole(word("group"), box.group) || !read_whole(word("index"), box.index)) {
    out.findings.push_back(at_line(line, "'" + box.name + "' lacks a whole number as group or index",
                                   "its node or plane, and its place there"));
    return;
  }
  out.value.boxes.push_back(std::move(box));
}

void add_cable(Checked<GraphText>& out, std::string from, std::string to, const Attributes& of_it, int line) {
  GraphText::Cable cable{std::move(from), std::move(to), {}, {}, line};
  double rate = 0, latency = 0;
  const auto found = of_it.find("bytes_per_s"), late = of_it.find("latency_s");
  if (found == of_it.end() || !read_number(found->second, rate) || !(rate > 0)) {
    out.findings.push_back(
        at_line(line, "a cable from '" + cable.from + "' to '" + cable.to + "' at an unknown rate",
                "bytes_per_s: a number above zero"));
    return;
  }
  if (late != of_it.end() && !read_number(late->second, latency)) {
    out.findings.push_back(at_line(line, "latency_s is '" + late->second + "'", "seconds, as 4.5e-07"));
    return;
  }
  cable.rate = BytesPerSecond(rate);
  cable.latency = Seconds(latency);
  out.value.cables.push_back(std::move(cable));
}

GraphText graph_text(const Fabric& fabric) {
  GraphText text;
  text.topology = fabric.topology;
  for (VertexIndex v = 0; v < fabric.vertices.size(); ++v) {
    const Vertex& vertex = fabric.vertices[v];
    text.boxes.push_back({vertex_name(fabric, v), vertex.kind, vertex.group, vertex.index});
  }
  // Every cable once, by its way up; of switches that are alike, by the first.
  for (LinkIndex l = 0; l < fabric.links.size(); ++l) {
    const Link& link = fabric.links[l];
    if (link.from > link.to) continue;
    text.cables.push_back(
        {text.boxes[link.from].name, text.boxes[link.to].name, link.capacity, link.latency});
  }
  return text;
}

Checked<Fabric> fabric_from(const GraphText& text) { return Building(text).build(); }

}  // namespace orrery
