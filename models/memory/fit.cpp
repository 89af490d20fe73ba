#include <algorithm>
#include <optional>

#include "models/memory/memory.hpp"

namespace orrery {
namespace {

/// "81.2 GB": tenths of 10^9 bytes, rounded to the nearest.
std::string gigabytes(Bytes bytes) {
  const std::int64_t tenths = (bytes.value() + 50'000'000) / 100'000'000;
  return std::to_string(tenths / 10) + "." + std::to_string(tenths % 10) + " GB";
}

std::string largest_consumers(const MemoryBytes& peak) {
  std::vector<MemoryClass> order;
  for (std::size_t kind = 0; kind < memory_classes; ++kind) order.push_back(MemoryClass(kind));
  std::stable_sort(order.begin(), order.end(),
                   [&](MemoryClass a, MemoryClass b) { return peak[a] > peak[b]; });
  std::string text;
  for (int i = 0; i < 3; ++i) {
    const MemoryClass kind = order[std::size_t(i)];
    text += (i == 0 ? "" : ", ") + std::string(memory_class_name(kind)) + " " + gigabytes(peak[kind]);
  }
  return text;
}

/// One change to a plan: its words, and the changed request where it can be made.
struct Change {
  std::string words;
  MemoryRequest request;
};

std::optional<Change> recompute_parts(MemoryRequest r) {
  const Recompute old = r.shape.recompute;
  r.shape.recompute.norm = r.shape.recompute.activation = r.shape.recompute.attention = true;
  r.shape.recompute.up_projection = r.shape.model->latent.has_value();
  if (old.layer || r.shape.recompute == old) return std::nullopt;
  return Change{"recompute norms, activations and attention (plan.recompute)", std::move(r)};
}

std::optional<Change> recompute_layers(MemoryRequest r) {
  if (r.shape.recompute.layer) return std::nullopt;
  r.shape.recompute.layer = true;
  return Change{"recompute whole layers (plan.recompute)", std::move(r)};
}

/// The same tokens in smaller micro-batches: a schedule that holds a fixed number of chunks then holds less.
std::optional<Change> smallest_micro_batch(MemoryRequest r) {
  const int times = r.shape.micro_batch;
  if (times == 1) return std::nullopt;
  const ScheduleKind* kind = find_schedule(r.schedule.name);
  const PipelineShape shape{r.schedule.ranks, r.schedule.micro_batches * times,
                            r.schedule.stages / r.schedule.ranks};
  if (!kind || !kind->check(shape).empty()) return std::nullopt;
  r.shape.micro_batch = 1;
  r.schedule = kind->build(shape);
  return Change{"micro-batch 1 (plan.micro_batch)", std::move(r)};
}

/// Twice the pipeline ranks on the same GPUs: half the copies, so each takes twice the micro-batches.
std::optional<Change> twice_the_pipeline(MemoryRequest r) {
  const ScheduleKind* kind = find_schedule(r.schedule.name);
  const PipelineShape shape{2 * r.schedule.ranks, 2 * r.schedule.micro_batches,
                            r.schedule.stages / r.schedule.ranks};
  const bool halves = r.dense_copies % 2 == 0 && (!r.shape.model->experts || r.expert_copies % 2 == 0);
  const int blocks = r.shape.model->layers + r.shape.model->predict_layers;
  if (!kind || !halves || !kind->check(shape).empty() || kind->stages(shape) > blocks) return std::nullopt;
  r.schedule = kind->build(shape);
  r.stages = cut_stages(*r.shape.model, blocks_per_stage(blocks, r.schedule.stages, LayerMap::EndsShort));
  r.dense_copies /= 2;
  if (r.shape.model->experts) r.expert_copies /= 2;
  return Change{"pipeline " + std::to_string(shape.ranks) + " (plan.pipeline)", std::move(r)};
}

std::string remedy_for(const MemoryRequest& request, Bytes capacity) {
  using Step = std::optional<Change> (*)(MemoryRequest);
  constexpr Step single[] = {recompute_parts, smallest_micro_batch, recompute_layers, twice_the_pipeline};
  const auto fits = [&](const std::optional<Change>& change, std::string& text) {
    if (!change) return false;
    const Bytes peak = fullest_rank(change->request).peak.total();
    if (peak <= capacity) text = change->words + ": " + gigabytes(peak);
    return peak <= capacity;
  };
  std::string text;
  for (const Step step : single) {
    if (fits(step(request), text)) return text;
  }
  for (const Step first : single) {
    std::optional<Change> one = first(request);
    for (const Step second : single) {
      if (!one || second == first) continue;
      std::optional<Change> two = second(one->request);
      if (two) two->words = one->words + " and " + two->words;
      if (fits(two, text)) return text;
    }
  }
  return "no change of recompute, micro-batch or twice the pipeline fits: spread the model over more GPUs";
}

}  // namespace

Findings check_memory(const MemoryRequest& request, Bytes capacity, std::string_view gpu) {
  const RankMemory fullest = fullest_rank(request);
  const Bytes peak = fullest.peak.total();
  if (peak <= capacity) return {};
  return {{"plan",
           "does not fit: pipeline rank " + std::to_string(fullest.rank) + " needs " + gigabytes(peak) +
               ", " + std::string(gpu) + " has " + gigabytes(capacity) + ", " + gigabytes(peak - capacity) +
               " too much; largest: " + largest_consumers(fullest.peak),
           remedy_for(request, capacity)}};
}

}  // namespace orrery
