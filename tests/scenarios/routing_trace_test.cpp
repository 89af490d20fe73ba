// Traces as files, in scenarios, and what they do to a step.
#include "scenarios/reading/routing_trace.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

#include "models/routing/gate.hpp"
#include "models/run/run.hpp"
#include "reports/hdf5_arrays.hpp"
#include "scenarios/reading/assemble.hpp"
#include "scenarios/reading/show.hpp"
#include "tests/scenarios/reading.hpp"

namespace orrery {
namespace {

using testing::HasSubstr;

Experts lite_experts() {  // DeepSeek-V2-Lite.
  return {.routed = 64,
          .per_token = 6,
          .width = 1408,
          .shared_width = 2816,
          .groups = 1,
          .groups_per_token = 1,
          .sigmoid = false,
          .selection_bias = false,
          .shared_gate = false};
}

/// Choices of the gate, the experts' popularity different by that standard deviation of their logits.
RoutingTrace trace_of(const Experts& e, double popularity, int layers, std::int64_t tokens) {
  RoutingTrace trace{.experts = e.routed,
                     .per_token = e.per_token,
                     .groups = e.groups,
                     .groups_per_token = e.groups_per_token,
                     .layers = layers,
                     .tokens = tokens,
                     .expert = {},
                     .model = "a small one",
                     .text_hash = 0xFEDC'BA98'7654'3210,
                     .balancing = "none"};
  RandomStream random(1, {.owner = "test", .purpose = "trace"});
  for (int layer = 0; layer < layers; ++layer) {
    std::vector<std::int16_t> offset;
    for (int i = 0; i < e.routed; ++i) offset.push_back(logit_key(popularity * random.normal()));
    Gate gate(e, offset);
    for (std::int64_t token = 0; token < tokens; ++token) {
      const Gate::Choice choice = gate.choose(random);
      trace.expert.insert(trace.expert.end(), choice.expert.begin(), choice.expert.begin() + choice.count);
    }
  }
  return trace;
}

/// The file's array, for tests that write it otherwise.
WholeArray array_of(const RoutingTrace& t) {
  return {.name = "expert",
          .meaning = "",
          .dimensions = {{"layer", t.layers}, {"token", t.tokens}, {"slot", t.per_token}},
          .values = t.expert,
          .numbers = {{"experts", t.experts},
                      {"per_token", t.per_token},
                      {"groups", t.groups},
                      {"groups_per_token", t.groups_per_token}},
          .texts = {}};
}

TEST(RoutingTraceFile, ReadsBackExactly) {
  const RoutingTrace trace = trace_of(lite_experts(), 0.2, 3, 5000);
  const std::string bytes = routing_trace_file(trace);
  EXPECT_EQ(bytes, routing_trace_file(trace));
  const Checked<RoutingTrace> read = read_routing_trace(bytes);
  ASSERT_TRUE(read.ok()) << read.findings[0].problem;
  EXPECT_EQ(read.value.expert, trace.expert);
  EXPECT_EQ(read.value.experts, 64);
  EXPECT_EQ(read.value.per_token, 6);
  EXPECT_EQ(read.value.groups, 1);
  EXPECT_EQ(read.value.groups_per_token, 1);
  EXPECT_EQ(read.value.layers, 3);
  EXPECT_EQ(read.value.tokens, 5000);
  EXPECT_EQ(read.value.model, "a small one");
  EXPECT_EQ(read.value.balancing, "none");
  EXPECT_EQ(read.value.text_hash, 0xFEDC'BA98'7654'3210u);
}

TEST(RoutingTraceFile, NeedsNoWordsAboutItsOrigin) {
  const Checked<RoutingTrace> read =
      read_routing_trace(to_hdf5(array_of(trace_of(lite_experts(), 0, 1, 50))));
  ASSERT_TRUE(read.ok()) << read.findings[0].problem;
  EXPECT_EQ(read.value.model, "");
  EXPECT_EQ(read.value.text_hash, 0u);
}

TEST(RoutingTraceFile, ThatIsWrongSaysHow) {
  const auto problem = [](auto change) {
    WholeArray array = array_of(trace_of(lite_experts(), 0, 2, 50));
    change(array);
    const Checked<RoutingTrace> read = read_routing_trace(to_hdf5(array));
    if (read.findings.size() != 1) return std::to_string(read.findings.size()) + " findings";
    EXPECT_EQ(read.findings[0].key, "routing.trace");
    EXPECT_NE(read.findings[0].remedy, "");
    return read.findings[0].problem;
  };
  EXPECT_THAT(problem([](WholeArray& a) { a.name = "experts"; }), HasSubstr("no dataset 'expert'"));
  EXPECT_THAT(problem([](WholeArray& a) { a.numbers.pop_back(); }),
              HasSubstr("no attribute 'groups_per_token'"));
  EXPECT_THAT(problem([](WholeArray& a) { a.numbers[0].value = 0; }), HasSubstr("'experts' is 0"));
  EXPECT_THAT(problem([](WholeArray& a) { a.numbers[0].value = std::int64_t(1) << 40; }),
              HasSubstr("'experts' is 1099511627776"));
  EXPECT_THAT(problem([](WholeArray& a) { a.numbers[0].value = 60'000; }),
              HasSubstr("60000 experts are not"));
  EXPECT_THAT(problem([](WholeArray& a) { a.numbers[1].value = 5; }),
              HasSubstr("6 slots a token, its gate chooses 5"));
  EXPECT_THAT(problem([](WholeArray& a) { a.numbers[0].value = 32; }), HasSubstr("chooses expert"));
  EXPECT_THAT(problem([](WholeArray& a) { a.values[7] = a.values[6]; }), HasSubstr("token 1 of layer 0"));
  EXPECT_THAT(problem([](WholeArray& a) {
                a.texts = {{"text_hash", "not hexadecimal"}};
              }),
              HasSubstr("'text_hash'"));
  EXPECT_THAT(problem([](WholeArray& a) {
                a.dimensions = {{"layer", 100}, {"slot", 6}};
              }),
              HasSubstr("has 2 dimensions, not 3"));
}

TEST(RoutingTraceFile, CutOffAnywhereIsRefused) {
  const std::string bytes = routing_trace_file(trace_of(lite_experts(), 0, 2, 2000));
  for (std::size_t i = 0; i < 150; ++i) {
    const std::size_t length = i < 100 ? i * i / 2 : bytes.size() * (i - 99) / 52;
    ASSERT_LT(length, bytes.size());
    EXPECT_EQ(read_routing_trace(bytes.substr(0, length)).findings.size(), 1u) << length;
  }
}

// The library itself crashes or runs for ever on some of these; whatever comes back must pass the checks.
TEST(RoutingTraceFile, WithAnyBytesChangedIsReadOrRefusedInTime) {
  const std::string bytes = routing_trace_file(trace_of(lite_experts(), 0, 2, 2000));
  const auto begin = std::chrono::steady_clock::now();
  int refused = 0;
  for (int i = 0; i < 400; ++i) {
    RandomStream random(1, {.owner = "test", .purpose = "bytes", .index = std::uint64_t(i)});
    std::string changed = bytes;
    for (std::uint32_t flips = 1 + random.below(4); flips > 0; --flips) {
      const auto near = std::uint32_t(std::min<std::size_t>(bytes.size(), 6000));  // Structure lies there.
      const std::size_t at =
          random.below(3) == 0 ? random.below(std::uint32_t(bytes.size())) : random.below(near);
      changed[at] = char(random.below(256));
    }
    const Checked<RoutingTrace> read = read_routing_trace(changed);
    refused += !read.ok();
    EXPECT_TRUE(!read.ok() || check_choices(read.value).empty());
  }
  EXPECT_GT(refused, 100);
  EXPECT_LT(refused, 400);
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begin;
  EXPECT_LT(taken.count(), 60) << "s";
}

/// A mixture of experts on 32 GPUs.
std::string scenario_text(const std::string& routing) {
  return R"([model]
config = "deepseek-v2-lite"
[cluster]
gpu = "h800"
nodes = 4
[plan]
pipeline = 2
expert = 16
schedule = "dualpipe"
global_batch = 128
sequence = 4096
precision = "fp8"
kernels = "dualpipe_trace"
recompute = ["norm", "up_projection", "swiglu"]
[routing]
samples = 16
)" + routing +
         "\n[train]\ntokens = \"1 B\"\n";
}

Assembled assembled(const Folder& folder, const std::string& routing) {
  const ScenarioReading reading =
      read_scenario(folder.file("scenarios/a.toml", scenario_text(routing)), std::vector<std::string>{});
  EXPECT_TRUE(reading.ok()) << messages(reading);
  return assemble(reading);
}

TEST(RoutingTraceKey, IsAPathBesideItsScenario) {
  const Folder folder;
  const std::string file =
      folder.file("traces/a.h5", routing_trace_file(trace_of(lite_experts(), 0, 2, 5000)));
  const Assembled a = assembled(folder, "trace = \"../traces/a.h5\"\nrow_spread = \"7.6 %\"");
  ASSERT_TRUE(a.ok()) << diagnostics_text(a.diagnostics, a.document.sources);
  ASSERT_NE(a.plan.trace, nullptr);
  EXPECT_EQ(a.plan.trace->tokens, 5000);
  EXPECT_EQ(a.plan.spread_on_top(), 0);
  EXPECT_THAT(show_scenario(a.document), HasSubstr("trace = \"" + file + "\"  # a.toml:"));
}

TEST(RoutingTraceKey, ThatNamesNoTraceOfThisModelIsRefusedAtItsLine) {
  const Folder folder;
  const auto refusal = [&](const std::string& bytes, const std::string& more = "") {
    folder.file("scenarios/b.h5", bytes);
    const Assembled a = assembled(folder, "trace = \"b.h5\"" + more);
    return diagnostics_text(a.diagnostics, a.document.sources);
  };
  Experts other = lite_experts();
  other.routed = 32;
  EXPECT_EQ(refusal(routing_trace_file(trace_of(lite_experts(), 0, 1, 4096))), "");
  EXPECT_THAT(refusal(routing_trace_file(trace_of(other, 0, 1, 5000))),
              testing::AllOf(HasSubstr("routes 6 of 32 experts; deepseek-v2-lite routes 6 of 64 experts"),
                             HasSubstr("a.toml:17:"), HasSubstr("= help: ")));
  EXPECT_THAT(refusal(routing_trace_file(trace_of(lite_experts(), 0, 1, 4095))),
              testing::AllOf(HasSubstr("has 4095 tokens"), HasSubstr("micro-batch has 4096")));
  EXPECT_THAT(refusal("[model]\n"), HasSubstr("not an HDF5 file"));
  const std::string whole = routing_trace_file(trace_of(lite_experts(), 0, 1, 4096));
  EXPECT_THAT(refusal(whole.substr(0, whole.size() / 2)), HasSubstr("cut off"));
  const Assembled absent = assembled(folder, "trace = \"absent.h5\"");
  EXPECT_THAT(diagnostics_text(absent.diagnostics, absent.document.sources),
              testing::AllOf(HasSubstr("there is no file"), HasSubstr("absent.h5"), HasSubstr("validate")));
}

TEST(RoutingTraceKey, WithoutExpertsToRouteToIsRefused) {
  const Folder folder;
  const std::string file = folder.file("a.h5", routing_trace_file(trace_of(lite_experts(), 0, 1, 5000)));
  const auto refusal = [&](const std::vector<std::string>& more) {
    std::vector<std::string> sets{"routing.trace=" + file};
    sets.insert(sets.end(), more.begin(), more.end());
    const ScenarioReading reading = read_text(scenario_text(""), sets);
    EXPECT_TRUE(reading.ok()) << messages(reading);
    const Assembled a = assemble(reading);
    return diagnostics_text(a.diagnostics, a.document.sources);
  };
  EXPECT_EQ(refusal({}), "");
  EXPECT_THAT(refusal({"plan.expert=1"}), HasSubstr("with expert = 1 every GPU has all experts"));
  EXPECT_THAT(refusal({"model.config=llama-3.1-8b", "plan.expert=1", "plan.kernels=cublas_h100"}),
              HasSubstr("has no experts"));
}

TEST(RoutingTraceKey, OfMoreImbalanceMakesLongerSteps) {
  const Folder folder;
  double before = 0;
  for (const double popularity : {0.0, 0.1, 0.3, 1.0}) {
    folder.file("scenarios/a.h5", routing_trace_file(trace_of(lite_experts(), popularity, 2, 8192)));
    const Assembled a = assembled(folder, "trace = \"a.h5\"");
    ASSERT_TRUE(a.ok());
    const TrainingStep step = simulate_step(a.plan, nullptr);
    const double time = to_seconds(step.time).value();
    std::printf("popularity %.1f: step %.4f s\n", popularity, time);
    EXPECT_GT(time, before * 1.005) << popularity;
    before = time;
    EXPECT_THAT(step.notes, testing::Contains(HasSubstr("measured choices of 8192 tokens in 2 layers")));
  }
}

// Independent draws of the same gate, by way of a file: the same loads but for chance.
TEST(RoutingTraceKey, OfTheBalancedGateIsTheBalancedStep) {
  const Folder folder;
  folder.file("scenarios/a.h5", routing_trace_file(trace_of(lite_experts(), 0, 4, 32'768)));
  const Assembled traced = assembled(folder, "trace = \"a.h5\"\nrow_spread = \"30 %\""),
                  drawn = assembled(folder, "row_spread = \"0 %\"");
  ASSERT_TRUE(traced.ok() && drawn.ok());
  const double a = to_seconds(simulate_step(traced.plan, nullptr).time).value(),
               b = to_seconds(simulate_step(drawn.plan, nullptr).time).value();
  EXPECT_NEAR(a / b, 1, 0.01);
}

// Layers are drawn by many at once, in any order.
TEST(RoutingTraceKey, GivesTheSameRunInAnyOrderOfWork) {
  const Folder folder;
  folder.file("scenarios/a.h5", routing_trace_file(trace_of(lite_experts(), 0.2, 2, 8192)));
  const Assembled a = assembled(folder, "trace = \"a.h5\"");
  ASSERT_TRUE(a.ok());
  const RunRequest request{.plan = a.plan, .phases = a.phases, .fallback = a.fallback};
  const auto hours = [&](const Parallel& parallel) {
    const auto run = simulate_run(request, parallel);
    EXPECT_TRUE(run.ok());
    return run.value.at(0).gpu_hours;
  };
  const double forward = hours([](int count, const std::function<void(int)>& job) {
    for (int i = 0; i < count; ++i) job(i);
  });
  const double backward = hours([](int count, const std::function<void(int)>& job) {
    for (int i = count; i-- > 0;) job(i);
  });
  EXPECT_EQ(forward, backward);
}

TEST(RoutingTraceKey, OfUnequalLoadsNeedsMoreMemory) {
  const Folder folder;
  folder.file("scenarios/a.h5", routing_trace_file(trace_of(lite_experts(), 1, 2, 8192)));
  const Assembled a = assembled(folder, "trace = \"a.h5\""), plain = assembled(folder, "");
  ASSERT_TRUE(a.ok() && plain.ok());
  EXPECT_GT(memory_request(a.plan).expert_rows, 1.1);
  EXPECT_EQ(memory_request(plain.plan).expert_rows, 1);
}

}  // namespace
}  // namespace orrery
