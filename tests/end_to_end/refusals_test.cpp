#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/end_to_end/orrery.hpp"

namespace orrery {
namespace {

using testing::HasSubstr;

/// A wrong request, the exit code and pieces of the message that the design promises.
struct Refusal {
  std::string arguments;
  int code;
  std::vector<std::string> pieces;
};

void PrintTo(const Refusal& refusal, std::ostream* stream) { *stream << "orrery " << refusal.arguments; }

/// A folder with the files that hostile users name.
void put_files(const std::filesystem::path& folder) {
  const std::string config =
      bytes_of(std::filesystem::path(ORRERY_SOURCE) / "models/transformer/configs/deepseek-v3.json");
  put(folder / "truncated.json", config.substr(0, 500));
  put(folder / "empty.json", "");
  put(folder / "list.json", "[1, 2]");
  put(folder / "unknown.json", R"({"model_type": "nobody", "hidden_dimension": 4096})");
  const auto with = [&](const std::string& key, const std::string& value) {
    std::string text = config;
    const std::size_t at = text.find("\"" + key + "\":"), end = text.find_first_of(",\n", at);
    return text.replace(at, end - at, "\"" + key + "\": " + value);
  };
  put(folder / "negative.json", with("num_hidden_layers", "-3"));
  put(folder / "huge.json", with("num_hidden_layers", "1000000000"));
  put(folder / "word.json", with("hidden_size", "\"big\""));
  std::filesystem::create_directory(folder / "folder.json");
  std::filesystem::create_symlink("loop.json", folder / "loop.json");
  std::string gpu = bytes_of(std::filesystem::path(ORRERY_SOURCE) / "topologies/catalog/gpu/h800.toml");
  gpu.replace(gpu.find("\"3.35 TB/s\""), 11, "\"3.35 TB\"");
  put(folder / "bad-gpu.toml", gpu);
  std::string scenario = small_scenario;
  scenario.replace(scenario.find("\"h800\""), 6, "\"bad-gpu.toml\"");
  scenario.replace(scenario.find("\"deepseek-v2-lite\""), 18, "\"word.json\"");
  put(folder / "two-files.toml", scenario);
  scenario = small_scenario;
  scenario.replace(scenario.find("nodes = 4"), 9, "nodes = four\nnodez = 4");
  put(folder / "broken.toml", scenario);
}

class Refusals : public testing::TestWithParam<Refusal> {};

TEST_P(Refusals, say_what_is_wrong_and_leave_nothing_behind) {
  const ScratchFolder scratch;
  put_files(scratch.path());
  const auto before = names_in(scratch.path());
  const Outcome outcome = orrery(scratch.path(), GetParam().arguments);
  EXPECT_EQ(outcome.code, GetParam().code) << outcome.out << outcome.err;
  EXPECT_EQ(outcome.out, "");
  EXPECT_THAT(outcome.err, testing::StartsWith("error: "));
  for (const std::string& piece : GetParam().pieces) EXPECT_THAT(outcome.err, HasSubstr(piece));
  EXPECT_EQ(names_in(scratch.path()), before);
}

TEST_P(Refusals, are_one_json_object_for_programs) {
  const ScratchFolder scratch;
  put_files(scratch.path());
  const Outcome outcome = orrery(scratch.path(), GetParam().arguments + " --json");
  EXPECT_EQ(outcome.code, GetParam().code);
  EXPECT_EQ(outcome.err, "");
  const auto tree = nlohmann::json::parse(outcome.out, nullptr, false);
  ASSERT_FALSE(tree.is_discarded()) << outcome.out;
  EXPECT_EQ(tree.at("error").at("exit_code"), GetParam().code);
  ASSERT_FALSE(tree.at("error").at("findings").empty());
  for (const auto& finding : tree.at("error").at("findings")) EXPECT_NE(finding.at("problem"), "");
}

const Refusal refusals[] = {
    // The command line.
    {"rum deepseek-v3", 2, {"unknown command 'rum'", "did you mean 'run'?"}},
    {"run --jsno deepseek-v3", 2, {"unknown option '--jsno' of run", "did you mean '--json'?"}},
    {"run", 2, {"run needs a SCENARIO", "for example: orrery run deepseek-v3"}},
    {"run deepseek-v3 deepseek-v3-h20", 2, {"run takes one SCENARIO; 'deepseek-v3-h20' is one too many"}},
    {"list everything", 2, {"list takes no names; found 'everything'"}},
    {"run deepseek-v3 --threads 0", 2, {"--threads", "1 to 4096"}},
    {"run deepseek-v3 --threads many", 2, {"--threads", "many"}},
    {"run deepseek-v3 --fidelity fast", 2, {"unknown word 'fast'", "known: folded, full"}},
    {"run deepseek-v3 --set plan.pipeline", 2, {"--set needs key=value"}},
    {"run deepseek-v3 --trace 4096", 2, {"no GPU 4096", "0 to 2047"}},
    {"run deepseek-v3 --trace 99999999999999999999", 2, {"no GPU"}},
    {"run deepseek-v3 --trace 64", 2, {"GPU 64 is not simulated", "--fidelity full"}},
    {"schedule dualpip", 2, {"no schedule is called 'dualpip'", "did you mean 'dualpipe'?"}},
    {"schedule dualpipe --ranks 7",
     2,
     {"dualpipe needs an even number of ranks; found 7", "try 6 or 8 ranks"}},
    {"schedule dualpipe --ranks 8 --micro-batches 3", 2, {"found 3", "try 16 micro-batches"}},
    {"explain plan.shedule", 2, {"nothing is called 'plan.shedule'", "did you mean 'plan.schedule'?"}},
    {"completion tcsh", 2, {"no completion for 'tcsh'", "bash, zsh or fish"}},
    // Scenarios: names, types, units, ranges.
    {"run deepseekv3", 2, {"unknown scenario 'deepseekv3'", "did you mean 'deepseek-v3'?"}},
    {"run absent.toml", 2, {"there is no file 'absent.toml'"}},
    {"run deepseek-v3 --set plan.pipline=8",
     2,
     {"unknown key 'pipline' in [plan]", "did you mean 'pipeline'?"}},
    {"run deepseek-v3 --set plan.pipeline=many", 2, {"plan.pipeline", "an integer from 1"}},
    {"run deepseek-v3 --set cluster.gpu_hour=2", 2, {"cluster.gpu_hour: needs a unit", "USD/h"}},
    {"run deepseek-v3 --set 'network.nic_achieved=\"50 GB\"'", 2, {"cannot read \"50 GB\" as a bandwidth"}},
    {"run deepseek-v3 --set plan.pipeline=100000", 2, {"plan.pipeline: 100000 is out of range"}},
    {"run deepseek-v3 --set cluster.gpu=h900", 2, {"cluster.gpu: unknown GPU 'h900'", "did you mean 'h"}},
    {"show deepseek-v3 --set plan.pipline=8", 2, {"did you mean 'pipeline'?"}},
    {"run broken.toml", 2, {"broken.toml:7:"}},
    // Plans that no cluster can run.
    {"run deepseek-v3 --set cluster.nodes=224 --set plan.pipeline=7",
     2,
     {"dualpipe needs an even number of ranks; found 7", "try 6 or 8 ranks"}},
    {"run deepseek-v3 --set plan.pipeline=7", 2, {"does not divide 2048 GPUs", "4 or 8"}},
    {"run deepseek-v3 --set plan.expert=48",
     2,
     {"256 experts do not divide over 48 ranks", "try expert = 32 or 64"}},
    {"run deepseek-v3 --set plan.micro_batch=4",
     2,
     {"at least 2 a rank (32); found 30", "deepseek-v3.toml:"}},
    // Plans that do not fit: by how much, what is largest, the smallest change that helps.
    {"run zero-bubble-6.2b-1f1b --set plan.micro_batch=96",
     3,
     {"does not fit", "too much", "largest: activations", "plan.recompute"}},
    {"run deepseek-v3 --set plan.micro_batch=2 --set plan.recompute=none",
     3,
     {"does not fit", "GB too much", "plan.micro_batch"}},
    // Models by path: the JSON key, its place, and what would be right.
    {"run deepseek-v3 --set model.config=absent.json", 2, {"there is no file 'absent.json'"}},
    {"run deepseek-v3 --set model.config=truncated.json",
     2,
     {"truncated.json", "ends too early", "--> truncated.json:19:"}},
    {"run deepseek-v3 --set model.config=empty.json", 2, {"empty.json:1:1"}},
    {"run deepseek-v3 --set model.config=list.json", 2, {"not an object"}},
    {"run deepseek-v3 --set model.config=folder.json", 2, {"'folder.json'", "it is a folder"}},
    {"run deepseek-v3 --set model.config=loop.json",
     1,
     {"cannot open 'loop.json' for reading: Too many levels of symbolic links"}},
    {"run deepseek-v3 --set model.config=unknown.json",
     2,
     {"unknown.json: num_hidden_layers: the key is missing"}},
    {"run deepseek-v3 --set model.config=negative.json",
     2,
     {"num_hidden_layers: found -3", "--> negative.json:", "from 1 to 10000"}},
    {"run deepseek-v3 --set model.config=huge.json",
     2,
     {"num_hidden_layers: found 1000000000", "--> huge.json:"}},
    {"run deepseek-v3 --set model.config=word.json",
     2,
     {"hidden_size: found \"big\"", "--> word.json:", "| model.config=word.json"}},
    // The faults of several files at once.
    {"run two-files.toml",
     2,
     {"--> word.json:", "--> bad-gpu.toml:", "--> two-files.toml:4:10", "--> two-files.toml:6:7"}},
    // The world.
    {"run zero-bubble-6.2b-1f1b --out list.json/x", 1, {"list.json", "write into", "Not a directory"}},
    {"run zero-bubble-6.2b-1f1b --out list.json", 1, {"list.json", "Not a directory"}},
    {"run zero-bubble-6.2b-1f1b --out /proc/orrery", 1, {"/proc/orrery", "create folder"}},
};
INSTANTIATE_TEST_SUITE_P(, Refusals, testing::ValuesIn(refusals),
                         [](const auto& row) { return "row_" + std::to_string(row.index); });

TEST(Checks, speak_about_every_scenario_and_give_the_worst_code) {
  const ScratchFolder scratch;
  put(scratch.path() / "small.toml", small_scenario);
  const Outcome text = orrery(
      scratch.path(), "check small.toml deepseek-v3 absent zero-bubble-6.2b-1f1b --set plan.micro_batch=1");
  EXPECT_EQ(text.code, 2);
  EXPECT_EQ(text.out,
            "small.toml: nothing wrong\ndeepseek-v3: nothing wrong\nzero-bubble-6.2b-1f1b: nothing wrong\n");
  EXPECT_THAT(text.err, HasSubstr("unknown scenario 'absent'"));
  const Outcome json = orrery(scratch.path(), "check small.toml absent --json");
  EXPECT_EQ(json.code, 2);
  const auto tree = nlohmann::json::parse(json.out);
  ASSERT_EQ(tree.size(), 2u);
  EXPECT_EQ(tree[0].at("exit_code"), 0);
  EXPECT_TRUE(tree[0].at("findings").empty());
  EXPECT_EQ(tree[1].at("exit_code"), 2);
  EXPECT_EQ(tree[1].at("findings").size(), 1u);
}

TEST(Checks, find_nothing_wrong_with_what_is_shipped) {
  const ScratchFolder scratch;
  const auto list = nlohmann::json::parse(orrery(scratch.path(), "list --json").out);
  std::string names;
  for (const auto& name : list.at("scenarios")) names += " " + name.get<std::string>();
  const Outcome outcome = orrery(scratch.path(), "check" + names);
  EXPECT_EQ(outcome.code, 0);
  EXPECT_EQ(outcome.err, "");
}

}  // namespace
}  // namespace orrery
