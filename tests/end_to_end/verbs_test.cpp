#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

#include "tests/end_to_end/orrery.hpp"

namespace orrery {
namespace {

using Json = nlohmann::json;
using testing::HasSubstr;
using testing::StartsWith;

Outcome asked(const std::string& arguments) {
  const ScratchFolder scratch;
  Outcome outcome = orrery(scratch.path(), arguments);
  EXPECT_TRUE(names_in(scratch.path()).empty()) << arguments;
  return outcome;
}

Json json_of(const std::string& arguments) {
  const Outcome outcome = asked(arguments + " --json");
  EXPECT_EQ(outcome.code, 0) << arguments << outcome.out;
  return Json::parse(outcome.out);
}

TEST(Verbs, nothing_asked_shows_where_to_start) {
  const Outcome outcome = asked("");
  EXPECT_EQ(outcome.code, 0);
  for (const char* line : {"orrery run deepseek-v3", "orrery list", "orrery --help"})
    EXPECT_THAT(outcome.out, HasSubstr(line));
}

TEST(Verbs, help_has_an_example_that_works) {
  for (const char* verb :
       {"run", "show", "check", "list", "explain", "schedule", "compare", "topology", "completion"}) {
    const Outcome help = asked(std::string(verb) + " --help");
    EXPECT_EQ(help.code, 0);
    const std::size_t at = help.out.find("Example:\n  orrery ");
    ASSERT_NE(at, std::string::npos) << verb;
    std::string example = help.out.substr(at + 18);
    example = example.substr(0, example.find('\n'));
    EXPECT_THAT(example, StartsWith(verb));
    if (std::string(verb) == "run" || std::string(verb) == "compare" || std::string(verb) == "completion")
      continue;  // They write files: run elsewhere.
    EXPECT_EQ(asked(example).code, 0) << example;
  }
}

TEST(Verbs, show_gives_every_value_its_origin) {
  const Outcome text = asked("show deepseek-v3 --set plan.schedule=1f1b");
  EXPECT_EQ(text.code, 0);
  EXPECT_THAT(text.out, HasSubstr("schedule = \"1f1b\"  # --set\n"));
  EXPECT_THAT(text.out, HasSubstr("virtual_stages = 1  # default\n"));
  EXPECT_THAT(text.out, HasSubstr("pipeline = 16  # deepseek-v3.toml:"));
  const Json tree = json_of("show deepseek-v3 --set plan.schedule=1f1b");
  EXPECT_EQ(tree.at("plan").at("schedule"), (Json{{"value", "1f1b"}, {"origin", "--set"}}));
  EXPECT_EQ(tree.at("plan").at("virtual_stages"), (Json{{"value", 1}, {"origin", "default"}}));
  EXPECT_EQ(tree.at("phase").size(), 3u);
}

TEST(Verbs, explain_knows_all_that_list_names) {
  const Json list = json_of("list");
  int explained = 0;
  for (const auto& [kind, entries] : list.items()) {
    EXPECT_FALSE(entries.empty()) << kind;
    for (const Json& entry : entries) {
      const std::string name = entry.is_string() ? entry : entry.at("name");
      const Outcome outcome = asked("explain " + name);
      EXPECT_EQ(outcome.code, 0) << name;
      EXPECT_THAT(outcome.out, HasSubstr(name));
      ++explained;
    }
  }
  EXPECT_GT(explained, 60);
}

TEST(Verbs, explain_says_what_each_kind_of_name_is) {
  const std::pair<const char*, std::vector<const char*>> cases[] = {
      {"plan.schedule", {"gpipe, 1f1b", "default \"1f1b\"", "example:"}},
      {"h800", {"[source]", "hbm = \"3.35 TB/s\"", "Step-3 system report"}},
      {"dualpipe_trace", {"kernel family, measured on H800", "held out"}},
      {"deepseek-v3", {"671026419200 parameters", "70272 bytes of KV cache"}},
      {"dualpipe", {"pipeline schedule", "orrery schedule dualpipe"}},
      {"multi-plane-fat-tree", {"topology"}},
      {"slim-fly", {"topology", "cluster.shape lists: q, NICs of a switch"}},
      {"ugal", {"routing of flows"}},
      {"gemm_time", {"models/kernels/"}},
      {"walk", {"models/pipeline/schedule.hpp", "Leaves out"}},
  };
  for (const auto& [name, pieces] : cases) {
    const Outcome outcome = asked(std::string("explain ") + name);
    for (const char* piece : pieces) EXPECT_THAT(outcome.out, HasSubstr(piece)) << name;
  }
}

TEST(Verbs, schedule_draws_every_schedule) {
  for (const Json& kind : json_of("list").at("schedules")) {
    const std::string name = kind.at("name");
    const Json tree = json_of("schedule " + name + " --ranks 4 --micro-batches 8");
    EXPECT_EQ(tree.at("order").size(), 4u) << name;
    EXPECT_EQ(tree.at("idle_units").size(), 4u);
    const Outcome order = asked("schedule " + name + " --ranks 4 --micro-batches 8"),
                  times = asked("schedule " + name + " --ranks 4 --micro-batches 8 --gantt");
    EXPECT_THAT(order.out, StartsWith("F0")) << name;
    EXPECT_THAT(order.out, HasSubstr(name + ": " + kind.at("help").get<std::string>()));
    EXPECT_NE(order.out, times.out);
  }
  // GPipe on 4 ranks with 8 micro-batches of one unit forward and two backward: (8 + 3) x 3, 3 x 3 of them
  // idle.
  const Json gpipe = json_of("schedule gpipe --ranks 4 --micro-batches 8");
  EXPECT_EQ(gpipe.at("makespan_units"), 33);
  EXPECT_EQ(gpipe.at("idle_units"), Json::array({9, 9, 9, 9}));
}

TEST(Verbs, completion_is_a_script_that_the_shell_reads) {
  const ScratchFolder scratch;
  for (const char* shell : {"bash", "zsh", "fish"}) {
    const Outcome script = orrery(scratch.path(), std::string("completion ") + shell);
    EXPECT_EQ(script.code, 0);
    for (const char* word : {"deepseek-v3-mrft", "fidelity", "schedule", "dualpipev", "h800"})
      EXPECT_THAT(script.out, HasSubstr(word)) << shell;
    put(scratch.path() / shell, script.out);
    const Outcome parsed = run_in(scratch.path(), std::string("command -v ") + shell +
                                                      " >/dev/null || exit 0; " + shell + " -n " + shell);
    EXPECT_EQ(parsed.code, 0) << shell << parsed.err;
  }
  const std::string ask =
      ". ./bash; COMP_WORDS=(orrery run deepseek-v3-m); COMP_CWORD=2; _orrery; echo \"${COMPREPLY[@]}\"";
  EXPECT_EQ(run_in(scratch.path(), "bash -c '" + ask + "'").out, "deepseek-v3-mrft\n");
}

TEST(Verbs, a_word_after_trace_is_a_scenario_unless_it_is_a_number) {
  const ScratchFolder scratch;
  for (const char* arguments :
       {"--trace zero-bubble-6.2b-1f1b", "zero-bubble-6.2b-1f1b --trace", "--trace 0 zero-bubble-6.2b-1f1b",
        "--trace=0,3 zero-bubble-6.2b-1f1b", "zero-bubble-6.2b-1f1b --trace 0 --trace 3"}) {
    const Outcome outcome = orrery(scratch.path(), std::string("run -q --out x ") + arguments);
    EXPECT_EQ(outcome.code, 0) << arguments << outcome.err;
    EXPECT_TRUE(std::filesystem::remove(scratch.path() / "x/trace.perfetto-trace")) << arguments;
  }
}

TEST(Verbs, a_terminal_sees_colour_and_how_long_it_still_takes) {
  const ScratchFolder scratch;
  const auto began = std::chrono::steady_clock::now();
  const Outcome outcome =
      run_in(scratch.path(),
             "command -v script >/dev/null || exit 127; LC_ALL=C.UTF-8 TERM=xterm NO_COLOR= "
             "script -qec \"'" ORRERY_BINARY "' run deepseek-v3\" typescript");
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  if (outcome.code == 127) GTEST_SKIP() << "no program 'script' here";
  ASSERT_EQ(outcome.code, 0) << outcome.out;
  EXPECT_THAT(outcome.out, HasSubstr("\x1b[1mDeepSeek-V3 pre-training"));
  for (const char* answer : {"GPU-hours", "days", "USD", "left"}) {
    // The first screen, 24 lines, holds what was asked for.
    std::size_t end = 0;
    for (int line = 0; line < 24 && end != std::string::npos; ++line) end = outcome.out.find('\n', end + 1);
    EXPECT_THAT(outcome.out.substr(0, end), HasSubstr(answer));
  }
  if (took.count() < 4) return;  // Quick enough to need no progress.
  EXPECT_THAT(outcome.out, HasSubstr("s left"));
}

TEST(Verbs, files_go_to_a_folder_named_after_the_scenario) {
  const ScratchFolder scratch;
  put(scratch.path() / "mine.v2.toml", small_scenario);
  ASSERT_EQ(orrery(scratch.path(), "run zero-bubble-6.2b-1f1b -q").code, 0);
  ASSERT_EQ(orrery(scratch.path(), "run ./mine.v2.toml -q").code, 0);
  EXPECT_TRUE(std::filesystem::exists(scratch.path() / "out/zero-bubble-6.2b-1f1b/summary.json"));
  EXPECT_TRUE(std::filesystem::exists(scratch.path() / "out/mine.v2/summary.json"));
}

}  // namespace
}  // namespace orrery
