#include "models/kernels/family.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

namespace orrery {
namespace {

using Json = nlohmann::json;

struct Range {
  double low, high;
};
constexpr Range share{1e-3, 1.0}, fraction{0.0, 1.0}, seconds{0.0, 1.0}, factor{1.0, 10.0};
constexpr Range rate{1e6, 1e18}, count{1.0, 1e5}, watts{1.0, 1e5}, percent{0.0, 1000.0};

/// One JSON object being read: what is missing, out of range or unknown becomes a finding with its key.
class Reader {
 public:
  Reader(const Json* object, std::string path, Findings& findings)
      : object_(object), path_(std::move(path)), findings_(&findings) {
    if (!object_->is_object()) complain("", "is not an object", "{ ... }");
  }

  bool has(std::string_view key) const { return find(key) != nullptr; }

  double number(std::string_view key, Range range) {
    const Json* value = take(key);
    if (value == nullptr) return range.low;
    const double number = value->is_number() ? value->get<double>() : std::nan("");
    if (number >= range.low && number <= range.high) return number;  // NaN is neither.
    complain(key, "found " + value->dump(-1, ' ', false, Json::error_handler_t::replace),
             "a number from " + Json(range.low).dump() + " to " + Json(range.high).dump());
    return range.low;
  }
  int whole(std::string_view key, Range range) {
    const double value = number(key, range);
    if (value != std::floor(value)) complain(key, "is not a whole number", "a whole number");
    return int(value);
  }
  std::string text(std::string_view key) {
    const Json* value = take(key);
    if (value == nullptr) return {};
    if (!value->is_string()) return complain(key, "is not text", "a string"), std::string();
    return value->get<std::string>();
  }
  std::vector<double> numbers(std::string_view key, std::size_t size, Range range) {
    std::vector<double> values;
    const Json* list = take(key);
    if (list != nullptr && list->is_array() && list->size() == size) {
      for (const Json& item : *list) {
        const double value = item.is_number() ? item.get<double>() : std::nan("");
        if (value >= range.low && value <= range.high) values.push_back(value);
      }
    }
    if (values.size() == size) return values;
    if (list != nullptr) {
      complain(key, "is not such a list",
               std::to_string(size) + " numbers from " + Json(range.low).dump() + " to " + Json(range.high).dump());
    }
    return std::vector<double>(size, range.low);
  }
  Reader object(std::string_view key) {
    const Json* value = take(key);
    static const Json empty = Json::object();
    return Reader(value != nullptr ? value : &empty, join(key), *findings_);
  }
  /// The items of a list, each an object; a missing list has none and is a finding.
  std::vector<Reader> objects(std::string_view key) {
    std::vector<Reader> items;
    const Json* list = take(key);
    if (list == nullptr) return items;
    if (!list->is_array()) return complain(key, "is not a list", "[ ... ]"), items;
    for (std::size_t i = 0; i < list->size(); ++i) {
      items.emplace_back(&(*list)[i], join(key) + "[" + std::to_string(i) + "]", *findings_);
    }
    return items;
  }
  std::vector<Tile> tiles(std::string_view key) {
    std::vector<Tile> tiles;
    const Json* list = take(key);
    if (list == nullptr) return tiles;
    const auto side = [](const Json& value) {
      return value.is_number_integer() && value.get<double>() >= 1 && value.get<double>() <= 4096;
    };
    if (list->is_array()) {
      for (const Json& item : *list) {
        if (!item.is_array() || item.size() != 2 || !side(item[0]) || !side(item[1])) {
          complain(key, "holds a tile that is not [rows, columns]", "two whole numbers from 1 to 4096");
          return tiles;
        }
        tiles.push_back({item[0].get<int>(), item[1].get<int>()});
      }
    }
    if (tiles.empty()) complain(key, "holds no tile", "[[128, 128], ...]");
    return tiles;
  }
  void ignore(std::string_view key) { seen_.emplace_back(key); }

  /// Every key that nobody asked for.
  void finish() {
    if (!object_->is_object()) return;
    for (const auto& [key, value] : object_->items()) {
      if (std::find(seen_.begin(), seen_.end(), key) != seen_.end()) continue;
      std::string allowed = "one of:";
      for (const std::string& name : seen_) allowed += " " + name;
      complain(key, "is not a key of this object", allowed);
    }
  }
  void complain(std::string_view key, std::string problem, std::string remedy) {
    findings_->push_back({join(key), std::move(problem), std::move(remedy)});
  }

 private:
  const Json* find(std::string_view key) const {
    if (!object_->is_object()) return nullptr;
    const auto found = object_->find(std::string(key));
    return found == object_->end() ? nullptr : &*found;
  }
  const Json* take(std::string_view key) {
    seen_.emplace_back(key);
    const Json* value = find(key);
    if (value == nullptr && object_->is_object()) complain(key, "is missing", "");
    return value;
  }
  std::string join(std::string_view key) const {
    if (path_.empty() || key.empty()) return path_ + std::string(key);
    return path_ + "." + std::string(key);
  }

  const Json* object_;
  std::string path_;
  Findings* findings_;
  std::vector<std::string> seen_;
};

BesideFactors read_beside(Reader& reader) {
  const std::vector<double> values = reader.numbers("beside_nothing_barrier_transfer", beside_count, factor);
  return {values[0], values[1], values[2]};
}

GemmConstants read_gemm(Reader reader) {
  GemmConstants c;
  c.launch = Seconds(reader.number("launch_s", seconds));
  c.tile_overhead = Seconds(reader.number("tile_overhead_s", seconds));
  c.tensor_share = reader.number("tensor_share", share);
  c.sustained_share = reader.number("sustained_share", share);
  c.hbm_share = reader.number("hbm_share", share);
  c.feed = BytesPerSecond(reader.number("feed_bytes_per_s", rate));
  c.reread_share = reader.number("reread_share", fraction);
  c.contraction_step = reader.whole("contraction_step", {1, 4096});
  c.output_bytes = reader.whole("output_bytes", {1, 16});
  c.cast_launch = Seconds(reader.number("cast_launch_s", seconds));
  c.beside = read_beside(reader);
  c.tiles = reader.tiles("tiles");
  reader.finish();
  return c;
}

AttentionConstants read_attention(Reader reader) {
  AttentionConstants c;
  c.launch = Seconds(reader.number("launch_s", seconds));
  c.tile_overhead = Seconds(reader.number("tile_overhead_s", seconds));
  c.tensor_share = reader.number("tensor_share", share);
  c.sustained_share = reader.number("sustained_share", share);
  c.hbm_share = reader.number("hbm_share", share);
  c.tail_share = reader.number("tail_share", fraction);
  c.beside = read_beside(reader);
  reader.ignore("assumption");
  reader.finish();
  return c;
}

TrafficConstants read_traffic(Reader reader) {
  TrafficConstants c;
  c.hbm_share = reader.number("hbm_share", share);
  c.beside = read_beside(reader);
  reader.text("source");
  reader.finish();
  return c;
}

FittedOn read_fitted_on(Reader reader) {
  FittedOn f;
  f.gpu = reader.text("gpu");
  f.multiprocessors = reader.whole("multiprocessors", count);
  f.bf16 = FlopsPerSecond(reader.number("bf16_flop_per_s", rate));
  if (reader.has("fp8_flop_per_s")) f.fp8 = FlopsPerSecond(reader.number("fp8_flop_per_s", rate));
  f.hbm = BytesPerSecond(reader.number("hbm_bytes_per_s", rate));
  f.power = Watts(reader.number("power_w", watts));
  reader.finish();
  return f;
}

TableError read_error(Reader reader) {
  TableError e;
  e.table = reader.text("table");
  e.what = reader.text("what");
  e.fitted_rows = reader.whole("fitted_rows", {0, 1e6});
  e.held_out_rows = reader.whole("held_out_rows", {0, 1e6});
  if (reader.has("fitted_percent")) e.fitted_percent = reader.number("fitted_percent", percent);
  if (reader.has("held_out_percent")) e.held_out_percent = reader.number("held_out_percent", percent);
  reader.finish();
  return e;
}

void read_gemms(KernelFamily& family, Reader reader) {
  constexpr std::array<std::string_view, 4> names{"bf16_product", "bf16_accumulate", "fp8_product",
                                                  "fp8_accumulate"};
  const bool fp8 = reader.has(names[2]) || reader.has(names[3]);
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i < 2 || fp8) family.gemm[i] = read_gemm(reader.object(names[i]));
  }
  reader.finish();
}

void read_attentions(KernelFamily& family, Reader reader) {
  family.forward = read_attention(reader.object("forward"));
  if (reader.has("forward_latent")) family.forward_latent = read_attention(reader.object("forward_latent"));
  family.backward = read_attention(reader.object("backward"));
  reader.finish();
}

}  // namespace

Checked<KernelFamily> read_kernel_family(std::string_view json, std::string_view name) {
  Checked<KernelFamily> result;
  const Json root = Json::parse(json.begin(), json.end(), nullptr, false);
  if (root.is_discarded()) {
    result.findings.push_back({"", "kernel family " + std::string(name) + " is not JSON", "a JSON object"});
    return result;
  }
  Reader reader(&root, "", result.findings);
  KernelFamily& family = result.value;
  family.name = name;
  family.about = reader.text("about");
  family.fitted_on = read_fitted_on(reader.object("fitted_on"));
  family.launch_gap = Seconds(reader.number("launch_gap_s", seconds));
  family.reserved_multiprocessors = reader.whole("reserved_multiprocessors", {0, 1e4});
  const auto extra = reader.numbers("small_kernel_extra_s_beside_nothing_barrier_transfer", beside_count, seconds);
  for (std::size_t i = 0; i < extra.size(); ++i) family.small_kernel_extra[i] = Seconds(extra[i]);
  read_gemms(family, reader.object("gemm"));
  read_attentions(family, reader.object("attention"));
  Reader traffic = reader.object("traffic");
  for (std::size_t i = 0; i < family.traffic.size(); ++i) {
    family.traffic[i] = read_traffic(traffic.object(traffic_name(Traffic(i))));
  }
  traffic.finish();
  for (Reader& item : reader.objects("errors")) family.errors.push_back(read_error(item));
  reader.ignore("sources");
  reader.finish();
  return result;
}

}  // namespace orrery
