#pragma once

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>
#include <string>

#include "models/work/work.hpp"

namespace orrery {

/// A built-in model by the name of its file.
inline Transformer built_in(const std::string& name) {
  const std::ifstream file(ORRERY_SOURCE "/models/transformer/configs/" + name + ".json");
  std::ostringstream text;
  text << file.rdbuf();
  Checked<Transformer> model = read_transformer(text.str(), name);
  EXPECT_TRUE(model.ok()) << name << ": " << (model.ok() ? "" : model.findings.front().problem);
  return model.value;
}

constexpr Segment all_segments[] = {Segment::AttentionForward, Segment::FfnForward,
                                    Segment::FfnBackward,      Segment::AttentionBackward,
                                    Segment::FfnWeight,        Segment::AttentionWeight};

/// Operations of the products alone (attention core and data movement left out) in some segments of a block.
template <class... Segments>
double product_flops(const WorkShape& shape, BlockKind kind, std::int64_t rows, Segments... segments) {
  double sum = 0;
  for (const Segment segment : {segments...}) {
    for (const KernelCall& call : segment_work(shape, kind, segment, rows)) {
      if (std::holds_alternative<Gemm>(call.work)) sum += executed_flops(call).value();
    }
  }
  return sum;
}

}  // namespace orrery
