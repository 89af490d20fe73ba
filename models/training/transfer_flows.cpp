#include "models/training/executor_state.hpp"

namespace orrery::execution {

/// One flow a remote message: source GPU to the GPU of the same rail in another node, forwarded by NVLink as
/// it arrives. NVLink is part of the path only where its fullest port could be slower than the NICs.
void Executor::start_flows(std::uint32_t cohort) {
  const auto [current, routing] = under_way(cohort);
  const Transfer& transfer = *current;
  const RoutedLayer& layer = *routing->counts;
  const std::uint32_t first = cohort * std::uint32_t(m_);
  const auto nvlink_share = float(r_.nvlink_port / rates_of(transfer).nvlink);
  const bool sends_out = outward(transfer.kind);
  for (int i = 0; i < m_; ++i) members_[first + std::uint32_t(i)].open_flows = 0;
  const bool nvlink_counts = nvlink_could_bind(transfer, *routing);
  std::vector<PathLink>& path = path_;
  for (int rail = 0; rail < rails_; ++rail) {
    for (int from = 0; from < domains_; ++from) {
      for (int to = 0; to < domains_; ++to) {
        if (from == to) continue;
        // A combine goes the way of its dispatch, backwards.
        const int source = sends_out ? from : to, target = sends_out ? to : from;
        const std::int64_t copies = layer.sent[std::size_t((from * rails_ + rail) * domains_ + to)];
        const std::uint32_t sender = first + std::uint32_t(source * rails_ + rail);
        const std::uint32_t receiver = first + std::uint32_t(target * rails_ + rail);
        network_path(sender, receiver, rates_of(transfer), path);
        if (nvlink_counts) nvlink_path({first, to, rail, nvlink_share, sends_out}, layer, path);
        const bool detour = path.front().link < 2 * r_.fabric->gpus();
        if (detour) merge_twice_crossed(path, 0);
        const Bytes size = copies * token_bytes(transfer);
        network_->start(Picoseconds(now_), {.size = size,
                                            .weight = std::max(1.0, double(size.value())),
                                            .path = path,
                                            .tag = flow_tag(sender, receiver)});
        ++members_[sender].open_flows;
        ++members_[receiver].open_flows;
        ++flows_;
      }
    }
  }
}

bool Executor::nvlink_could_bind(const Transfer& transfer, const KnownLayer& layer) const {
  return layer.fullest_nvlink / rates_of(transfer).nvlink.value() >
         0.9 * double(layer.fullest_nic[0]) / rates_of(transfer).nic.value();
}

/// A kernel slower than a link holds it for longer than its bytes need; no rate: as fast as any link. NVLink
/// is on the way where a NIC or a plane is down.
void Executor::network_path(std::uint32_t sender, std::uint32_t receiver, const TransferRates& kernel,
                            std::vector<PathLink>& path) {
  path.clear();
  links_.clear();
  router_->append_rail_route(gpu_of(sender), gpu_of(receiver), 0, links_);
  for (const LinkIndex link : links_) {
    if (link >= r_.fabric->first_trunk()) {
      path.push_back({link, 1.0f});
      continue;
    }
    const bool nvlink = link < 2 * r_.fabric->gpus();
    const double rate = (nvlink ? kernel.nvlink : kernel.nic).value();
    const double capacity = (nvlink ? r_.nvlink_port : r_.fabric->links[link].capacity).value();
    path.push_back({link, rate > 0 ? float(std::max(1.0, capacity / rate)) : 1.0f});
  }
}

/// The forwarding GPU and its peers in the experts' node: each copy that came over the NIC leaves for the
/// ranks that want it, in the share that they receive.
void Executor::nvlink_path(const Forwarding& f, const RoutedLayer& layer, std::vector<PathLink>& path) const {
  std::int64_t received = 0, arriving = 0;
  for (int i = 0; i < rails_; ++i) received += layer.received[std::size_t(f.domain * rails_ + i)];
  for (int i = 0; i < m_; ++i) arriving += layer.sent[std::size_t(i * domains_ + f.domain)];
  const double copies = double(received) / double(std::max<std::int64_t>(1, arriving));
  for (int i = 0; i < rails_; ++i) {
    const GpuIndex gpu = gpu_of(f.first + std::uint32_t(f.domain * rails_ + i));
    const double own = copies * double(layer.received[std::size_t(f.domain * rails_ + i)]) / double(received);
    const bool egress = (i == f.rail) == f.sends_out;
    path.push_back({egress ? r_.fabric->nvlink_out(gpu) : r_.fabric->nvlink_in(gpu),
                    f.share * float(i == f.rail ? copies - own : own)});
  }
}

std::uint32_t Executor::flow_tag(std::uint32_t sender, std::uint32_t receiver) {
  const std::uint32_t local = sender % std::uint32_t(m_), other = receiver % std::uint32_t(m_);
  ORRERY_CHECK(std::uint64_t(cohort_of(sender)) * std::uint64_t(m_) * std::uint64_t(m_) < (1ull << 31));
  return 0x80000000u | ((cohort_of(sender) * std::uint32_t(m_) + local) * std::uint32_t(m_) + other);
}

Executor::Ends Executor::flow_ends(std::uint32_t tag) const {
  const std::uint32_t code = tag & 0x7FFFFFFFu;
  const std::uint32_t sender = code / std::uint32_t(m_);
  return {sender, sender / std::uint32_t(m_) * std::uint32_t(m_) + code % std::uint32_t(m_)};
}

void Executor::flow_ended(std::uint32_t tag) {
  if (tag & 0x80000000u) {
    const Ends ends = flow_ends(tag);
    if (--members_[ends.sender].open_flows == 0) complete(ends.sender);
    if (--members_[ends.receiver].open_flows == 0) complete(ends.receiver);
    return;
  }
  if (tag & neighbour_tag) {
    if (ops_done_ < ops_total_) send_as_neighbour(tag & ~neighbour_tag);
    return;
  }
  free_.push_back(tag);
  message_left(pending_[tag].sender, pending_[tag].slot);
}

}  // namespace orrery::execution
