#include "models/training/chunk_program.hpp"

#include <algorithm>
#include <utility>

namespace orrery {
namespace {

/// Appends steps and transfers while remembering what the next step of each side has to wait for.
struct Weaver {
  ChunkProgram program;
  int forward_wait = -1;   ///< combine(F) that the next forward step reads.
  int backward_wait = -1;  ///< combine(B) or dispatch(B) that the next backward step reads.
  int backward_tail = -1;  ///< Step that made the newest input gradient.

  int step(Side side, const Block& block, Segment segment, int wait = -1) {
    program.steps.push_back({side, block, segment, wait});
    return int(program.steps.size()) - 1;
  }
  int transfer(Side side, const Block& block, TransferKind kind, int after) {
    program.transfers.push_back({side, block, kind, after, false});
    return int(program.transfers.size()) - 1;
  }

  void attention_forward(const Block& b) {
    const int s = step(Side::Forward, b, Segment::AttentionForward, std::exchange(forward_wait, -1));
    if (has_experts(b.kind)) forward_wait = transfer(Side::Forward, b, TransferKind::DispatchForward, s);
  }
  void ffn_forward(const Block& b) {
    const int s = step(Side::Forward, b, Segment::FfnForward, std::exchange(forward_wait, -1));
    if (has_experts(b.kind)) forward_wait = transfer(Side::Forward, b, TransferKind::CombineForward, s);
    program.forward_step = s;
  }
  void gradient_in(const Block& b) {  // Before the first backward step of a block.
    if (has_experts(b.kind))
      backward_wait = transfer(Side::Backward, b, TransferKind::CombineBackward, backward_tail);
  }
  void ffn_backward(const Block& b) {
    backward_tail = step(Side::Backward, b, Segment::FfnBackward, std::exchange(backward_wait, -1));
  }
  void gradient_back(const Block& b, int after) {
    if (has_experts(b.kind))
      backward_wait = transfer(Side::Backward, b, TransferKind::DispatchBackward, after);
  }
  void attention_backward(const Block& b) {
    backward_tail = step(Side::Backward, b, Segment::AttentionBackward, std::exchange(backward_wait, -1));
  }
  void weight(const Block& b, Segment segment) { step(Side::Backward, b, segment); }

  void forward_block(const Block& b) {
    if (has_attention(b.kind)) attention_forward(b);
    ffn_forward(b);
  }

  void backward_block(const Block& b, Pass pass, Overlap overlap) {
    const bool weights = pass != Pass::InputBackward;
    gradient_in(b);
    ffn_backward(b);
    if (weights && overlap == Overlap::Exposed) {
      weight(b, Segment::FfnWeight);
      gradient_back(b, int(program.steps.size()) - 1);
    } else {
      gradient_back(b, backward_tail);
      if (weights) weight(b, Segment::FfnWeight);
    }
    if (!has_attention(b.kind)) return;
    attention_backward(b);
    if (weights) weight(b, Segment::AttentionWeight);
    if (overlap == Overlap::Exposed) backward_tail = int(program.steps.size()) - 1;
  }

  void weight_block(const Block& b) {
    weight(b, Segment::FfnWeight);
    if (has_attention(b.kind)) weight(b, Segment::AttentionWeight);
  }

  ChunkProgram finish() {
    program.backward_step = backward_tail;
    program.forward_transfer = forward_wait;
    program.last_wait = int(program.transfers.size()) - 1;
    for (Transfer& t : program.transfers) {
      const int index = int(&t - program.transfers.data());
      const auto waiting = std::find_if(program.steps.begin(), program.steps.end(),
                                        [&](const Step& s) { return s.waits_for == index; });
      t.beside_compute = int(waiting - program.steps.begin()) > t.after_step + 1;
    }
    return std::move(program);
  }
};

void overlapped(Weaver& w, const Stage& forward, const Stage& backward) {
  auto f = forward.begin();
  auto b = backward.rbegin();
  // Blocks without attention (embedding, head) run alone between the slots; heads first give gradients.
  const auto plain_backward = [&] {
    for (; b != backward.rend() && !has_attention(b->kind); ++b) {
      w.ffn_backward(*b);
      w.weight(*b, Segment::FfnWeight);
    }
  };
  const auto plain_forward = [&] {
    for (; f != forward.end() && !has_attention(f->kind); ++f) w.ffn_forward(*f);
  };
  plain_forward();
  plain_backward();
  if (b != backward.rend()) w.gradient_in(*b);
  while (f != forward.end() || b != backward.rend()) {
    const Block* fb = f != forward.end() ? &*f : nullptr;
    const Block* bb = b != backward.rend() ? &*b : nullptr;
    int dispatched = -1, gradient = -1;
    if (fb) {
      w.attention_forward(*fb);
      dispatched = std::exchange(w.forward_wait, -1);
    }
    if (bb) {
      w.ffn_backward(*bb);
      w.gradient_back(*bb, w.backward_tail);
      gradient = std::exchange(w.backward_wait, -1);
      w.weight(*bb, Segment::FfnWeight);
    }
    if (fb) {
      w.forward_wait = dispatched;
      w.ffn_forward(*fb);
      ++f;
      if (f != forward.end() && !has_attention(f->kind)) plain_forward();
    }
    if (bb) {
      w.backward_wait = gradient;
      w.attention_backward(*bb);
      const int made = w.backward_tail;
      ++b;
      const bool plain_next = b != backward.rend() && !has_attention(b->kind);
      if (!plain_next && b != backward.rend()) w.gradient_in(*b);
      w.weight(*bb, Segment::AttentionWeight);
      if (plain_next) {
        plain_backward();
        if (b != backward.rend()) w.gradient_in(*b);
      } else {
        w.backward_tail = made;
      }
    }
  }
}

}  // namespace

std::string_view transfer_name(TransferKind kind) {
  switch (kind) {
    case TransferKind::DispatchForward:
      return "dispatch(F)";
    case TransferKind::CombineForward:
      return "combine(F)";
    case TransferKind::CombineBackward:
      return "combine(B)";
    case TransferKind::DispatchBackward:
      return "dispatch(B)";
    case TransferKind::Count:
      break;
  }
  return "";
}

ChunkProgram weave(Pass pass, const Stage& forward, const Stage& backward, Overlap overlap) {
  Weaver w;
  switch (pass) {
    case Pass::Forward:
      for (const Block& b : forward) w.forward_block(b);
      break;
    case Pass::Backward:
    case Pass::InputBackward:
      for (auto b = backward.rbegin(); b != backward.rend(); ++b) w.backward_block(*b, pass, overlap);
      break;
    case Pass::WeightBackward:
      for (auto b = backward.rbegin(); b != backward.rend(); ++b) w.weight_block(*b);
      break;
    case Pass::Overlapped:
      if (overlap == Overlap::Hidden) {
        overlapped(w, forward, backward);
      } else {
        for (const Block& b : forward) w.forward_block(b);
        w.backward_tail = int(w.program.steps.size()) - 1;  // The backward starts when the forward has ended.
        for (auto b = backward.rbegin(); b != backward.rend(); ++b)
          w.backward_block(*b, Pass::Backward, overlap);
      }
      break;
  }
  return w.finish();
}

}  // namespace orrery
