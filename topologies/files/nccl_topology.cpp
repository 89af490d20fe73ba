#include <algorithm>

#include "topologies/files/graph_text.hpp"
#include "topologies/files/node_inside.hpp"
#include "topologies/files/xml.hpp"

namespace orrery {
namespace {

constexpr std::size_t most_devices = 1024;

/// The elements around a GPU or a NIC from the outside in: which CPU, which bridges, and itself.
using Around = std::vector<std::size_t>;

Nearness between(const Around& a, const Around& b) {
  std::size_t common = 0;
  while (common < std::min(a.size(), b.size()) && a[common] == b[common]) ++common;
  // The outermost is the CPU; what follows are bridges, the last of which is the device itself.
  if (common == 0) return Nearness::Sys;
  if (common == 1) return Nearness::Phb;
  const std::size_t apart = std::max(a.size(), b.size()) - common;
  return apart <= 1 ? Nearness::Pix : Nearness::Pxb;
}

}  // namespace

Checked<NodeInside> read_nccl_topology(std::string_view text) {
  Checked<NodeInside> out;
  const Checked<std::vector<XmlEvent>> events = read_xml(text);
  out.findings = events.findings;
  if (!out.ok()) return out;
  NodeInside& inside = out.value;
  Around around;
  std::vector<Around> gpus, nics;
  std::vector<std::uint32_t> links;  // Of each GPU.
  bool in_gpu = false;
  for (std::size_t e = 0; e < events.value.size(); ++e) {
    const XmlEvent& event = events.value[e];
    const bool open = event.what == XmlEvent::Open;
    if (event.what == XmlEvent::Text) continue;
    if (event.name == "cpu" || event.name == "pci") {
      if (open) around.push_back(e);
      if (!open && !around.empty()) around.pop_back();
    } else if (event.name == "gpu") {
      in_gpu = open;
      if (!open) continue;
      gpus.push_back(around);
      links.push_back(0);
      std::uint32_t number = 0;
      if (!read_whole(event.attribute("dev"), number))
        out.findings.push_back(at_line(event.line, "a GPU without a number", "dev=\"0\""));
    } else if (event.name == "nvlink" && open && in_gpu) {
      std::uint32_t count = 1;
      read_whole(event.attribute("count"), count);
      links.back() += count;
    } else if (event.name == "net" && open) {
      double megabits = 0;
      read_number(event.attribute("speed"), megabits);
      inside.nics.push_back({event.attribute("name"), BytesPerSecond(megabits * 1e6 / 8)});
      nics.push_back(around);
    }
    if (gpus.size() + nics.size() > most_devices) {
      out.findings.push_back(at_line(event.line, "more than 1,024 devices", "the dump of one node"));
      return out;
    }
  }
  if (gpus.empty() && out.ok())
    out.findings.push_back(at_line(0, "there is no <gpu>", "what NCCL_TOPO_DUMP_FILE names"));
  inside.gpus = std::uint32_t(gpus.size());
  for (std::size_t a = 0; a < gpus.size(); ++a) {
    for (std::size_t b = 0; b < gpus.size(); ++b)
      inside.nvlinks.push_back(a == b ? 0 : std::min(links[a], links[b]));
    for (const Around& nic : nics) inside.nearness.push_back(between(gpus[a], nic));
  }
  return out;
}

}  // namespace orrery
