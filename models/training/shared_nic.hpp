#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>

namespace orrery {

/// One rank's NIC when flows are folded: an all-to-all and pipeline messages on their way in share it in
/// proportion to their sizes, as the flows of the full simulation do. Times are picoseconds.
///
///   message starts while a transfer runs   with w the message's time alone and f T what is left of the
///   transfer,
///                                          both are over after w + f T: the message takes f T longer than
///                                          alone, the transfer f w;
///   transfer starts while a message runs   with q left of the message's w, it is through when the transfer
///   has done
///                                          q / w of its T: the message takes q T / w longer, the transfer q.
///
/// Messages queue up behind each other. What was added is taken when the event it moves comes due.
/// Checked  tests/models/training/shared_nic_test.cpp against a FlowNetwork.
class SharedNic {
 public:
  /// When a message is through that would need `alone` here and `on_its_way` on the rest of its path.
  std::int64_t message(std::int64_t now, std::int64_t alone, std::int64_t on_its_way) {
    std::int64_t end = std::max(now + on_its_way, inbound_until_ + alone);
    if (transfer_end_ > now) {
      const std::int64_t left = transfer_end_ - std::max(now, transfer_begin_);
      end += left;
      transfer_delay_ += std::int64_t(double(alone) * double(left) / double(transfer_end_ - transfer_begin_));
    }
    inbound_until_ = end;
    return end;
  }

  /// A transfer that would last from `begin` to `end`; `alone` is a message's time.
  void transfer(std::int64_t begin, std::int64_t end, std::int64_t alone) {
    transfer_begin_ = begin;
    transfer_end_ = end;
    if (inbound_until_ <= begin || alone == 0) return;
    const std::int64_t left = std::min(inbound_until_ - begin, alone);
    const auto longer = std::int64_t(double(left) / double(alone) * double(end - begin));
    message_delay_ += longer;
    inbound_until_ += longer;
    transfer_delay_ += left;
  }

  std::int64_t take_transfer_delay() { return std::exchange(transfer_delay_, 0); }
  std::int64_t take_message_delay() { return std::exchange(message_delay_, 0); }
  void transfer_over() { transfer_end_ = 0; }

 private:
  std::int64_t transfer_begin_ = 0, transfer_end_ = 0;
  std::int64_t transfer_delay_ = 0, message_delay_ = 0;
  std::int64_t inbound_until_ = 0;
};

}  // namespace orrery
