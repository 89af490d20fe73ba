#include "topologies/files/node_inside.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "sim/random.hpp"

namespace orrery {
namespace {

using testing::HasSubstr;

std::string with_tabs(std::string text) {
  std::replace(text.begin(), text.end(), '~', '\t');
  return text;
}

// Two pairs of GPUs, each pair under one bridge with a NIC; the second NIC is nearer to the first pair by
// mistake of nobody: GPU2 and GPU3 share NIC1. The heading is underlined, as the tool prints it.
const std::string matrix = with_tabs(
    "\x1b[4m~GPU0~GPU1~GPU2~GPU3~NIC0~NIC1~CPU Affinity~NUMA Affinity\x1b[0m\n"
    "GPU0~ X ~NV18~NV18~NV18~PIX~SYS~0-47~0\n"
    "GPU1~NV18~ X ~NV18~NV18~PXB~SYS~0-47~0\n"
    "GPU2~NV18~NV18~ X ~NV18~SYS~PIX~48-95~1\n"
    "GPU3~NV18~NV18~NV18~ X ~NODE~PHB~48-95~1\n"
    "NIC0~PIX~PXB~SYS~NODE~ X ~SYS\n"
    "NIC1~SYS~SYS~PIX~PHB~SYS~ X \n"
    "\n"
    "Legend:\n"
    "\n"
    "  X    = Self\n"
    "  PIX  = Connection traversing at most a single PCIe bridge\n"
    "\n"
    "NIC Legend:\n"
    "\n"
    "  NIC0: mlx5_0\n"
    "  NIC1: mlx5_3\n");

TEST(NvidiaSmi, TheMatrixIsRead) {
  const Checked<NodeInside> read = read_node_inside(matrix);
  ASSERT_TRUE(read.ok()) << read.findings.front().problem;
  const NodeInside& inside = read.value;
  EXPECT_EQ(inside.gpus, 4u);
  ASSERT_EQ(inside.nics.size(), 2u);
  EXPECT_EQ(inside.nics[1].name, "mlx5_3");
  EXPECT_EQ(inside.nvlinks_between(0, 3), 18u);
  EXPECT_EQ(inside.near(1, 0), Nearness::Pxb);
  EXPECT_EQ(inside.near(3, 0), Nearness::Node);
  EXPECT_EQ(inside.nic_of(0), 0u);
  EXPECT_EQ(inside.nic_of(3), 1u);
}

std::string fault_in(std::string_view before, std::string_view after) {
  std::string text = matrix;
  const std::size_t at = text.find(before);
  EXPECT_NE(at, std::string::npos) << before;
  const Checked<NodeInside> read = read_node_inside(text.replace(at, before.size(), after));
  return read.ok() ? "" : read.findings.front().problem;
}

TEST(NvidiaSmi, FaultsAreFoundWithTheirLines) {
  EXPECT_THAT(fault_in("\tPXB\t", "\tPXX\t"), HasSubstr("line 3: 'PXX' between 'GPU1' and 'NIC0'"));
  EXPECT_THAT(fault_in("GPU3\tNV18\tNV18\tNV18\t X \tNODE\tPHB\t48-95\t1", "GPU3\tNV18"),
              HasSubstr("line 5: the row of 'GPU3' is cut short"));
  EXPECT_THAT(fault_in("\nGPU2\t", "\nGPU1\t"), HasSubstr("line 4: a row of 'GPU1'"));
  EXPECT_THAT(fault_in("\nGPU2\t", "\nCPU2\t"), HasSubstr("GPU2 has no row"));
  EXPECT_THAT(fault_in("\tGPU0", "\tCPU0"), HasSubstr("no heading of GPUs"));
}

// GPU 0 and mlx5_0 under one switch; GPU 1 under a switch of its own below the same upper one; mlx5_1 on the
// other CPU. 400,000 Mb/s are 50 GB/s.
constexpr const char* dump = R"(<system version="1">
  <cpu numaid="0" affinity="ff">
    <pci busid="0000:00:00.0" class="0x060400">
      <pci busid="0000:01:00.0" class="0x060400">
        <pci busid="0000:02:00.0" class="0x030200">
          <gpu dev="0" sm="90"><nvlink target="0000:90:00.0" count="8" tclass="0x068000"/></gpu>
        </pci>
        <pci busid="0000:03:00.0" class="0x020700">
          <nic><net name="mlx5_0" dev="0" speed="400000" port="1"/></nic>
        </pci>
      </pci>
      <pci busid="0000:04:00.0" class="0x060400">
        <pci busid="0000:05:00.0" class="0x030200">
          <gpu dev="1" sm="90"><nvlink target="0000:90:00.0" count="8" tclass="0x068000"/></gpu>
        </pci>
      </pci>
    </pci>
  </cpu>
  <cpu numaid="1" affinity="ff00">
    <pci busid="0000:80:00.0" class="0x020700">
      <nic><net name="mlx5_1" dev="1" speed="400000" port="1"/></nic>
    </pci>
  </cpu>
</system>
)";

TEST(NcclTopology, BridgesSayHowNear) {
  const Checked<NodeInside> read = read_node_inside(dump);
  ASSERT_TRUE(read.ok()) << read.findings.front().problem;
  EXPECT_EQ(read.value.gpus, 2u);
  EXPECT_EQ(read.value.nvlinks_between(0, 1), 8u);
  EXPECT_EQ(read.value.nics[0].line, BytesPerSecond(50e9));
  EXPECT_EQ(read.value.near(0, 0), Nearness::Pix);
  EXPECT_EQ(read.value.near(1, 0), Nearness::Pxb);
  EXPECT_EQ(read.value.near(0, 1), Nearness::Sys);
  EXPECT_THAT(read_node_inside("<system>\n<cpu>\n</system>").findings.front().problem,
              HasSubstr("line 3: </system>"));
  EXPECT_THAT(read_node_inside("<system/>").findings.front().problem, HasSubstr("there is no <gpu>"));
}

TEST(NodeInside, AnyBytesAreANodeOrFindings) {
  RandomStream random(2, {.owner = "test", .purpose = "bytes"});
  for (const std::string& whole : {matrix, std::string(dump)})
    for (int turn = 0; turn < 2'000; ++turn) {
      std::string text = whole.substr(0, random.below(std::uint32_t(whole.size())) + 1);
      for (int n = 0; n < 2; ++n) text[random.below(std::uint32_t(text.size()))] = char(random.below(256));
      const Checked<NodeInside> read = read_node_inside(text);
      if (read.ok()) {
        EXPECT_EQ(read.value.nearness.size(), read.value.gpus * read.value.nics.size());
      }
    }
}

}  // namespace
}  // namespace orrery
