#pragma once

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "models/memory/memory.hpp"
#include "tests/models/work/built_in.hpp"

namespace orrery {

/// Rows of a table of tests/measured as text cells; comment and header lines are gone.
inline std::vector<std::vector<std::string>> measured_rows(const std::string& name) {
  std::ifstream file(ORRERY_SOURCE "/tests/measured/" + name);
  EXPECT_TRUE(file.is_open()) << name;
  std::vector<std::vector<std::string>> rows;
  bool header = true;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line.front() == '#') continue;
    if (!header) {
      std::istringstream cells(line);
      rows.emplace_back();
      for (std::string cell; std::getline(cells, cell, ',');) rows.back().push_back(cell);
    }
    header = false;
  }
  return rows;
}

/// The schedule of that name; fails the test where the shape is refused.
inline PipelineSchedule schedule_of(std::string_view name, const PipelineShape& shape) {
  const ScheduleKind& kind = *find_schedule(name);
  const Findings findings = kind.check(shape);
  EXPECT_TRUE(findings.empty()) << name << ": " << (findings.empty() ? "" : findings.front().problem);
  return kind.build(shape);
}

/// A request with the stages of an even layer map.
inline MemoryRequest request_for(const WorkShape& shape, std::string_view schedule,
                                 const PipelineShape& pipeline, LayerMap map = LayerMap::EndsShort) {
  MemoryRequest request;
  request.shape = shape;
  request.schedule = schedule_of(schedule, pipeline);
  const int blocks = shape.model->layers + shape.model->predict_layers;
  request.stages = cut_stages(*shape.model, blocks_per_stage(blocks, request.schedule.stages, map));
  return request;
}

/// DeepSeek-V3 as trained: 2,048 H800, PP16 EP64, DualPipe with 120 micro-batches of one 4,096-token
/// sequence, FP8, norms, MLA up-projections and SwiGLU outputs computed again, BF16 moments, ZeRO-1.
///
/// Copies: 2048 / 16 = 128 GPUs a pipeline rank, every stage on two ranks: 256 of dense parameters and 256 /
/// 64 = 4 of experts. 7.49 / 8 received copies a row: published trace's routing.
inline MemoryRequest deepseek_v3_request(const Transformer& model) {
  const WorkShape shape{.model = &model,
                        .sequence = 4096,
                        .expert = 64,
                        .precision = Precision::Fp8,
                        .attention = AttentionKernel::Fused,
                        .recompute = {.norm = true, .up_projection = true, .activation = true},
                        .received_per_row = 7.49 / 8};
  MemoryRequest request = request_for(shape, "dualpipe", {.ranks = 16, .micro_batches = 120});
  request.dense_copies = 256;
  request.expert_copies = 4;
  return request;
}

constexpr Bytes h800_memory{
    84'943'110'144};  ///< As its driver reports (deepseek-ai/profile-data, device properties).
constexpr double gib = 1024.0 * 1024 * 1024;

}  // namespace orrery
