#include "scenarios/reading/hardware.hpp"

#include <algorithm>
#include <array>

#include "scenarios/reading/open_data.hpp"
#include "scenarios/reading/text_reader.hpp"

namespace orrery {
namespace {

using K = QuantityKind;

constexpr KeyShape rate = quantity(K::Bandwidth, 1e3, 1e15), compute = quantity(K::Compute, 1e9, 1e19),
                   latency = quantity(K::Time, 0, 1), power = quantity(K::Power, 0, 1e7),
                   price = quantity(K::Money, 0, 1e9);

using Gpu = GpuSpec;
constexpr std::array gpu_rows{
    Key<Gpu>{{"multiprocessors", integer(1, 4096), required, "streaming multiprocessors"},
             store<&Gpu::multiprocessors>},
    Key<Gpu>{{"bf16", compute, required, "dense BF16 tensor-core peak"}, store<&Gpu::bf16>},
    Key<Gpu>{{"fp8", compute, unset, "dense FP8 tensor-core peak; left out: the chip has none"},
             store<&Gpu::fp8>},
    Key<Gpu>{{"memory", quantity(K::Size, 1e9, 1e15), required, "as the driver reports it"},
             store<&Gpu::memory>},
    Key<Gpu>{{"hbm", rate, required, "memory bandwidth"}, store<&Gpu::hbm>},
    Key<Gpu>{{"nvlink_line", rate, required, "data sheet, one direction"}, store<&Gpu::nvlink_line>},
    Key<Gpu>{{"nvlink_achieved", rate, required, "what bulk copies reach, one direction"},
             store<&Gpu::nvlink_achieved>},
    Key<Gpu>{{"power", power, required, "thermal design power"}, store<&Gpu::power>},
    Key<Gpu>{{"price", price, unset, "of one GPU"}, store<&Gpu::price>},
    Key<Gpu>{{"rent", quantity(K::MoneyPerHour, 0, 1e6), unset, "of one GPU for an hour"}, store<&Gpu::rent>},
};

using Nic = NicSpec;
constexpr std::array nic_rows{
    Key<Nic>{{"line", rate, required, "signalling rate of the port, one direction"}, store<&Nic::line>},
    Key<Nic>{{"achieved", rate, required, "what bulk RDMA traffic of a collective reaches"},
             store<&Nic::achieved>},
    Key<Nic>{{"latency", latency, required, "end to end under one leaf switch, small message"},
             store<&Nic::latency>},
    Key<Nic>{{"power", power, unset, "of one adapter"}, store<&Nic::power>},
    Key<Nic>{{"price", price, unset, "of one adapter"}, store<&Nic::price>},
};

using Switch = SwitchSpec;
constexpr std::array switch_rows{
    Key<Switch>{{"ports", integer(2, 4096), required, "ports at port_rate"}, store<&Switch::ports>},
    Key<Switch>{{"port_rate", rate, required, "of one port, one direction"}, store<&Switch::port_rate>},
    Key<Switch>{{"hop_latency", latency, required, "what one more switch on the path adds"},
                store<&Switch::hop_latency>},
    Key<Switch>{{"power", power, unset, "of one switch"}, store<&Switch::power>},
    Key<Switch>{{"price", price, unset, "of one switch"}, store<&Switch::price>},
};

using Node = NodeSpec;
constexpr std::array node_rows{
    Key<Node>{{"gpu", data_name(DataKind::Gpu), unset, "the GPU that the server is sold with; left out: any"},
              store<&Node::gpu>},
    Key<Node>{{"nic", data_name(DataKind::Nic), required, "the network adapter"}, store<&Node::nic>},
    Key<Node>{{"gpus", integer(1, 1024), required, "on one NVLink switch"}, store<&Node::gpus>},
    Key<Node>{{"nics", integer(1, 1024), required, "of the compute network"}, store<&Node::nics>},
    Key<Node>{{"host_power", power, unset, "of the server without its GPUs and NICs"},
              store<&Node::host_power>},
    Key<Node>{{"host_price", price, unset, "of the server without its GPUs and NICs"},
              store<&Node::host_price>},
};

using List = PriceList;
constexpr KeyShape length = quantity(K::Length, 0, 1e4);
constexpr std::array price_rows{
    Key<List>{{"network_switch", price, unset, "of one switch, instead of the switch's own"},
              store<&List::network_switch>},
    Key<List>{{"nic", price, unset, "of one adapter, instead of the adapter's own"}, store<&List::nic>},
    Key<List>{{"copper", price, unset, "of a copper cable between switches, its ends"},
              store<&List::copper, &CablePrice::each>},
    Key<List>{{"copper_a_meter", price, unset, "and of each metre of it"},
              store<&List::copper, &CablePrice::a_meter>},
    Key<List>{{"optical", price, unset, "of an optical cable between switches, its ends"},
              store<&List::optical, &CablePrice::each>},
    Key<List>{{"optical_a_meter", price, unset, "and of each metre of it"},
              store<&List::optical, &CablePrice::a_meter>},
    Key<List>{
        {"end_copper", price, unset, "of a copper cable from a NIC to its leaf; left out: not on the bill"},
        store<&List::end_copper, &CablePrice::each>},
    Key<List>{{"end_copper_a_meter", price, unset, "and of each metre of it"},
              store<&List::end_copper, &CablePrice::a_meter>},
    Key<List>{{"end_optical", price, unset,
               "of an optical cable from a NIC to its leaf; left out: not on the bill"},
              store<&List::end_optical, &CablePrice::each>},
    Key<List>{{"end_optical_a_meter", price, unset, "and of each metre of it"},
              store<&List::end_optical, &CablePrice::a_meter>},
    Key<List>{{"copper_reach", length, required, "the longest copper cable; beyond it cables are optical"},
              store<&List::copper_reach>},
    Key<List>{{"transceiver", price, unset, "of one optical module, two on a cable"},
              store<&List::transceiver>},
    Key<List>{{"transceiver_power", power, unset, "of one optical module"}, store<&List::transceiver_power>},
    Key<List>{{"nodes_of_a_rack", integer(1, 1024), required, "nodes that stand in one rack"},
              store<&List::nodes_of_a_rack>},
    Key<List>{{"rack_pitch", length, required, "from one rack to the next"}, store<&List::rack_pitch>},
    Key<List>{{"slack", length, required, "of every cable, on top of the way"}, store<&List::slack>},
    Key<List>{{"paid_over", quantity(K::Time, 3600, 1e10), required, "how long the network is in use"},
              store<&List::paid_over>},
};

bool is_number(const KeyRow& row) {
  return row.shape.type == ValueType::Quantity || row.shape.type == ValueType::Integer ||
         row.shape.type == ValueType::Number;
}

/// The keys as they are, and a text source.KEY for each number.
struct Rows {
  std::vector<KeyRow> rows;
  std::vector<std::string> source_names;  ///< What the rows' names point into.
};
template <class Spec>
Rows rows_with_sources(std::span<const Key<Spec>> keys) {
  Rows rows{{keys.begin(), keys.end()}, {}};
  rows.source_names.reserve(keys.size());
  for (const KeyRow& key : keys) {
    if (!is_number(key)) continue;
    rows.source_names.push_back("source." + std::string(key.name));
    rows.rows.push_back({rows.source_names.back(), text(), unset, "where the number was read"});
  }
  return rows;
}

void check_sources(const TableValue& root, std::span<const KeyRow> keys, Diagnostics& diagnostics) {
  const Member* section = find_member(root, "source");
  const TableValue* sources = section ? std::get_if<TableValue>(&section->value.data) : nullptr;
  for (const KeyRow& key : keys) {
    if (!is_number(key)) continue;
    const Member* number = find_member(root, key.name);
    const Member* source = sources ? find_member(*sources, key.name) : nullptr;
    const auto* text = source ? std::get_if<std::string>(&source->value.data) : nullptr;
    const std::string name(key.name);
    const std::string example = "as in [source] " + name + " = \"vendor's data sheet\"";
    if (number && !source)
      diagnostics.push_back(
          {name, name + " has no source", "say where the number was read, " + example, {number->place}});
    if (number && text && text->empty())
      diagnostics.push_back({name,
                             "the source of " + name + " is empty",
                             "say where the number was read, " + example,
                             {source->place}});
    if (!number && source)
      diagnostics.push_back({"source." + name,
                             "source." + name + " has no number",
                             "write " + example_line(key),
                             {source->place}});
  }
}

std::string stem(std::string_view path) {
  path = path.substr(path.rfind('/') + 1);
  return std::string(path.substr(0, path.rfind('.')));
}

template <class Spec>
HardwareReading<Spec> read_text(SourceText source, std::span<const Key<Spec>> keys) {
  HardwareReading<Spec> reading;
  reading.spec.name = stem(source.name);
  ParsedText parsed = parse_text(source, 0);
  reading.document.sources.push_back(std::move(source));
  reading.document.root = std::move(parsed.root);
  reading.diagnostics = std::move(parsed.diagnostics);
  if (!reading.ok()) return reading;

  const Rows rows = rows_with_sources(keys);
  Settings settings = read_settings(reading.document.root, rows.rows, reading.document.sources);
  reading.diagnostics = std::move(settings.diagnostics);
  for (const Setting& setting : settings.list) {
    if (setting.row < keys.size()) {
      keys[setting.row].store(reading.spec, setting.parsed);
    } else {
      reading.spec.sources.push_back({std::string(rows.rows[setting.row].leaf()), setting.parsed.text});
    }
  }
  check_sources(reading.document.root, std::span(rows.rows).first(keys.size()), reading.diagnostics);
  sort_by_place(reading.diagnostics);
  return reading;
}

template <class Spec>
HardwareReading<Spec> read_entry(DataKind kind, std::string_view name_or_path,
                                 std::span<const Key<Spec>> keys) {
  OpenedData opened = open_data(kind, name_or_path);
  if (opened.diagnostics.empty()) return read_text(std::move(opened.source), keys);
  HardwareReading<Spec> reading;
  reading.diagnostics = std::move(opened.diagnostics);
  return reading;
}

}  // namespace

std::span<const Key<GpuSpec>> gpu_keys() { return gpu_rows; }
std::span<const Key<NicSpec>> nic_keys() { return nic_rows; }
std::span<const Key<SwitchSpec>> switch_keys() { return switch_rows; }
std::span<const Key<NodeSpec>> node_keys() { return node_rows; }

std::span<const Key<PriceList>> price_keys() { return price_rows; }

HardwareReading<GpuSpec> read_gpu(std::string_view name_or_path) {
  return read_entry(DataKind::Gpu, name_or_path, gpu_keys());
}
HardwareReading<NicSpec> read_nic(std::string_view name_or_path) {
  return read_entry(DataKind::Nic, name_or_path, nic_keys());
}
HardwareReading<SwitchSpec> read_switch(std::string_view name_or_path) {
  return read_entry(DataKind::Switch, name_or_path, switch_keys());
}
HardwareReading<NodeSpec> read_node(std::string_view name_or_path) {
  return read_entry(DataKind::Node, name_or_path, node_keys());
}
HardwareReading<PriceList> read_prices(std::string_view name_or_path) {
  return read_entry(DataKind::Prices, name_or_path, price_keys());
}
HardwareReading<GpuSpec> read_gpu_text(SourceText text) { return read_text(std::move(text), gpu_keys()); }

std::string_view default_node(std::string_view gpu) {
  for (const std::string_view name : data_names(DataKind::Node)) {
    const auto reading = read_node(name);
    if (reading.ok() && reading.spec.gpu == gpu) return name;
  }
  return "hgx-8";
}

}  // namespace orrery
