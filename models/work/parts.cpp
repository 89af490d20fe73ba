#include "models/work/parts.hpp"

namespace orrery {

void append(Calls& to, const Calls& more) { to.insert(to.end(), more.begin(), more.end()); }

void move_bytes(Calls& calls, std::string_view name, Traffic traffic, Bytes bytes) {
  if (bytes > Bytes(0)) calls.push_back({name, Move{traffic, bytes}});
}

void cast_tokens(Calls& calls, const WorkShape& shape, std::string_view name, std::int64_t elements) {
  if (shape.precision == Precision::Fp8)
    move_bytes(calls, name, Traffic::CastToken, moved(elements, cast_bytes));
}

void cast_channels(Calls& calls, const WorkShape& shape, std::string_view name, std::int64_t elements) {
  if (shape.precision == Precision::Fp8)
    move_bytes(calls, name, Traffic::CastChannel, moved(elements, cast_bytes));
}

void transpose_weight(Calls& calls, const WorkShape& shape, std::string_view name, std::int64_t elements) {
  if (shape.precision == Precision::Fp8)
    move_bytes(calls, name, Traffic::WeightTranspose, moved(elements, 2));
}

void product(Calls& calls, const WorkShape& shape, std::string_view name, std::int64_t m, std::int64_t n,
             std::int64_t k) {
  transpose_scales(calls, shape);
  calls.push_back({name, Gemm{.m = m, .n = n, .k = k, .precision = shape.precision}});
}

void accumulate(Calls& calls, const WorkShape& shape, std::string_view name, std::int64_t m, std::int64_t n,
                std::int64_t k) {
  calls.push_back(
      {name, Gemm{.m = m, .n = n, .k = k, .pass = GemmPass::Accumulate, .precision = shape.precision}});
}

void transpose_scales(Calls& calls, const WorkShape& shape) {
  if (shape.precision == Precision::Fp8 && shape.scaling == Scaling::Tile)
    calls.push_back({"transpose scales", Small{scale_kernel}});
}

namespace {
Message sequence_message(const WorkShape& shape, Exchange kind) {
  return {kind, moved(shape.tokens() * shape.model->hidden, 2), shape.tensor, 1};
}
}  // namespace

void gather_sequence(Calls& calls, const WorkShape& shape) {
  if (shape.tensor == 1 || shape.messages == LayerMessages::AllReduce) return;
  calls.push_back({"gather sequence", sequence_message(shape, Exchange::AllGather)});
}

void scatter_sequence(Calls& calls, const WorkShape& shape) {
  if (shape.tensor == 1) return;
  const bool whole = shape.messages == LayerMessages::AllReduce;
  calls.push_back({whole ? "all-reduce" : "scatter sequence",
                   sequence_message(shape, whole ? Exchange::AllReduce : Exchange::ReduceScatter)});
}

}  // namespace orrery
