#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "sim/random.hpp"
#include "tests/end_to_end/orrery.hpp"

namespace orrery {
namespace {

using Json = nlohmann::json;
using testing::HasSubstr;

constexpr const char* result_files[] = {"points.csv",    "points.jsonl", "results.h5",
                                        "scenario.toml", "sweep.json",   "sweep.txt"};

const std::string axes =
    "--vary cluster.gpu_hour='1..2+0.25 USD/h' --vary plan.schedule=dualpipe,zb1p,1f1b --vary "
    "plan.micro_batch=1,2 ";

Outcome swept(const ScratchFolder& scratch, const std::string& arguments) {
  put(scratch.path() / "small.toml", small_scenario);
  return orrery(scratch.path(), "sweep small.toml " + arguments);
}

void expect_same_results(const ScratchFolder& scratch, const char* one, const char* other) {
  for (const char* file : result_files)
    EXPECT_EQ(bytes_of(scratch.path() / one / file), bytes_of(scratch.path() / other / file)) << file;
}

// 5 prices x 3 schedules x 2 micro-batches. DualPipe cannot run 4 micro-batches... of 2 ranks it can: 64 / 16
// = 4.
TEST(Sweep, SimulatesEveryCombinationAndMarksTheFront) {
  const ScratchFolder scratch;
  const Outcome outcome = swept(scratch, axes + "--json");
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const Json summary = Json::parse(outcome.out);
  ASSERT_EQ(summary.at("points").size(), 30u);
  EXPECT_EQ(summary.at("points")[1].at("set"),
            (Json{"cluster.gpu_hour=1 USD/h", "plan.schedule=dualpipe", "plan.micro_batch=2"}));
  // The price moves the bill alone: at the lowest one lies the whole front.
  EXPECT_FALSE(summary.at("front").empty());
  for (const Json& i : summary.at("front")) EXPECT_LT(i.get<int>(), 6);
  const Json &cheap = summary.at("points")[0], &dear = summary.at("points")[24];
  EXPECT_EQ(cheap.at("step_s"), dear.at("step_s"));
  EXPECT_DOUBLE_EQ(2 * cheap.at("cost_usd").get<double>(), dear.at("cost_usd").get<double>());
  for (const char* file : result_files)
    EXPECT_TRUE(std::filesystem::exists(scratch.path() / "out/small-sweep" / file)) << file;
}

// A phase's tokens at the full batch's speed: 1.1 B and 10 x 64 x 8192 tokens of 128 x 4096 a step, and 5
// hours given.
TEST(Sweep, PricesEveryPhaseAtTheFullBatchUnlessAskedForMore) {
  const ScratchFolder scratch;
  const Json quick = Json::parse(swept(scratch, "--vary simulation.seed=1 --json -o a").out).at("points")[0];
  const double steps = (1e9 + 10. * 64 * 8192) / (128. * 4096);
  EXPECT_NEAR(quick.at("gpu_hours").get<double>(), steps * quick.at("step_s").get<double>() * 32 / 3600 + 5,
              1e-9);
  const Json phases =
      Json::parse(swept(scratch, "--vary simulation.seed=1 --json -o b --phases").out).at("points")[0];
  EXPECT_GT(phases.at("gpu_hours").get<double>(), quick.at("gpu_hours").get<double>())
      << "a ramp's small batches";
}

TEST(Sweep, GivesTheSameBytesAtAnyThreadCount) {
  const ScratchFolder scratch;
  ASSERT_EQ(swept(scratch, axes + "-q -j 1 -o one").code, 0);
  ASSERT_EQ(swept(scratch, axes + "-q -j 4 -o four").code, 0);
  expect_same_results(scratch, "one", "four");
}

TEST(Sweep, KilledAtRandomMomentsItEndsAsIfItHadNotBeen) {
  const ScratchFolder scratch;
  const std::string many = axes + "--vary simulation.seed=1..5 ";  // 150 points, some tenths of a second.
  ASSERT_EQ(swept(scratch, many + "-q -o whole").code, 0);
  RandomStream draw(11, {"sweep", "moment of death"});
  for (int death = 0; death < 10; ++death) {
    const std::string after = std::to_string(0.02 + 0.08 * draw.uniform());
    run_in(scratch.path(), "timeout -s KILL " + after + " '" ORRERY_BINARY "' sweep small.toml " + many +
                               "-q -j 1 -o killed");
  }
  const Outcome last = swept(scratch, many + "-q -o killed");
  ASSERT_EQ(last.code, 0) << last.err;
  expect_same_results(scratch, "whole", "killed");
}

TEST(Sweep, AFullDiskLosesNothing) {
  const ScratchFolder scratch;
  ASSERT_EQ(swept(scratch, axes + "-q -o whole").code, 0);
  // At most 4 KiB a file: the journal stops in the middle of a line.
  const Outcome full =
      run_in(scratch.path(),
             "trap '' XFSZ; ulimit -f 8; '" ORRERY_BINARY "' sweep small.toml " + axes + "-q -j 1 -o thin");
  EXPECT_EQ(full.code, 1) << full.err;
  EXPECT_THAT(full.err, HasSubstr("points.jsonl"));
  EXPECT_THAT(full.err, HasSubstr("run the same command again"));
  EXPECT_FALSE(std::filesystem::exists(scratch.path() / "thin/sweep.json"));
  ASSERT_EQ(swept(scratch, axes + "-q -o thin").code, 0);
  expect_same_results(scratch, "whole", "thin");
}

TEST(Sweep, AWiderSweepKeepsWhatIsThere) {
  const ScratchFolder scratch;
  ASSERT_EQ(swept(scratch, "--vary plan.schedule=dualpipe,zb1p -q -o s").code, 0);
  const Outcome wider = swept(scratch, "--vary plan.schedule=dualpipe,zb1p,1f1b --json -o s");
  EXPECT_EQ(wider.code, 0) << wider.err;
  EXPECT_EQ(Json::parse(wider.out).at("points").size(), 3u);
}

TEST(Sweep, AForeignJournalIsRefused) {
  const ScratchFolder scratch;
  ASSERT_EQ(swept(scratch, "--vary plan.schedule=dualpipe -q -o s").code, 0);
  const Outcome other = swept(scratch, "--vary plan.schedule=dualpipe --set plan.micro_batch=2 -q -o s");
  EXPECT_EQ(other.code, 2);
  EXPECT_THAT(other.err,
              HasSubstr("is the journal of another sweep: small.toml or an option has changed since"));
}

TEST(Sweep, APointThatCannotBeIsRecordedAndTheOthersGoOn) {
  const ScratchFolder scratch;
  const Json points = Json::parse(swept(scratch, "--vary plan.pipeline=2,3 --json").out).at("points");
  EXPECT_EQ(points[0].at("outcome"), "simulated");
  EXPECT_EQ(points[1].at("outcome"), "refused");
  EXPECT_THAT(points[1].at("why").get<std::string>(), HasSubstr("32"));  // 3 ranks do not divide 32 GPUs.
}

TEST(Sweep, WrongWordsAreMetBeforeAnythingIsSimulated) {
  const ScratchFolder scratch;
  put(scratch.path() / "bad.csv", "cluster.nodes,plan.pipeline\n4,2\n4\n");
  put(scratch.path() / "key.csv", "cluster.nods\n4\n");
  put(scratch.path() / "value.csv", "cluster.nodes,plan.pipeline\n4,2\n4,x\n");
  struct {
    const char *arguments, *says;
  } const wrong[] = {
      {"", "sweep needs something that varies"},
      {"--vary cluster.nods=1,2", "did you mean 'nodes'"},
      {"--vary cluster.nodes=1,x", "cluster.nodes"},
      {"--vary cluster.nodes=8..2", "holds nothing"},
      {"--vary cluster.nodes=1,2 --vary cluster.nodes=4", "cluster.nodes varies twice"},
      {"--vary cluster.nodes=1..4000 --vary plan.pipeline=1..4000", "16000000 combinations"},
      {"--vary-csv bad.csv", "1 fields where the first line has 2\n  --> bad.csv:3:1"},
      {"--vary-csv key.csv", "did you mean 'nodes'"},
      {"--vary-csv value.csv", "line 3 of --vary-csv: plan.pipeline: takes an integer"},
      {"--vary-csv none.csv", "none.csv"},
      {"--vary cluster.nodes=4 --set model.config=nothing", "nothing"},
  };
  for (const auto& [arguments, says] : wrong) {
    const Outcome outcome = swept(scratch, arguments);
    EXPECT_EQ(outcome.code, 2) << arguments << outcome.err;
    EXPECT_THAT(outcome.err, HasSubstr(says)) << arguments;
    EXPECT_FALSE(std::filesystem::exists(scratch.path() / "out")) << arguments;
  }
}

/// mpirun with N processes on this machine, however few cores it has; empty where MPI is not installed.
std::string mpirun(int processes) {
  const auto with_mpi = std::filesystem::path(ORRERY_BINARY).replace_filename("orrery-mpi");
  if (!std::filesystem::exists(with_mpi) || run_in("/", "command -v mpirun").code != 0) return "";
  return "OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1 "
         "mpirun -n " +
         std::to_string(processes) + " '" ORRERY_BINARY "' ";
}

TEST(SweepOnMpi, GivesTheBytesOfOneProcess) {
  if (mpirun(4).empty()) GTEST_SKIP() << "MPI is not installed";
  const ScratchFolder scratch;
  ASSERT_EQ(swept(scratch, axes + "-q -o one").code, 0);
  const Outcome many = run_in(scratch.path(), mpirun(4) + "sweep small.toml " + axes + "-q -o many");
  ASSERT_EQ(many.code, 0) << many.err;
  expect_same_results(scratch, "one", "many");
}

TEST(SweepOnMpi, ARankThatIsKilledLeavesAJournalToGoOnFrom) {
  if (mpirun(3).empty()) GTEST_SKIP() << "MPI is not installed";
  const ScratchFolder scratch;
  ASSERT_EQ(swept(scratch, axes + "-q -o whole").code, 0);
  // The last process of that name is a follower; it dies once a few points are done.
  const Outcome killed = run_in(
      scratch.path(),
      mpirun(3) + "sweep small.toml " + axes + "-q -o killed & " +
          "while [ \"$(wc -l < killed/points.jsonl 2>/dev/null || echo 0)\" -lt 4 ]; do sleep 0.01; done; "
          "pkill -KILL -n -x orrery-mpi; wait $!");
  EXPECT_NE(killed.code, 0);
  EXPECT_THAT(killed.err, HasSubstr("signal 9"));
  const Outcome resumed = run_in(scratch.path(), mpirun(3) + "sweep small.toml " + axes + "-q -o killed");
  ASSERT_EQ(resumed.code, 0) << resumed.err;
  expect_same_results(scratch, "whole", "killed");
}

TEST(SweepOnMpi, AWrongWordIsSaidOnce) {
  if (mpirun(3).empty()) GTEST_SKIP() << "MPI is not installed";
  const ScratchFolder scratch;
  put(scratch.path() / "small.toml", small_scenario);
  const Outcome outcome = run_in(scratch.path(), mpirun(3) + "sweep small.toml --vary cluster.nods=1");
  EXPECT_EQ(outcome.code, 2);
  const std::size_t first = outcome.err.find("did you mean 'nodes'");
  ASSERT_NE(first, std::string::npos) << outcome.err;
  EXPECT_EQ(outcome.err.find("did you mean", first + 1), std::string::npos);
}

}  // namespace
}  // namespace orrery
