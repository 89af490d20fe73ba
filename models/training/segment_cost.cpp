#include "models/training/segment_cost.hpp"

#include <algorithm>
#include <utility>

#include "models/routing/routing.hpp"

namespace orrery {
namespace {

constexpr int segment_count = int(Segment::Count), block_kinds = 5;

}  // namespace

namespace {

/// One launch while `held` multiprocessors are somebody else's.
Seconds launch_time(const Machine& machine, const KernelCall& call, int held, Beside beside) {
  const KernelFamily& family = machine.family;
  const GpuSpec& gpu = machine.gpu;
  if (const auto* gemm = std::get_if<Gemm>(&call.work)) return gemm_time(family, gpu, *gemm, held, beside);
  if (const auto* core = std::get_if<Attention>(&call.work))
    return attention_time(family, gpu, *core, held, beside);
  if (const auto* core = std::get_if<DecodeAttention>(&call.work))
    return decode_attention_time(family, gpu, *core);
  if (const auto* move = std::get_if<Move>(&call.work))
    return traffic_time(family, gpu, move->traffic, move->bytes, beside);
  if (const auto* small = std::get_if<Small>(&call.work))
    return small_kernel_time(family, small->alone, beside);
  return machine.message(std::get<Message>(call.work));
}

/// A piece of a kernel: a part of its rows (products) or keys (attention).
KernelCall piece_of(const KernelCall& call, int pieces) {
  KernelCall piece = call;
  if (auto* gemm = std::get_if<Gemm>(&piece.work)) gemm->m = std::max<std::int64_t>(1, gemm->m / pieces);
  if (auto* core = std::get_if<Attention>(&piece.work)) core->keys = std::max(1, core->keys / pieces);
  return piece;
}

/// A kernel with a message beside it, which takes some of its multiprocessors:
///   free    until the shorter of the two ends both share the chip, then the other goes on alone;
///   feeds   the first piece computes, then computing and arriving of the others go on together;
///   drains  a piece computes while the one before leaves; the last one's leaving is seen.
/// While both share the chip the kernel is slowed as beside any transfer.
/// Checked     tests/models/training/segment_cost_test.cpp, against the limits of a message of no and of all
/// length. Leaves out  memory and NVLink traffic that slow each other.
Seconds accompanied_time(const Machine& machine, const KernelCall& call, Beside beside) {
  const Travelling& other = *call.travelling;
  const int held = other.multiprocessors;
  const Seconds message = machine.message(other.message);
  if (other.order == Travelling::Order::Free) {
    const Seconds slowed = launch_time(machine, call, held, Beside::Transfer);
    if (message >= slowed) return message;
    return message + (1 - message / slowed) * launch_time(machine, call, 0, beside);
  }
  const int pieces = std::max(1, other.pieces);
  const Seconds piece =
      launch_time(machine, piece_of(call, pieces), held, Beside::Transfer) + launch_gap(machine.family);
  if (other.order == Travelling::Order::Feeds) return piece + std::max(double(pieces - 1) * piece, message);
  const Seconds leaving = (1.0 / pieces) * message;
  return piece + double(pieces - 1) * std::max(piece, leaving) + leaving;
}

}  // namespace

Seconds call_time(const Machine& machine, const KernelCall& call, Beside beside) {
  const int held = beside == Beside::Nothing ? 0 : machine.communication_sms;
  const Seconds once =
      call.travelling ? accompanied_time(machine, call, beside) : launch_time(machine, call, held, beside);
  return double(call.times) * (once + launch_gap(machine.family));
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

bool priced_by_rows(BlockKind kind, Segment segment) {
  return has_experts(kind) &&
         (segment == Segment::FfnForward || segment == Segment::FfnBackward || segment == Segment::FfnWeight);
}

SegmentCosts::SegmentCosts(Pricer pricer)
    : pricer_(std::move(pricer)), kept_(std::size_t(segment_count * block_kinds)) {}

const SegmentCost& SegmentCosts::at(BlockKind kind, Segment segment, std::int64_t rows) {
  auto& row = kept_[std::size_t(kind) * segment_count + std::size_t(segment)];
  const auto index = priced_by_rows(kind, segment) ? std::size_t(rows / row_tile) : 0;
  if (row.size() <= index) row.resize(index + 1);
  if (!row[index]) row[index] = std::make_unique<SegmentCost>(pricer_(kind, segment, rows));
  return *row[index];
}

}  // namespace orrery
