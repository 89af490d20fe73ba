#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "sim/finding.hpp"

namespace orrery {

/// What stands in an XML text, in order.
struct XmlEvent {
  enum What : unsigned char { Open, Close, Text };
  What what;
  std::string name;  ///< Of the element; of a text, what it says.
  std::map<std::string, std::string, std::less<>> attributes;
  int line = 0;
  std::string attribute(std::string_view key) const {
    const auto found = attributes.find(key);
    return found == attributes.end() ? std::string() : found->second;
  }
};

/// The part of XML that data files use: elements, attributes, texts, the five entities and character numbers,
/// comments, instructions, CDATA. Every element is closed by its own end. White space alone is no text.
/// Findings   with the line: an element that is not closed, a quote that does not end, an unknown entity;
///            document types are refused, as their entities can grow without bound.
Checked<std::vector<XmlEvent>> read_xml(std::string_view text);

std::string xml_escaped(std::string_view text);

}  // namespace orrery
