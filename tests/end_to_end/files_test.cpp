#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/end_to_end/orrery.hpp"

namespace orrery {
namespace {

using Json = nlohmann::json;
using testing::HasSubstr;

/// One run whose files all tests of this suite read.
class Files : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    scratch_ = new ScratchFolder;
    put(folder() / "small.toml", small_scenario);
    const Outcome outcome = orrery(folder(), "run small.toml --trace 0,17 --json --out result");
    ASSERT_EQ(outcome.code, 0) << outcome.err;
    printed_ = outcome.out;
    talk_ = outcome.err;
  }
  static void TearDownTestSuite() {
    delete scratch_;
    scratch_ = nullptr;
  }
  static std::filesystem::path folder() { return scratch_->path(); }
  static Json summary() { return Json::parse(bytes_of(folder() / "result/summary.json")); }
  static inline ScratchFolder* scratch_ = nullptr;
  static inline std::string printed_, talk_;
};

TEST_F(Files, json_on_standard_output_is_the_summary_to_the_byte) {
  EXPECT_EQ(printed_, bytes_of(folder() / "result/summary.json"));
  EXPECT_THAT(talk_, HasSubstr("written to result/: summary.json"));
}

TEST_F(Files, the_summary_has_every_key_that_other_tools_rely_on) {
  const Json tree = summary();
  const auto number_at = [&](const std::string& path) {
    const Json::json_pointer pointer(path);
    ASSERT_TRUE(tree.contains(pointer)) << path;
    EXPECT_TRUE(tree.at(pointer).is_number()) << path;
  };
  for (const char* key : {"parameters", "activated_parameters", "kv_cache_bytes_per_token",
                          "training_flops_per_token_causal", "training_flops_per_token_noncausal"}) {
    number_at("/model/" + std::string(key));
  }
  for (const char* key : {"time_s", "tokens", "tokens_per_s_per_gpu", "mfu_causal", "mfu_noncausal"})
    number_at("/step/" + std::string(key));
  for (const char* scope : {"", "rank0/", "min/", "max/"}) {
    for (const char* key : {"forward_s", "input_backward_s", "weight_backward_s", "overlapped_s", "bubble_s",
                            "optimizer_s", "exposed_communication_s"}) {
      number_at("/step/" + std::string(scope) + key);
    }
  }
  for (const char* key : {"memory/peak_bytes", "memory/capacity_bytes", "run/gpu_hours", "run/days",
                          "run/cost_usd", "engine/ranks", "engine/events", "engine/flows"}) {
    number_at("/" + std::string(key));
  }
  ASSERT_EQ(tree.at("phases").size(), 3u);
  for (const Json& phase : tree.at("phases")) {
    EXPECT_TRUE(phase.at("name").is_string());
    for (const char* key : {"tokens", "gpu_hours", "days", "cost_usd"})
      EXPECT_TRUE(phase.at(key).is_number()) << key;
  }
  ASSERT_EQ(tree.at("published").size(), 1u);
  const Json& figure = tree.at("published")[0];
  EXPECT_EQ(figure.at("what"), "step.time_s");
  EXPECT_EQ(figure.at("source"), "invented for this test");
  EXPECT_EQ(figure.at("published"), 1.0);
  EXPECT_EQ(figure.at("simulated"), tree.at("step").at("time_s"));
}

TEST_F(Files, the_figures_of_the_summary_agree_with_each_other) {
  const Json tree = summary();
  const Json& step = tree.at("step");
  const double time = step.at("time_s");
  EXPECT_EQ(step.at("tokens"), 128 * 4096);
  // 32 GPUs share the step's tokens; a day has 86,400 s; a signed error is of the published figure.
  EXPECT_NEAR(step.at("tokens_per_s_per_gpu").get<double>(), 128 * 4096 / time / 32, 1e-6);
  EXPECT_NEAR(tree.at("published")[0].at("error_percent").get<double>(), 100 * (time - 1), 1e-9);
  double hours = 0, dollars = 0;
  for (const Json& phase : tree.at("phases")) {
    hours += phase.at("gpu_hours").get<double>();
    dollars += phase.at("cost_usd").get<double>();
    EXPECT_NEAR(phase.at("days").get<double>(), phase.at("gpu_hours").get<double>() / 32 / 24, 1e-12);
    EXPECT_NEAR(phase.at("cost_usd").get<double>(), 2 * phase.at("gpu_hours").get<double>(), 1e-9);
  }
  EXPECT_NEAR(tree.at("run").at("gpu_hours").get<double>(), hours, 1e-9);
  EXPECT_NEAR(tree.at("run").at("cost_usd").get<double>(), dollars, 1e-9);
  // A rank's parts fill its step: forward, backward, weights, pairs, bubble and the tail.
  double sum = 0;
  for (const char* part :
       {"forward_s", "input_backward_s", "weight_backward_s", "overlapped_s", "bubble_s", "optimizer_s"}) {
    sum += step.at(part).get<double>();
  }
  EXPECT_NEAR(sum, time, 1e-9);
  EXPECT_LT(step.at("exposed_communication_s").get<double>(), sum);
  EXPECT_LE(tree.at("memory").at("peak_bytes"), tree.at("memory").at("capacity_bytes"));
}

TEST_F(Files, open_by_name_in_h5py_xarray_and_ncdump) {
  const Outcome read =
      run_in(folder(), "/usr/bin/python3 '" ORRERY_SOURCE "/tests/end_to_end/read_back.py' result");
  if (read.code == 77) GTEST_SKIP() << read.out;
  EXPECT_EQ(read.code, 0) << read.out << read.err;
  const Outcome dump = run_in(folder(), "ncdump -h result/results.h5");
  if (dump.code == 127) GTEST_SKIP() << "no ncdump here";
  EXPECT_EQ(dump.code, 0) << dump.err;
  EXPECT_THAT(dump.out, HasSubstr("group: ranks {"));
  EXPECT_THAT(dump.out, HasSubstr("string bubble_s:units = \"s\""));
}

TEST_F(Files, name_units_in_every_csv_column) {
  std::size_t tables = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder() / "result")) {
    if (entry.path().extension() != ".csv") continue;
    ++tables;
    const std::string text = bytes_of(entry.path());
    std::istringstream header(text.substr(0, text.find('\n')));
    for (std::string column; std::getline(header, column, ',');) {
      // Names, counts and shares have no unit; everything else says its own.
      const bool bare = std::string(
                            " rank pipeline_rank kernels stage blocks parameters holds kernel block segment "
                            "name launches flops phase "
                            "tokens steps gpu_hours days link use what simulated published source note ")
                            .find(" " + column + " ") != std::string::npos;
      const bool unit = column.ends_with("_s") || column.ends_with("_bytes") || column.ends_with("_usd") ||
                        column.ends_with("_percent");
      EXPECT_TRUE(bare || unit) << entry.path().filename() << " has a column " << column;
    }
  }
  EXPECT_EQ(tables, 6u);
}

TEST_F(Files, the_trace_is_protobuf_with_a_process_a_rank) {
  const Outcome decoded = run_in(folder(), "protoc --decode_raw < result/trace.perfetto-trace");
  if (decoded.code == 127) GTEST_SKIP() << "no protoc here";
  ASSERT_EQ(decoded.code, 0) << decoded.err;
  // Packet 1, track descriptor 60, process 3, name 6; a stream's track has its name in 2.
  for (const char* name :
       {"6: \"rank 0\"", "6: \"rank 17\"", "2: \"compute\"", "2: \"communication\"", "2: \"kv_up\""}) {
    EXPECT_THAT(decoded.out, HasSubstr(name));
  }
  EXPECT_THAT(decoded.out, testing::Not(HasSubstr("6: \"rank 1\"")));
}

TEST_F(Files, the_text_is_the_page_that_the_terminal_shows) {
  const Outcome shown = orrery(folder(), "run small.toml --out result");
  // Nobody's terminal: no colour, and ASCII where the language does not say UTF-8.
  EXPECT_THAT(shown.out, testing::Not(HasSubstr("\x1b")));
  const Outcome unicode = run_in(folder(), "LC_ALL=C.UTF-8 '" ORRERY_BINARY "' run small.toml --out result");
  EXPECT_EQ(unicode.out, bytes_of(folder() / "result/summary.txt"));
}

}  // namespace
}  // namespace orrery
