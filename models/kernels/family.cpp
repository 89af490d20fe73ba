#include "models/kernels/family.hpp"

#include "models/kernels/json_reader.hpp"

namespace orrery {
namespace {

using Range = JsonReader::Range;
constexpr Range share{1e-3, 1.0}, fraction{0.0, 1.0}, seconds{0.0, 1.0}, factor{1.0, 10.0};
constexpr Range rate{1e6, 1e18}, count{1.0, 1e5}, watts{1.0, 1e5}, percent{0.0, 1000.0};

BesideFactors read_beside(JsonReader& reader) {
  const std::vector<double> values = reader.numbers("beside_nothing_barrier_transfer", beside_count, factor);
  return {values[0], values[1], values[2]};
}

GemmConstants read_gemm(JsonReader reader) {
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

AttentionConstants read_attention(JsonReader reader) {
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

DecodeConstants read_decode(JsonReader reader) {
  DecodeConstants c;
  c.launch = Seconds(reader.number("launch_s", seconds));
  c.sequence = Seconds(reader.number("sequence_s", seconds));
  c.hbm_share = reader.number("hbm_share", share);
  c.sustained_share = reader.number("sustained_share", share);
  reader.finish();
  return c;
}

TrafficConstants read_traffic(JsonReader reader) {
  TrafficConstants c;
  c.hbm_share = reader.number("hbm_share", share);
  c.beside = read_beside(reader);
  reader.text("source");
  reader.finish();
  return c;
}

FittedOn read_fitted_on(JsonReader reader) {
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

TableError read_error(JsonReader reader) {
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

void read_gemms(KernelFamily& family, JsonReader reader) {
  constexpr std::array<std::string_view, 4> names{"bf16_product", "bf16_accumulate", "fp8_product",
                                                  "fp8_accumulate"};
  const bool fp8 = reader.has(names[2]) || reader.has(names[3]);
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i < 2 || fp8) family.gemm[i] = read_gemm(reader.object(names[i]));
  }
  if (reader.has("fp8_masked")) family.fp8_masked = read_gemm(reader.object("fp8_masked"));
  reader.finish();
}

void read_attentions(KernelFamily& family, JsonReader reader) {
  family.forward = read_attention(reader.object("forward"));
  if (reader.has("forward_latent")) family.forward_latent = read_attention(reader.object("forward_latent"));
  family.backward = read_attention(reader.object("backward"));
  if (reader.has("decode")) family.decode = read_decode(reader.object("decode"));
  reader.finish();
}

}  // namespace

Checked<KernelFamily> read_kernel_family(std::string_view json, std::string_view name) {
  Checked<KernelFamily> result;
  const auto root = nlohmann::json::parse(json.begin(), json.end(), nullptr, false);
  if (root.is_discarded()) {
    result.findings.push_back({"", "kernel family " + std::string(name) + " is not JSON", "a JSON object"});
    return result;
  }
  JsonReader reader(&root, "", result.findings);
  KernelFamily& family = result.value;
  family.name = name;
  family.about = reader.text("about");
  family.fitted_on = read_fitted_on(reader.object("fitted_on"));
  family.launch_gap = Seconds(reader.number("launch_gap_s", seconds));
  family.reserved_multiprocessors = reader.whole("reserved_multiprocessors", {0, 1e4});
  const auto extra =
      reader.numbers("small_kernel_extra_s_beside_nothing_barrier_transfer", beside_count, seconds);
  for (std::size_t i = 0; i < extra.size(); ++i) family.small_kernel_extra[i] = Seconds(extra[i]);
  read_gemms(family, reader.object("gemm"));
  read_attentions(family, reader.object("attention"));
  JsonReader traffic = reader.object("traffic");
  for (std::size_t i = 0; i < family.traffic.size(); ++i) {
    family.traffic[i] = read_traffic(traffic.object(traffic_name(Traffic(i))));
  }
  traffic.finish();
  for (JsonReader& item : reader.objects("errors")) family.errors.push_back(read_error(item));
  reader.ignore("sources");
  reader.finish();
  return result;
}

}  // namespace orrery
