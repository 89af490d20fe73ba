#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "tests/end_to_end/orrery.hpp"

namespace orrery {
namespace {

using testing::HasSubstr;
using testing::Not;

/// Runs the small scenario in a folder of its own; `elsewhere` keeps two runs from sharing even a path.
std::map<std::string, std::string> files_of_run(const std::string& options) {
  const ScratchFolder elsewhere;
  put(elsewhere.path() / "small.toml", small_scenario);
  const Outcome outcome =
      orrery(elsewhere.path(), "run small.toml --trace 0,17 --sensitivity --out result " + options);
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  return everything_in(elsewhere.path() / "result");
}

TEST(SameBytes, twice_and_with_any_number_of_threads) {
  const auto once = files_of_run("--threads 1");
  EXPECT_EQ(once.size(), 12u);
  for (const char* options :
       {"--threads 1", "--threads 2", "--threads 8", "", "--quiet", "--json", "--ascii"}) {
    const auto again = files_of_run(options);
    ASSERT_EQ(again.size(), once.size());
    for (const auto& [name, bytes] : once)
      EXPECT_TRUE(again.at(name) == bytes) << name << " differs with " << options;
  }
}

TEST(SameBytes, at_full_fidelity_too) {
  const auto once = files_of_run("--fidelity full --threads 1");
  for (const auto& [name, bytes] : files_of_run("--fidelity full --threads 8"))
    EXPECT_TRUE(once.at(name) == bytes) << name;
  const auto links = once.find("links.csv");
  ASSERT_NE(links, once.end());
  EXPECT_THAT(links->second, HasSubstr("link,name,carried_bytes"));
}

TEST(SameBytes, another_seed_is_another_answer) {
  EXPECT_NE(files_of_run("--set simulation.seed=2").at("summary.json"), files_of_run("").at("summary.json"));
}

TEST(SameBytes, hold_no_host_no_path_and_no_clock) {
  char host[256] = {};
  ASSERT_EQ(::gethostname(host, sizeof host - 1), 0);
  for (const auto& [name, bytes] : files_of_run("")) {
    for (const std::string& trace : {std::string(host), std::filesystem::temp_directory_path().string() + "/",
                                     std::string(ORRERY_SOURCE)}) {
      EXPECT_THAT(bytes, Not(HasSubstr(trace))) << name;
    }
  }
}

TEST(SameBytes, the_written_scenario_gives_the_answer_again) {
  const ScratchFolder scratch;
  put(scratch.path() / "small.toml", small_scenario);
  for (const char* name : {"small.toml", "zero-bubble-1.5b-zb1p", "mlperf-llama405b-2048"}) {
    ASSERT_EQ(
        orrery(scratch.path(), std::string("run ") + name + " -q --set simulation.seed=5 --out first").code,
        0)
        << name;
    ASSERT_EQ(orrery(scratch.path(), "run first/scenario.toml -q --out second").code, 0) << name;
    const auto first = everything_in(scratch.path() / "first"),
               second = everything_in(scratch.path() / "second");
    for (const auto& [file, bytes] : first) {
      if (file == "scenario.toml" || file == "results.h5") continue;  // They say where each value came from.
      EXPECT_TRUE(second.at(file) == bytes) << name << " " << file;
    }
  }
}

}  // namespace
}  // namespace orrery
