#include "topologies/files/files.hpp"

#include <array>

namespace orrery {
namespace {

/// Without the white space, and what may stand before, at the start.
std::string_view start_of(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  return first == std::string_view::npos ? std::string_view() : text.substr(first);
}

bool is_xml(std::string_view text) { return start_of(text).starts_with('<'); }
bool is_dot(std::string_view text) {
  const std::string_view start = start_of(text);
  return start.starts_with("graph") || start.starts_with("digraph") || start.starts_with("strict") ||
         start.starts_with("//") || start.starts_with("/*");
}
bool is_anything(std::string_view) { return true; }

constexpr std::array writers{
    FabricWriter{"graphml", "for NetworkX, Gephi, yEd and back", to_graphml},
    FabricWriter{"dot", "for Graphviz and back", to_dot},
    FabricWriter{"json", "boxes and cables, for programs", to_json},
    FabricWriter{"ibsim", "for ibsim, in which OpenSM routes a fabric that is not built", to_ibsim},
};

constexpr std::array readers{
    FabricReader{"graphml", "as orrery topology export writes it", is_xml, read_graphml},
    FabricReader{"dot", "as orrery topology export writes it", is_dot, read_dot},
    FabricReader{"ibnetdiscover", "what the tool prints of a fabric that is there", is_anything,
                 read_ibnetdiscover},
};

}  // namespace

std::span<const FabricWriter> fabric_writers() { return writers; }
std::span<const FabricReader> fabric_readers() { return readers; }

Checked<Fabric> read_fabric(std::string_view text, const FabricRequest& request) {
  for (const FabricReader& reader : readers)
    if (reader.fits(text)) return reader.read(text, request);
  return {};
}

}  // namespace orrery
