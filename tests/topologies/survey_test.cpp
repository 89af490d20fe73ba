#include "topologies/survey.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "tests/topologies/requests.hpp"
#include "topologies/catalog.hpp"
#include "topologies/faults.hpp"
#include "topologies/graph.hpp"

namespace orrery {
namespace {

// 256 nodes of 8 NICs under leaves of 64 ports. 1 : 1 gives 32 down and 32 up, so 64 leaves of 2,048 NICs;
// 3 : 1 gives 48 down and 16 up: each of 8 planes has 256 / 48 -> 6 leaves with 6 * 16 = 96 uplinks for 256
// NICs: 2.67 : 1 as built, since the last leaf is not full.
TEST(Survey, TiersSayWhatComesUpAndWhatCanGoOn) {
  FabricRequest request = request_of(256);
  const std::vector<Tier> even = tiers(build_multi_plane(request));
  ASSERT_EQ(even.size(), 2u);
  EXPECT_EQ(even[0].kind, VertexKind::Leaf);
  EXPECT_EQ(even[0].boxes, 64);
  EXPECT_EQ(even[0].groups, 8);
  EXPECT_EQ(even[0].cables_below, 2048);
  EXPECT_EQ(even[0].cables_above, 2048);
  EXPECT_DOUBLE_EQ(even[0].oversubscription(), 1);
  EXPECT_DOUBLE_EQ(even[1].oversubscription(), 0);  // The top.
  request.oversubscription = 3;
  const std::vector<Tier> thin = tiers(build_multi_plane(request));
  EXPECT_EQ(thin[0].boxes, 48);
  EXPECT_DOUBLE_EQ(thin[0].oversubscription(), 256.0 / 96);
}

TEST(Survey, BisectionOfAFullTreeIsWhatItsNicsSendAndOfAThinOneWhatItsUplinksCarry) {
  FabricRequest request = request_of(256);
  const Bisection full = bisection(build_multi_plane(request));
  EXPECT_DOUBLE_EQ(full.offered.value(), 1024 * 50e9);
  EXPECT_DOUBLE_EQ(full.carried.value(), 1024 * 50e9);
  // The first three of six leaves hold 144 of the 256 NICs of a plane; NICs 128 to 143 need no spine to meet
  // the other half. A leaf that is cut by the halves carries what is on its own, the rest by 16 uplinks each:
  // the first two leaves' 32 cables, and the third's 32 senders through its 16 NICs below and 16 uplinks.
  request.oversubscription = 3;
  const Bisection thin = bisection(build_multi_plane(request));
  EXPECT_DOUBLE_EQ(thin.carried.value(), 8 * (32 + 16 + 16) * 50e9);
}

TEST(Survey, SwitchesBetweenNicsOfATwoLayerTree) {
  // 128 nodes: 4 leaves of 32 NICs a plane. Of the 127 others 31 are under the same leaf, 96 over a spine.
  const SwitchesBetween between = switches_between(build_multi_plane(request_of(128)));
  EXPECT_EQ(between.most, 3u);
  EXPECT_DOUBLE_EQ(between.mean, (31 * 1 + 96 * 3) / 127.0);
}

/// GPUs apart from the largest part once some vertex, one cable, or a GPU's way to its NIC is gone: by
/// flooding.
std::int64_t parted(const Fabric& fabric, VertexIndex without, LinkIndex cable,
                    GpuIndex without_pcie = UINT32_MAX) {
  std::vector<std::vector<VertexIndex>> next(fabric.vertices.size());
  const auto join = [&](VertexIndex a, VertexIndex b) { next[a].push_back(b), next[b].push_back(a); };
  bool spared = false;
  for (LinkIndex l = 0; l < fabric.links.size(); ++l) {
    const Link& link = fabric.links[l];
    if (link.from > link.to || link.capacity.value() == 0) continue;
    const bool same =
        cable != UINT32_MAX && link.from == fabric.links[cable].from && link.to == fabric.links[cable].to;
    if (same && !spared) {
      spared = true;
      continue;
    }
    join(link.from, link.to);
  }
  for (GpuIndex gpu = 0; gpu < fabric.gpus() && fabric.nics() > 0; ++gpu)
    if (gpu != without_pcie) join(gpu, fabric.first_nic() + fabric.nic_of(gpu));
  std::vector<bool> seen(fabric.vertices.size());
  std::int64_t all = 0, largest = 0;
  for (GpuIndex start = 0; start < fabric.gpus(); ++start) {
    if (start == without || seen[start]) {
      all += start != without;
      continue;
    }
    ++all;
    std::int64_t here = 0;
    std::vector<VertexIndex> queue{start};
    seen[start] = true;
    while (!queue.empty()) {
      const VertexIndex v = queue.back();
      queue.pop_back();
      here += v < fabric.gpus();
      for (const VertexIndex w : next[v]) {
        if (w == without || seen[w]) continue;
        seen[w] = true;
        queue.push_back(w);
      }
    }
    largest = std::max(largest, here);
  }
  return all - largest;
}

TEST(Survey, WeakPointsAreThoseThatPartGpusWhenTakenOutOneByOne) {
  for (const TopologyKind& kind : topology_kinds()) {
    FabricRequest request = request_of(kind.name == "nvlink-domain" ? 1 : 9);
    request.switch_ports = 16;
    if (!kind.check(request).empty()) continue;
    Fabric fabric = kind.build(request);
    if (fabric.planes > 1) {  // Of seven planes nothing is left: what is strong with eight is weak with one.
      std::vector<NetworkFault> faults;
      for (std::uint32_t plane = 1; plane < fabric.planes; ++plane)
        faults.push_back({"plane " + std::to_string(plane), 0});
      ASSERT_TRUE(apply_faults(fabric, faults).empty());
    }
    std::map<std::string, std::int64_t> expected;
    for (VertexIndex v = 0; v < fabric.vertices.size(); ++v)
      if (const std::int64_t lost = parted(fabric, v, UINT32_MAX)) expected[vertex_name(fabric, v)] = lost;
    for (LinkIndex l = 0; l < fabric.links.size(); ++l) {
      const Link& link = fabric.links[l];
      if (link.from > link.to || link.capacity.value() == 0) continue;
      const std::int64_t lost = parted(fabric, UINT32_MAX, l);
      if (lost == 0) continue;
      expected["cable " + vertex_name(fabric, link.from) + " - " + vertex_name(fabric, link.to)] = lost;
    }
    for (GpuIndex gpu = 0; gpu < fabric.gpus() && fabric.nics() > 0; ++gpu)
      if (const std::int64_t lost = parted(fabric, UINT32_MAX, UINT32_MAX, gpu))
        expected["cable " + vertex_name(fabric, gpu) + " - " +
                 vertex_name(fabric, fabric.first_nic() + fabric.nic_of(gpu))] = lost;
    std::map<std::string, std::int64_t> found;
    for (const WeakPoint& point : weak_points(fabric)) found[point.name] = point.gpus_lost;
    EXPECT_EQ(found, expected) << kind.name;
    EXPECT_TRUE(fabric.planes == 1 || !found.empty()) << kind.name;
  }
}

}  // namespace
}  // namespace orrery
