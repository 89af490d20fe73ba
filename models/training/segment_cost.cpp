#include "models/training/segment_cost.hpp"

#include <utility>

#include "models/routing/routing.hpp"

namespace orrery {
namespace {

constexpr int segment_count = int(Segment::Count), block_kinds = 5;

bool depends_on_rows(BlockKind kind, Segment segment) {
  return has_experts(kind) && (segment == Segment::FfnForward || segment == Segment::FfnBackward ||
                               segment == Segment::FfnWeight);
}

}  // namespace

Seconds call_time(const Machine& machine, const KernelCall& call, Beside beside) {
  const int held = beside == Beside::Nothing ? 0 : machine.communication_sms;
  const KernelFamily& family = machine.family;
  const GpuSpec& gpu = machine.gpu;
  Seconds once{};
  if (const auto* gemm = std::get_if<Gemm>(&call.work)) once = gemm_time(family, gpu, *gemm, held, beside);
  if (const auto* core = std::get_if<Attention>(&call.work)) once = attention_time(family, gpu, *core, held, beside);
  if (const auto* move = std::get_if<Move>(&call.work)) once = traffic_time(family, gpu, move->traffic, move->bytes, beside);
  if (const auto* small = std::get_if<Small>(&call.work)) once = small_kernel_time(family, small->alone, beside);
  if (const auto* message = std::get_if<Message>(&call.work)) once = machine.message(*message);
  return double(call.times) * (once + launch_gap(family));
}

Pricer price_on(Machine machine) {
  return [machine = std::move(machine)](BlockKind kind, Segment segment, std::int64_t rows) {
    SegmentCost cost;
    const std::vector<KernelCall> calls = segment_work(machine.shape, kind, segment, rows);
    for (int b = 0; b < beside_count; ++b) {
      auto& start = cost.start_ps[std::size_t(b)];
      start.reserve(calls.size() + 1);
      start.push_back(0);
      for (const KernelCall& call : calls) {
        start.push_back(start.back() + to_picoseconds(call_time(machine, call, Beside(b))).value());
      }
    }
    for (const KernelCall& call : calls) {
      cost.names.push_back(call.name);
      cost.launches += call.times;
      cost.flops += executed_flops(call).value();
    }
    return cost;
  };
}

SegmentCosts::SegmentCosts(Pricer pricer)
    : pricer_(std::move(pricer)), kept_(std::size_t(segment_count * block_kinds)) {}

const SegmentCost& SegmentCosts::at(BlockKind kind, Segment segment, std::int64_t rows) {
  auto& row = kept_[std::size_t(kind) * segment_count + std::size_t(segment)];
  const auto index = depends_on_rows(kind, segment) ? std::size_t(rows / row_tile) : 0;
  if (row.size() <= index) row.resize(index + 1);
  if (!row[index]) row[index] = std::make_unique<SegmentCost>(pricer_(kind, segment, rows));
  return *row[index];
}

}  // namespace orrery
