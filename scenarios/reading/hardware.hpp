#pragma once

#include <string_view>

#include "scenarios/reading/document.hpp"
#include "scenarios/reading/keys.hpp"
#include "topologies/hardware.hpp"

namespace orrery {

/// A catalogue entry and the text that it came from.
template <class Spec>
struct HardwareReading {
  Spec spec{};
  Document document;
  Diagnostics diagnostics;  ///< Empty: the entry can be used. Without places when there is no such entry.
  bool ok() const { return diagnostics.empty(); }
};

/// Each reads a built-in name or a path of a TOML file: the keys of its struct, and a section [source] with
/// one text for every number. A number without a source is refused, and so is a source without a number.
HardwareReading<GpuSpec> read_gpu(std::string_view name_or_path);
HardwareReading<NicSpec> read_nic(std::string_view name_or_path);
HardwareReading<SwitchSpec> read_switch(std::string_view name_or_path);
HardwareReading<NodeSpec> read_node(std::string_view name_or_path);
HardwareReading<PriceList> read_prices(std::string_view name_or_path);

/// The same for a text at hand.
HardwareReading<GpuSpec> read_gpu_text(SourceText text);

/// The built-in node made for that GPU, or hgx-8, which takes any.
std::string_view default_node(std::string_view gpu);

std::span<const Key<GpuSpec>> gpu_keys();
std::span<const Key<NicSpec>> nic_keys();
std::span<const Key<SwitchSpec>> switch_keys();
std::span<const Key<NodeSpec>> node_keys();
std::span<const Key<PriceList>> price_keys();

}  // namespace orrery
