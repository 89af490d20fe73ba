#include "topologies/files/files.hpp"
#include "topologies/files/graph_text.hpp"
#include "topologies/files/xml.hpp"

namespace orrery {
namespace {

constexpr std::string_view head =
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
    "<graphml xmlns=\"http://graphml.graphdrawing.org/xmlns\">\n"
    "  <key id=\"kind\" for=\"node\" attr.name=\"kind\" attr.type=\"string\"/>\n"
    "  <key id=\"group\" for=\"node\" attr.name=\"group\" attr.type=\"int\"/>\n"
    "  <key id=\"index\" for=\"node\" attr.name=\"index\" attr.type=\"int\"/>\n"
    "  <key id=\"bytes_per_s\" for=\"edge\" attr.name=\"bytes_per_s\" attr.type=\"double\"/>\n"
    "  <key id=\"latency_s\" for=\"edge\" attr.name=\"latency_s\" attr.type=\"double\"/>\n";

std::string datum(std::string_view key, std::string_view value) {
  return "<data key=\"" + std::string(key) + "\">" + std::string(value) + "</data>";
}

}  // namespace

std::string to_graphml(const Fabric& fabric) {
  const GraphText text = graph_text(fabric);
  std::string out(head);
  out += "  <graph id=\"" + xml_escaped(text.topology) + "\" edgedefault=\"undirected\">\n";
  for (const GraphText::Box& box : text.boxes)
    out += "    <node id=\"" + xml_escaped(box.name) + "\">" + datum("kind", kind_word(box.kind)) +
           datum("group", std::to_string(box.group)) + datum("index", std::to_string(box.index)) +
           "</node>\n";
  for (const GraphText::Cable& cable : text.cables)
    out += "    <edge source=\"" + xml_escaped(cable.from) + "\" target=\"" + xml_escaped(cable.to) + "\">" +
           datum("bytes_per_s", exact(cable.rate.value())) +
           datum("latency_s", exact(cable.latency.value())) + "</edge>\n";
  return out + "  </graph>\n</graphml>\n";
}

Checked<Fabric> read_graphml(std::string_view text, const FabricRequest&) {
  Checked<GraphText> graph;
  const Checked<std::vector<XmlEvent>> events = read_xml(text);
  Checked<Fabric> refused;
  refused.findings = events.findings;
  if (!events.ok()) return refused;
  // Other programs number their keys; what a key means is its attr.name.
  Attributes names, of_it, data;
  std::string key;
  bool graphs = false;
  int line = 0;
  for (const XmlEvent& event : events.value) {
    if (event.what == XmlEvent::Open && event.name == "key") {
      names[event.attribute("id")] = event.attribute("attr.name");
    } else if (event.what == XmlEvent::Open && event.name == "graph") {
      if (graphs) {
        refused.findings.push_back(at_line(event.line, "a second graph", "one fabric a file"));
        return refused;
      }
      graphs = true;
      graph.value.topology = event.attribute("id");
    } else if (event.what == XmlEvent::Open && (event.name == "node" || event.name == "edge")) {
      of_it = event.attributes;
      data.clear();
      line = event.line;
    } else if (event.what == XmlEvent::Open && event.name == "data") {
      const std::string id = event.attribute("key");
      key = names.contains(id) && !names[id].empty() ? names[id] : id;
    } else if (event.what == XmlEvent::Text && !key.empty()) {
      data[key] += event.name;
    } else if (event.what == XmlEvent::Close && event.name == "data") {
      key.clear();
    } else if (event.what == XmlEvent::Close && event.name == "node") {
      add_box(graph, of_it["id"], data, line);
    } else if (event.what == XmlEvent::Close && event.name == "edge") {
      add_cable(graph, of_it["source"], of_it["target"], data, line);
    }
    if (graph.findings.size() >= most_findings) break;
  }
  if (!graphs) graph.findings.push_back(at_line(0, "there is no <graph>", "a GraphML file"));
  refused.findings = std::move(graph.findings);
  return refused.ok() ? fabric_from(graph.value) : refused;
}

}  // namespace orrery
