#include <algorithm>

#include "scenarios/answering/answer.hpp"
#include "scenarios/answering/answered_page.hpp"
#include "topologies/catalog.hpp"

namespace orrery {
namespace {

Column numbers(std::string name, std::string unit, std::string meaning) {
  return {std::move(name), std::move(unit), std::move(meaning), std::vector<double>{}};
}
Column counts(std::string name, std::string unit, std::string meaning) {
  return {std::move(name), std::move(unit), std::move(meaning), std::vector<std::int64_t>{}};
}
Column texts(std::string name, std::string meaning) {
  return {std::move(name), "", std::move(meaning), std::vector<std::string>{}};
}

void add(Column& column, double value) { std::get<std::vector<double>>(column.values).push_back(value); }
void add(Column& column, std::int64_t value) {
  std::get<std::vector<std::int64_t>>(column.values).push_back(value);
}
void add(Column& column, std::string value) {
  std::get<std::vector<std::string>>(column.values).push_back(std::move(value));
}

double seconds(Picoseconds time) { return to_seconds(time).value(); }

Table ranks_table(const Answer& answer) {
  Table t{"ranks", "where each simulated rank's step went", {}};
  t.columns = {counts("rank", "1", "first GPU that the row stands for"),
               counts("pipeline_rank", "1", "place in the pipeline"),
               numbers("forward_s", "s", "forward ops alone"),
               numbers("input_backward_s", "s", "backward ops alone, full or for inputs"),
               numbers("weight_backward_s", "s", "postponed weight gradients"),
               numbers("overlapped_s", "s", "forward and backward pairs"),
               numbers("bubble_s", "s", "between ops, and waiting at the end"),
               numbers("optimizer_s", "s", "gradient reduction, optimizer, gathering of weights"),
               numbers("exposed_communication_s", "s", "inside ops: compute waits for an all-to-all"),
               numbers("compute_s", "s", "kernels on the compute stream"),
               numbers("communication_s", "s", "communication stream holds its multiprocessors"),
               numbers("barrier_s", "s", "of that, waiting for other ranks"),
               counts("kernels", "1", "kernels launched")};
  const auto& ranks = answer.step.outcome.ranks;
  const std::size_t each = ranks.size() / answer.step.tails.size();
  const int gpus = answer.plan->gpus_per_pipeline_rank();
  const double tail = seconds(answer.step.time - answer.step.outcome.pipeline_end);
  const int stride = answer.plan->fidelity == Fidelity::Full ? int(std::size_t(gpus) / each)
                     : answer.plan->model.experts            ? 1
                                                             : gpus / int(each);
  for (std::size_t i = 0; i < ranks.size(); ++i) {
    const RankTime& a = ranks[i];
    const double own = answer.step.tails[i / each].total().value();
    const std::size_t p = i / each;
    auto& c = t.columns;
    add(c[0], std::int64_t(p) * gpus + std::int64_t(i % each) * stride);
    add(c[1], std::int64_t(p));
    const double values[] = {seconds(a.forward),
                             seconds(a.input_backward),
                             seconds(a.weight_backward),
                             seconds(a.overlapped),
                             seconds(a.bubble) + tail - own,
                             own,
                             seconds(a.exposed),
                             seconds(a.compute),
                             seconds(a.communication),
                             seconds(a.barrier)};
    for (std::size_t k = 0; k < std::size(values); ++k) add(c[k + 2], values[k]);
    add(c[12], std::int64_t(a.kernels));
  }
  return t;
}

std::string block_name(const Block& block) {
  switch (block.kind) {
    case BlockKind::Embedding:
      return "embedding";
    case BlockKind::Dense:
      return "dense " + std::to_string(block.layer);
    case BlockKind::Moe:
      return "moe " + std::to_string(block.layer);
    case BlockKind::Predict:
      return "mtp";
    case BlockKind::Head:
      return "head";
  }
  return "";
}

Table stages_table(const Answer& answer) {
  Table t{"stages", "what each pipeline stage holds", {}};
  t.columns = {counts("stage", "1", "stage of the model"), counts("blocks", "1", "transformer blocks in it"),
               counts("parameters", "1", "on one rank"), texts("holds", "its blocks in order")};
  const WorkShape shape = work_shape(*answer.plan);
  for (std::size_t s = 0; s < answer.step.stages.size(); ++s) {
    const Stage& stage = answer.step.stages[s];
    std::string holds;
    std::int64_t blocks = 0;
    for (const Block& b : stage) {
      holds += (holds.empty() ? "" : ", ") + block_name(b);
      blocks += has_attention(b.kind);
    }
    add(t.columns[0], std::int64_t(s));
    add(t.columns[1], blocks);
    add(t.columns[2], rank_parameters(shape, {&stage}).total());
    add(t.columns[3], holds);
  }
  return t;
}

Table phases_table(const Answer& answer) {
  Table t{"phases", "the run, phase by phase", {}};
  t.columns = {texts("phase", "name"),
               counts("tokens", "1", "trained"),
               numbers("steps", "1", "optimizer steps"),
               numbers("step_time_s", "s", "at the full batch; 0 where the hours are given"),
               counts("peak_bytes", "B", "memory of the fullest rank; 0 where no step is taken"),
               numbers("gpu_hours", "h", "GPU-hours"),
               numbers("days", "d", "on all GPUs"),
               numbers("cost_usd", "USD", "at the price of an hour")};
  for (const PhaseOutcome& p : answer.phases) {
    add(t.columns[0], p.name);
    add(t.columns[1], p.tokens);
    add(t.columns[2], p.steps);
    add(t.columns[3], p.step_time.value());
    add(t.columns[4], p.peak.value());
    const double values[] = {p.gpu_hours, p.wall.value() / 86400, p.gpu_hours * answer.price.value()};
    for (std::size_t k = 0; k < std::size(values); ++k) add(t.columns[k + 5], values[k]);
  }
  return t;
}

Table memory_table(const Answer& answer) {
  Table t{"memory", "peak of each pipeline rank by what it is spent on", {}};
  t.columns = {counts("pipeline_rank", "1", "place in the pipeline")};
  for (std::size_t k = 0; k < memory_classes; ++k) {
    std::string name(memory_class_name(MemoryClass(k)));
    std::string column = name + "_bytes";
    std::replace(column.begin(), column.end(), ' ', '_');
    t.columns.push_back(counts(column, "B", name + " at the peak"));
  }
  t.columns.push_back(counts("peak_bytes", "B", "sum"));
  t.columns.push_back(counts("capacity_bytes", "B", "of the GPU"));
  for (const RankMemory& rank : answer.memory) {
    add(t.columns[0], std::int64_t(rank.rank));
    for (std::size_t k = 0; k < memory_classes; ++k) add(t.columns[k + 1], rank.peak.of[k].value());
    add(t.columns[memory_classes + 1], rank.peak.total().value());
    add(t.columns[memory_classes + 2], answer.plan->gpu.memory.value());
  }
  return t;
}

Table kernels_table(const Answer& answer) {
  Table t{"kernels", "every kernel of every kind of block, with balanced rows", {}};
  t.columns = {counts("kernel", "1", "row"),
               texts("block", "kind of block"),
               texts("segment", "stretch between messages"),
               texts("name", "kernel"),
               counts("launches", "1", "in a row"),
               numbers("alone_s", "s", "nothing beside"),
               numbers("beside_barrier_s", "s", "a barrier kernel holds its multiprocessors"),
               numbers("beside_transfer_s", "s", "an all-to-all runs"),
               numbers("flops", "1", "operations executed")};
  std::int64_t row = 0;
  for (const PricedKernel& k : priced_kernels(*answer.plan, answer.step)) {
    add(t.columns[0], row++);
    add(t.columns[1], block_name({k.block, 0}).substr(0, block_name({k.block, 0}).find(' ')));
    add(t.columns[2], std::string(segment_name(k.segment)));
    add(t.columns[3], std::string(k.call.name));
    add(t.columns[4], std::int64_t(k.call.times));
    for (std::size_t b = 0; b < beside_count; ++b) add(t.columns[5 + b], k.time[b].value());
    add(t.columns[8], executed_flops(k.call).value());
  }
  return t;
}

Table links_table(const Answer& answer) {
  Table t{"links", "what crossed each link of the fabric", {}};
  t.columns = {counts("link", "1", "index"), texts("name", "from and to"),
               numbers("carried_bytes", "B", "link time x capacity"),
               numbers("busy_s", "s", "at least one flow on it"),
               numbers("use", "1", "carried over what the step could carry")};
  const Fabric fabric = cluster_fabric(*answer.plan);
  const double time = seconds(answer.step.time);
  for (LinkIndex link = 0; link < answer.step.outcome.link_bytes.size(); ++link) {
    const double bytes = answer.step.outcome.link_bytes[link];
    if (bytes == 0) continue;
    add(t.columns[0], std::int64_t(link));
    add(t.columns[1], link_name(fabric, link));
    add(t.columns[2], bytes);
    add(t.columns[3], answer.step.outcome.link_busy_s[link]);
    add(t.columns[4], bytes / (fabric.links[link].capacity.value() * time));
  }
  return t;
}

Table published_table(const std::vector<ComparedFigure>& compared) {
  Table t{"published", "published figures beside simulated ones", {}};
  t.columns = {texts("what", "summary key"),
               numbers("simulated", "1", "in the key's unit"),
               numbers("published", "1", "in the key's unit"),
               numbers("error_percent", "percent", "of the published"),
               texts("source", "where published"),
               texts("note", "what to know about the figure")};
  for (const ComparedFigure& f : compared) {
    add(t.columns[0], f.what);
    add(t.columns[1], f.simulated);
    add(t.columns[2], f.published);
    add(t.columns[3], f.error_percent);
    add(t.columns[4], f.source);
    add(t.columns[5], f.note);
  }
  return t;
}

}  // namespace

std::vector<Table> tables_of(const Answer& answer, const std::vector<ComparedFigure>& compared) {
  std::vector<Table> tables = {ranks_table(answer), stages_table(answer), kernels_table(answer),
                               phases_table(answer), memory_table(answer)};
  if (!answer.step.outcome.link_bytes.empty()) tables.push_back(links_table(answer));
  if (!compared.empty()) tables.push_back(published_table(compared));
  const auto answers = [](const PhaseOutcome& phase) { return phase.answered.has_value(); };
  if (std::any_of(answer.phases.begin(), answer.phases.end(), answers))
    tables.push_back(answered_table(answer.phases));
  if (answer.operation) {
    for (Table& table : operation_tables(*answer.operation)) tables.push_back(std::move(table));
  }
  return tables;
}

}  // namespace orrery
