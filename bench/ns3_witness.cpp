// Reads the flow set that bench/ns3_bench.cpp writes and sends it as packets through ns-3; prints when each
// flow was delivered, and the seconds that took.
//
//   transport   a window of packets per flow; an acknowledgement comes back after the latency of the way and
//               takes no bandwidth; nothing is lost, as on InfiniBand, because every queue holds all there is
//   packets     4,096 bytes of payload, 64 bytes of headers (LRH, GRH, BTH, CRC and what Ethernet would add)
//   hosts       flows of a host take turns, packet by packet, where their windows allow
#include <ns3/core-module.h>
#include <ns3/network-module.h>
#include <ns3/point-to-point-module.h>

#include <chrono>
#include <cstdio>
#include <deque>
#include <iostream>
#include <vector>

namespace {

constexpr std::int64_t payload = 4096, headers = 64;
constexpr std::uint32_t window = 16;
const ns3::Time link_latency = ns3::NanoSeconds(500);

/// Which flow a packet belongs to, and how far on its way it is.
class WayHeader : public ns3::Header {
 public:
  std::uint32_t flow = 0, hop = 0;
  static ns3::TypeId GetTypeId() {
    static ns3::TypeId id = ns3::TypeId("WayHeader").SetParent<ns3::Header>().AddConstructor<WayHeader>();
    return id;
  }
  ns3::TypeId GetInstanceTypeId() const override { return GetTypeId(); }
  std::uint32_t GetSerializedSize() const override { return 8; }
  void Serialize(ns3::Buffer::Iterator at) const override { at.WriteU32(flow), at.WriteU32(hop); }
  std::uint32_t Deserialize(ns3::Buffer::Iterator at) override {
    flow = at.ReadU32(), hop = at.ReadU32();
    return 8;
  }
  void Print(std::ostream& out) const override { out << flow << "/" << hop; }
};

struct Flow {
  std::uint32_t from = 0;
  std::int64_t packets = 0, sent = 0, acknowledged = 0, delivered = 0, last_bytes = 0;
  std::vector<std::uint32_t> route;
  double end_s = 0;
};

struct World {
  std::vector<ns3::Ptr<ns3::PointToPointNetDevice>> out;  // Of each link.
  std::vector<Flow> flows;
  std::vector<std::deque<std::uint32_t>> turns;  // Flows of a host that may send.
  std::vector<bool> sending;                     // Whether the NIC of a host is busy.
} world;

void feed(std::uint32_t host);

void acknowledge(std::uint32_t index) {
  Flow& flow = world.flows[index];
  const bool was_closed = flow.sent - flow.acknowledged >= window;
  ++flow.acknowledged;
  if (was_closed && flow.sent < flow.packets) world.turns[flow.from].push_back(index);
  feed(flow.from);
}

void sent(std::uint32_t host) {
  world.sending[host] = false;
  feed(host);
}

/// The next packet of the flow whose turn it is, as soon as the one before has left the NIC.
void feed(std::uint32_t host) {
  std::deque<std::uint32_t>& turns = world.turns[host];
  if (world.sending[host] || turns.empty()) return;
  const std::uint32_t index = turns.front();
  turns.pop_front();
  Flow& flow = world.flows[index];
  const bool last = ++flow.sent == flow.packets;
  const std::int64_t bytes = (last ? flow.last_bytes : payload) + headers;
  // Of the headers, 8 bytes are ours to say which way, and 2 are what a PointToPointNetDevice adds.
  auto packet = ns3::Create<ns3::Packet>(std::uint32_t(bytes - 8 - 2));
  WayHeader header;
  header.flow = index;
  packet->AddHeader(header);
  const auto nic = world.out[flow.route[0]];
  world.sending[host] = true;
  ns3::DataRateValue rate;
  nic->GetAttribute("DataRate", rate);
  ns3::Simulator::Schedule(rate.Get().CalculateBytesTxTime(std::uint32_t(bytes)), &sent, host);
  nic->Send(packet, nic->GetBroadcast(), 0x0800);
  if (!last && flow.sent - flow.acknowledged < window) turns.push_back(index);
}

bool arrive(ns3::Ptr<ns3::NetDevice>, ns3::Ptr<const ns3::Packet> got, std::uint16_t, const ns3::Address&) {
  ns3::Ptr<ns3::Packet> packet = got->Copy();
  WayHeader header;
  packet->RemoveHeader(header);
  Flow& flow = world.flows[header.flow];
  if (++header.hop == flow.route.size()) {
    if (++flow.delivered == flow.packets) flow.end_s = ns3::Simulator::Now().GetSeconds();
    ns3::Simulator::Schedule(link_latency * std::int64_t(flow.route.size()), &acknowledge, header.flow);
    return true;
  }
  packet->AddHeader(header);
  const auto next = world.out[flow.route[header.hop]];
  next->Send(packet, next->GetBroadcast(), 0x0800);
  return true;
}

}  // namespace

int main() {
  std::size_t hosts = 0, links = 0, flows = 0;
  std::cin >> hosts >> links >> flows;
  for (std::size_t l = 0; l < links; ++l) {
    double bytes_per_s = 0;
    std::cin >> bytes_per_s;
    auto from = ns3::CreateObject<ns3::PointToPointNetDevice>(),
         to = ns3::CreateObject<ns3::PointToPointNetDevice>();
    auto channel = ns3::CreateObject<ns3::PointToPointChannel>();
    channel->SetAttribute("Delay", ns3::TimeValue(link_latency));
    for (const auto& device : {from, to}) {
      ns3::CreateObject<ns3::Node>()->AddDevice(device);
      device->SetAddress(ns3::Mac48Address::Allocate());
      device->SetMtu(9000);
      device->SetDataRate(ns3::DataRate(std::uint64_t(bytes_per_s * 8)));
      auto queue = ns3::CreateObject<ns3::DropTailQueue<ns3::Packet>>();
      queue->SetMaxSize(ns3::QueueSize("1000000p"));
      device->SetQueue(queue);
      device->Attach(channel);
    }
    to->SetReceiveCallback(ns3::MakeCallback(&arrive));
    world.out.push_back(from);
  }
  world.turns.resize(hosts);
  world.sending.resize(hosts);
  for (std::size_t f = 0; f < flows; ++f) {
    Flow flow;
    std::uint32_t to = 0;
    std::int64_t size = 0, after = 0;
    double start = 0;
    std::size_t length = 0;
    std::cin >> flow.from >> to >> size >> start >> after >> length;
    flow.route.resize(length);
    for (std::uint32_t& link : flow.route) std::cin >> link;
    flow.packets = (size + payload - 1) / payload;
    flow.last_bytes = size - (flow.packets - 1) * payload;
    world.turns[flow.from].push_back(std::uint32_t(f));
    world.flows.push_back(std::move(flow));
  }
  if (!std::cin) return 1;
  const auto begin = std::chrono::steady_clock::now();
  for (std::uint32_t host = 0; host < hosts; ++host) feed(host);
  ns3::Simulator::Run();
  const double took = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  for (const Flow& flow : world.flows) {
    if (flow.delivered != flow.packets) return 1;
    std::printf("%.12g\n", flow.end_s);
  }
  std::printf("%.6f\n", took);
}
