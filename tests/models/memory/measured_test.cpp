#include <cmath>
#include <cstdio>

#include "tests/models/memory/requests.hpp"

namespace orrery {
namespace {

struct Compared {
  std::string what;
  double simulated, measured;
  double error_percent() const { return 100 * (simulated / measured - 1); }
};

/// Prints the table and hands back the mean absolute error in percent.
double print_table(const char* title, const char* unit, const std::vector<Compared>& rows) {
  std::printf("%s\n  %-44s %11s %11s %8s\n", title, unit, "simulated", "measured", "error");
  double sum = 0;
  for (const Compared& row : rows) {
    std::printf("  %-44s %11.2f %11.2f %+7.2f%%\n", row.what.c_str(), row.simulated, row.measured,
                row.error_percent());
    sum += std::abs(row.error_percent());
  }
  const double mean = rows.empty() ? 0 : sum / double(rows.size());
  std::printf("  mean absolute error %.2f%% of %zu rows\n", mean, rows.size());
  return mean;
}

/// Megatron-LM in 2021: unfused attention, FP16 weights, FP32 gradients, master weights and moments, one
/// copy.
struct Megatron {
  std::string config;
  int pipeline, micro_batch, micro_batches, virtual_stages;
};

/// arXiv 2205.05198, table 3: 22B on 8 GPUs with micro-batch 4; 175B on 64, eight pipeline ranks of three
/// model chunks.
Megatron megatron(const std::string& model) {
  if (model == "22B") return {"gpt-22b", 1, 4, 1, 1};
  return {"gpt-3-175b", 8, 1, 64, 3};
}

RankMemory first_stage(const std::string& name, const Transformer& model, const std::string& variant) {
  const Megatron config = megatron(name);
  WorkShape shape{.model = &model,
                  .sequence = 2048,
                  .micro_batch = config.micro_batch,
                  .tensor = 8,
                  .attention = AttentionKernel::Unfused,
                  .recompute = {}};
  shape.recompute.attention = variant == "sel" || variant == "seqsel";
  shape.recompute.layer = variant == "full";
  MemoryRequest request = request_for(shape, config.pipeline == 1 ? "1f1b" : "interleaved",
                                      {config.pipeline, config.micro_batches, config.virtual_stages});
  const bool splits_sequence = variant == "seq" || variant == "seqsel";
  request.rules.split = splits_sequence ? TensorSplit::MatricesAndSequence : TensorSplit::Matrices;
  request.state.moment = 4;
  return rank_memory(request, 0);
}

double activations(const RankMemory& memory) {
  double most = 0;
  for (const Bytes bytes : memory.timeline.of[std::size_t(MemoryClass::Activations)]) {
    most = std::max(most, double(bytes.value()));
  }
  return most;
}

// The paper counts transformer layers alone; here the first stage has its embedding too (and 22B's only stage
// its head), so we come out above: 18 B for each of (51,200 + 2,048) x 12,288 / 8 numbers is 1.37 of 45.56
// GiB.
TEST(Measured, MegatronOnA100WithinThreePercentInTheMean) {
  std::vector<Compared> table;
  for (const auto& row : measured_rows("megatron_a100_memory.csv")) {
    const std::string &name = row[0], &unit = row[1], &what = row[2], &variant = row[3];
    if (unit == "percent_of_none" && variant == "none") continue;  // 100 by definition.
    const double measured = std::stod(row[4]);
    const Transformer model = built_in(megatron(name).config);
    const RankMemory memory = first_stage(name, model, variant);
    double simulated = activations(memory) / gib;
    if (what == "params+optimizer") {
      const MemoryBytes& floor = memory.floor;
      simulated =
          double((floor[MemoryClass::Weights] + floor[MemoryClass::Gradients] + floor[MemoryClass::Optimizer])
                     .value()) /
          gib;
    } else if (unit == "percent_of_none") {
      simulated = 100 * activations(memory) / activations(first_stage(name, model, "none"));
    }
    table.push_back({name + " " + what + " " + variant + " (" + unit + ")", simulated, measured});
  }
  ASSERT_EQ(table.size(), 14u);
  EXPECT_LE(print_table("Megatron-LM, A100, arXiv 2205.05198", "first stage", table), 3.0);
}

// Allocated memory has no context and no NCCL channels, so the reserve is left out; Megatron's all-to-all has
// no standing buffers. Stages of consecutive layers, an even number each. Nothing here was fitted to these
// rows.
//
// What is missing, by size: TransformerEngine hands autograd a BF16 placeholder gradient for each shape of
// weight while the true one is added to FP32 in place. For Llama-405B on one tensor rank that is 2 B x 16,384
// x (18,432 + 16,384 + 106,496 + 53,248) = 6.4 GB, the whole of the gap there. It is the framework's, so it
// is not in the model.
TEST(Measured, MegatronOnB200PeaksWithinFivePercentInTheMean) {
  std::vector<Compared> table;
  for (const auto& row : measured_rows("b200_megatron_memory.csv")) {
    const auto number = [&row](std::size_t column) { return std::stoi(row[column]); };
    Transformer model = built_in(row[0]);
    model.layers = number(1);
    model.predict_layers = 0;
    if (model.experts)
      model.is_moe = {false, true, true, true};
    else
      model.is_moe.assign(std::size_t(model.layers), false);
    const WorkShape shape{.model = &model,
                          .sequence = 4096,
                          .tensor = number(2),
                          .expert = number(3),
                          .attention = AttentionKernel::Fused,
                          .recompute = {}};
    MemoryRequest request = request_for(shape, "1f1b", {number(4), number(6), 1});
    request.rules.loss = LossKernel::Fused;
    request.state.moment = 4;
    request.dense_copies = number(5);
    request.expert_copies = number(5) / number(3);
    request.reserve = {Bytes(0), Bytes(0), Bytes(0)};
    const double peak = double(fullest_rank(request).peak.total().value()) / gib;
    table.push_back(
        {row[0] + " x" + row[1] + " tp" + row[2] + " ep" + row[3] + " pp" + row[4], peak, std::stod(row[7])});
  }
  ASSERT_EQ(table.size(), 12u);
  EXPECT_LE(print_table("Megatron-LM, B200, peak allocated", "GiB", table), 5.0);
  for (const Compared& row : table) EXPECT_LE(std::abs(row.error_percent()), 10.0) << row.what;
}

}  // namespace
}  // namespace orrery
