// Max-min shares by SimGrid: reads links and flows on standard input, prints when each flow ends.
//
//   HOSTS LINKS FLOWS
//   a capacity a line, bytes a second
//   FROM TO BYTES START AFTER HOPS link link ...     a line a flow; AFTER: the flow whose end starts it, or
//   -1
//
// One pair of hosts has one route; flows of a pair repeat it. The last line is the seconds that SimGrid took.
// SimGrid's network model is CM02 with every correction for TCP taken out: what is left is max-min fairness.
#include <chrono>
#include <cstdio>
#include <functional>
#include <iostream>
#include <map>
#include <simgrid/s4u.hpp>
#include <string>
#include <vector>

namespace sg4 = simgrid::s4u;

namespace {

struct Flow {
  int from, to, after;
  double bytes, start;
};

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::string> words{argv[0]};
  for (const char* setting : {"network/model:CM02", "network/crosstraffic:0", "network/TCP-gamma:0",
                              "network/weight-S:0", "network/bandwidth-factor:1", "network/latency-factor:1",
                              "surf/precision:1e-12", "maxmin/precision:1e-9", "contexts/stack-size:64"})
    words.push_back(std::string("--cfg=") + setting);
  words.push_back("--log=root.thresh:critical");
  std::vector<char*> pointers;
  for (std::string& word : words) pointers.push_back(word.data());
  argc = int(pointers.size());
  sg4::Engine engine(&argc, pointers.data());

  int hosts, links, flows;
  std::cin >> hosts >> links >> flows;
  sg4::NetZone* zone = sg4::create_full_zone("fabric");
  std::vector<sg4::Host*> host;
  for (int i = 0; i < hosts; ++i) host.push_back(zone->create_host("h" + std::to_string(i), 1e9)->seal());
  std::vector<sg4::Link*> link;
  for (int i = 0; i < links; ++i) {
    double capacity;
    std::cin >> capacity;
    link.push_back(zone->create_link("l" + std::to_string(i), capacity)->set_latency(0)->seal());
  }
  std::vector<Flow> flow(flows);
  std::map<std::pair<int, int>, bool> routed;
  for (Flow& f : flow) {
    int hops;
    std::cin >> f.from >> f.to >> f.bytes >> f.start >> f.after >> hops;
    std::vector<sg4::LinkInRoute> route;
    for (int i = 0; i < hops; ++i) {
      int index;
      std::cin >> index;
      route.emplace_back(link[std::size_t(index)]);
    }
    if (routed.emplace(std::pair{f.from, f.to}, true).second)
      zone->add_route(host[f.from]->get_netpoint(), host[f.to]->get_netpoint(), nullptr, nullptr, route,
                      false);
  }
  zone->seal();

  std::vector<std::vector<int>> followers(flow.size());
  for (std::size_t i = 0; i < flow.size(); ++i) {
    if (flow[i].after >= 0) followers[std::size_t(flow[i].after)].push_back(int(i));
  }
  const auto begin = std::chrono::steady_clock::now();
  std::vector<sg4::CommPtr> comm(flow.size());
  // A flow that others wait for has an actor of its own, which starts them the moment it ends.
  const std::function<void(int)> start = [&](int i) {
    comm[i] = sg4::Comm::sendto_async(host[flow[i].from], host[flow[i].to], std::uint64_t(flow[i].bytes));
    if (followers[i].empty()) return;
    sg4::Actor::create("follower", host[flow[i].from], [&, i] {
      comm[i]->wait();
      for (const int next : followers[i]) start(next);
    });
  };
  sg4::Actor::create("starter", host[0], [&] {
    for (std::size_t i = 0; i < flow.size(); ++i) {
      if (flow[i].after >= 0) continue;
      if (flow[i].start > sg4::Engine::get_clock()) sg4::this_actor::sleep_until(flow[i].start);
      start(int(i));
    }
  });
  engine.run();
  for (const sg4::CommPtr& one : comm) std::printf("%.17g\n", one->get_finish_time());
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  std::printf("%.6f\n", took.count());
  return 0;
}
