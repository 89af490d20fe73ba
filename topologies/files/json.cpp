#include "topologies/files/files.hpp"
#include "topologies/files/graph_text.hpp"

namespace orrery {

namespace {

// Names of boxes and topologies hold no sign that JSON escapes, unless a file brought them: then they do.
std::string json_text(std::string_view text) {
  static constexpr char hex[] = "0123456789abcdef";
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (static_cast<unsigned char>(c) < 32) {
      out.append("\\u00").append(1, hex[c >> 4]).append(1, hex[c & 15]);
    } else {
      out += c;
    }
  }
  return out + "\"";
}

}  // namespace

std::string to_json(const Fabric& fabric) {
  const GraphText text = graph_text(fabric);
  std::string out = "{\n  \"schema\": \"orrery-fabric-1\",\n  \"topology\": " + json_text(text.topology) +
                    ",\n  \"planes\": " + std::to_string(fabric.planes) + ",\n  \"boxes\": [";
  const char* comma = "\n";
  for (const GraphText::Box& box : text.boxes) {
    out.append(comma).append("    {\"name\": ").append(json_text(box.name));
    out.append(", \"kind\": \"").append(kind_word(box.kind)).append("\", \"group\": ");
    out.append(std::to_string(box.group))
        .append(", \"index\": ")
        .append(std::to_string(box.index))
        .append("}");
    comma = ",\n";
  }
  out += "\n  ],\n  \"cables\": [";
  comma = "\n";
  for (const GraphText::Cable& cable : text.cables) {
    out.append(comma).append("    {\"from\": ").append(json_text(cable.from));
    out.append(", \"to\": ").append(json_text(cable.to));
    out.append(", \"bytes_per_s\": ").append(exact(cable.rate.value()));
    out.append(", \"latency_s\": ").append(exact(cable.latency.value())).append("}");
    comma = ",\n";
  }
  return out + "\n  ]\n}\n";
}

}  // namespace orrery
