#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/scenarios/reading.hpp"

namespace orrery {
namespace {

using testing::HasSubstr;

TEST(Messages, ShowEveryFaultOfAFileInItsOrder) {
  const ScenarioReading reading = read_text(R"([model]
config = "deepseek-v4"
[cluster]
gpus_per_nod = 8
gpu = "h800"
nodes = "four"
gpu_hour = 2
[plan]
pipeline = 100000
global_batch = 64
sequence = 4096
kernels = "deepgemm"
schedule = "dualpip"
[network]
nic_achieved = "50 GB"
)");
  EXPECT_EQ(messages(reading),
            R"(error: model.config: unknown model 'deepseek-v4'
  --> a.toml:2:10
   |
  2| config = "deepseek-v4"
   |          ^^^^^^^^^^^^^
   = help: did you mean 'deepseek-v2'?; a path to a file of your own works too

error: unknown key 'gpus_per_nod' in [cluster]
  --> a.toml:4:1
   |
  4| gpus_per_nod = 8
   | ^^^^^^^^^^^^
   = help: known: gpu, nodes, node, nic, switch, topology, cabling, forwarding, faults, mixed, neighbour_nodes, )"
            R"(shape, planes, oversubscription, routing, prices, gpu_hour

error: cluster.nodes: takes an integer from 1 to 1048576, found a string
  --> a.toml:6:9
   |
  6| nodes = "four"
   |         ^^^^^^
   = help: write it as in nodes = 16

error: cluster.gpu_hour: needs a unit: 2 could be anything
  --> a.toml:7:12
   |
  7| gpu_hour = 2
   |            ^
   = help: write it in quotes as in gpu_hour = "2 USD/h"; units: USD/h

error: plan.pipeline: 100000 is out of range
  --> a.toml:9:12
   |
  9| pipeline = 100000
   |            ^^^^^^
   = help: allowed is an integer from 1 to 4096

error: plan.schedule: unknown word 'dualpip'
  --> a.toml:13:12
    |
  13| schedule = "dualpip"
    |            ^^^^^^^^^
    = help: did you mean 'dualpipe'?

error: network.nic_achieved: cannot read "50 GB" as a bandwidth
  --> a.toml:15:16
    |
  15| nic_achieved = "50 GB"
    |                ^^^^^^^
    = help: 'GB' is a unit of size; a bandwidth is in )" +
                kind_units(QuantityKind::Bandwidth) +
                R"(, as in "50 GB/s"; the key is written as in nic_achieved = "50 GB/s"

)");
}

TEST(Messages, OfTheParserSayHowQuantitiesAreWritten) {
  EXPECT_THAT(messages(read_text("[network]\nnic_achieved = 50 GB/s\n")),
              testing::AllOf(HasSubstr("--> a.toml:2:1"), HasSubstr("in quotes, as in \"50 GB/s\"")));
  EXPECT_THAT(messages(read_text("[cluster]\nnodes: 256\n")), HasSubstr("write key = value"));
  EXPECT_THAT(messages(read_text("[cluster]\nnodes = 1\nnodes = 2\n")), HasSubstr("a.toml:3:9"));
}

TEST(Messages, PointPeopleWhoMissedTheSectionToIt) {
  EXPECT_THAT(messages(read_text("pipeline = 16\n" + std::string(small))),
              HasSubstr("did you mean 'plan.pipeline'?"));
  EXPECT_THAT(messages(read_text(std::string(small) + "[plann]\n")), HasSubstr("unknown section [plann]"));
  EXPECT_THAT(messages(read_text(std::string(small) + "[plann]\n")), HasSubstr("did you mean 'plan'?"));
  EXPECT_THAT(messages(read_text("plan = 3\n")), HasSubstr("plan is a section, found an integer"));
  EXPECT_THAT(messages(read_text(std::string(small) + "[phase]\nname = \"x\"\n")),
              HasSubstr("phase is a list of tables, found a table"));
  EXPECT_THAT(messages(read_text("phase = [1, {name = \"x\", steps = 1}]\n" + std::string(small))),
              HasSubstr("phase[0] is a table, found an integer"));
}

TEST(Messages, GiveFindingsOfTheLibrariesTheirPlaces) {
  const ScenarioReading reading = read_text(std::string(small));
  const Diagnostics placed =
      place_findings(reading.document, {{"plan.pipeline", "no such key in the file", "help"},
                                        {"cluster.nodes, plan.sequence", "two", "help"},
                                        {"elsewhere", "none", ""}});
  ASSERT_EQ(placed.size(), 3u);
  EXPECT_EQ(placed[0].problem, "none");       // Without a place it comes first.
  EXPECT_EQ(placed[1].places.at(0).line, 5);  // Two places, in the order of the finding ...
  EXPECT_EQ(placed[1].places.at(1).line, 8);
  EXPECT_EQ(placed[2].places.at(0).line, 6);  // ... and a default's section when the key is not written.
  EXPECT_EQ(diagnostics_text({placed[1]}, reading.document.sources),
            "error: two\n  --> a.toml:5:9\n   |\n  5| nodes = 4\n   |         ^\n  --> a.toml:8:12\n   |\n  "
            "8| sequence = 4096\n"
            "   |            ^^^^\n   = help: help\n\n");
}

TEST(Messages, AsJsonHoldTheSame) {
  const ScenarioReading reading = read_text(std::string(small) + "sequnce = 1\n");
  EXPECT_EQ(diagnostics_json(reading.diagnostics, reading.document.sources),
            "[\n  {\n    \"key\": \"plan.sequnce\",\n    \"problem\": \"unknown key 'sequnce' in [plan]\",\n "
            "   \"remedy\": \"did you mean "
            "'sequence'?\",\n    \"places\": [\n      {\n        \"source\": \"a.toml\",\n        \"line\": "
            "10,\n        \"column\": 1\n      "
            "}\n    ]\n  }\n]\n");
}

TEST(Messages, CannotMoveTheCursorAndStayShort) {
  const std::string text = messages(read_text("x = \"" + std::string(100000, 'y') + "\x1b[2J\"\n"));
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_LT(text.size(), 1000u);
}

}  // namespace
}  // namespace orrery
