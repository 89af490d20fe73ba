#pragma once

#include <cstdint>
#include <vector>

#include "models/pipeline/schedule.hpp"
#include "models/work/stages.hpp"

namespace orrery {

/// The four all-to-alls of a layer, as the trace names them. A dispatch carries tokens to the ranks of
/// their experts, a combine carries them back; the backward of one is physically the other.
enum class TransferKind : std::uint8_t {
  DispatchForward,
  CombineForward,
  CombineBackward,
  DispatchBackward,
  Count
};
/// Whether tokens go from their source rank to the experts (else back).
constexpr bool outward(TransferKind kind) {
  return kind == TransferKind::DispatchForward || kind == TransferKind::CombineBackward;
}
std::string_view transfer_name(TransferKind kind);

enum class Side : std::uint8_t { Forward, Backward };  ///< Which chunk of an overlapped pair.

/// A stretch of kernels on the compute stream.
struct Step {
  Side side;
  Block block;
  Segment segment;
  int waits_for = -1;  ///< Transfer of this program that must have ended; -1: none.
};

/// An all-to-all on the communication stream, which is strictly serial in this order.
struct Transfer {
  Side side;
  Block block;
  TransferKind kind;
  int after_step;       ///< Launched when that step ends; -1: when the op starts.
  bool beside_compute;  ///< Kernels lie between its launch and the step that waits for it.
};

/// One op of a schedule on given stages: two streams and the waits between them. No time.
struct ChunkProgram {
  std::vector<Step> steps;
  std::vector<Transfer> transfers;
  int last_wait = -1;  ///< The op ends when this transfer has ended too.
  /// When the result for the next stage is complete: after this step and after this transfer (-1: none).
  int forward_step = -1, forward_transfer = -1;
  int backward_step = -1;
};

/// Whether communication may hide behind other work of the same rank.
enum class Overlap : std::uint8_t { Hidden, Exposed };

/// Weaves an op from its stages (the one not used may be empty). The overlapped pair follows the order of
/// the published trace, a layer slot at a time: attn(F), mlp(B), mlp(W), mlp(F), attn(B), attn(W) with
/// combine(B), dispatch(F), dispatch(B), combine(F) beside them (facts of profile-data train.json).
/// With Overlap::Exposed the pair is a forward op followed by a backward op, and each all-to-all is waited
/// for at once.
ChunkProgram weave(Pass pass, const Stage& forward, const Stage& backward, Overlap overlap);

}  // namespace orrery
