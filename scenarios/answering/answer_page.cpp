#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "reports/numbers.hpp"
#include "scenarios/answering/answer.hpp"
#include "scenarios/answering/answered_page.hpp"
#include "scenarios/answering/figure_words.hpp"

namespace orrery {
namespace {

double seconds(Picoseconds time) { return to_seconds(time).value(); }

/// What a kernel counts as in the picture of a step.
enum Category : std::size_t { Products, AttentionCore, Casts, OtherMemory, InLine, category_count };
constexpr std::array<std::string_view, category_count> category_names = {
    "matrix products", "attention", "FP8 casts and transposes", "other kernels",
    "tensor/context parallel messages"};

Category category_of(const KernelCall& call) {
  if (std::holds_alternative<Gemm>(call.work)) return Products;
  if (std::holds_alternative<Attention>(call.work)) return AttentionCore;
  if (std::holds_alternative<Message>(call.work)) return InLine;
  constexpr Traffic casts[] = {
      Traffic::CastToken,        Traffic::CastChannel, Traffic::CastChannelGather, Traffic::CastTwelveBit,
      Traffic::RestoreTwelveBit, Traffic::Dequantize,  Traffic::WeightTranspose,   Traffic::ScaleCopy};
  const auto* move = std::get_if<Move>(&call.work);
  if (move && std::find(std::begin(casts), std::end(casts), move->traffic) != std::end(casts)) return Casts;
  return OtherMemory;
}

/// Compute time of a step by category, in the proportions of all the model's blocks run once alone.
std::array<double, category_count> compute_shares(const Answer& answer) {
  std::array<std::array<double, category_count>, 5> by_block{};
  for (const PricedKernel& k : priced_kernels(*answer.plan, answer.step)) {
    by_block[std::size_t(k.block)][category_of(k.call)] += k.time[0].value();
  }
  std::array<double, category_count> sum{};
  double all = 0;
  for (const Stage& stage : answer.step.stages) {
    for (const Block& b : stage) {
      for (std::size_t c = 0; c < category_count; ++c) {
        sum[c] += by_block[std::size_t(b.kind)][c];
        all += by_block[std::size_t(b.kind)][c];
      }
    }
  }
  for (double& share : sum) share /= all;
  return sum;
}

std::string usd(double value) { return human(Dollars(value)); }

std::string counted(std::int64_t count, const char* one, const char* many) {
  return grouped(count) + " " + (count == 1 ? one : many);
}

Section what_section(const Answer& answer, const nlohmann::ordered_json& summary) {
  const TrainingPlan& p = *answer.plan;
  std::string layout = fmt::format("pipeline {} ({})", p.pipeline, p.schedule);
  if (p.expert > 1) layout += fmt::format(" x expert {}", p.expert);
  if (p.tensor > 1) layout += fmt::format(" x tensor {}", p.tensor);
  if (p.context > 1) layout += fmt::format(" x context {}", p.context);
  layout += ", " + counted(p.data(), "data-parallel copy", "data-parallel copies");
  Facts facts;
  facts.rows = {
      {"model", fmt::format("{}, {} parameters, {} active a token", p.model.name,
                            human_count(summary["model"]["parameters"].get<double>()),
                            human_count(summary["model"]["activated_parameters"].get<double>()))},
      {"cluster", fmt::format("{} {} in {}, {}", grouped(p.gpus()), p.gpu.name,
                              counted(p.nodes, "node", "nodes"), p.topology)},
      {"layout", layout},
      {"step",
       fmt::format("{} sequences of {} tokens, {} micro-batches a pipeline, {}", grouped(p.global_batch),
                   grouped(p.sequence), p.micro_batches(), p.precision == Precision::Fp8 ? "FP8" : "BF16")},
      {"kernels", fmt::format("family {}", p.kernels.name)},
      {"simulated", fmt::format("{} ranks of {} GPUs, {} events, {} flows",
                                grouped(std::int64_t(answer.step.outcome.ranks.size())), grouped(p.gpus()),
                                grouped(std::int64_t(answer.step.outcome.events)),
                                grouped(std::int64_t(answer.step.outcome.flows)))}};
  Section section{"What was simulated", {facts}};
  for (const auto& note : summary["notes"]) section.blocks.push_back(Paragraph{note.get<std::string>()});
  return section;
}

/// Nothing is learnt in any phase: steps of [plan] are never taken.
bool only_answers(const Answer& answer) {
  return !answer.phases.empty() &&
         std::all_of(answer.phases.begin(), answer.phases.end(),
                     [](const PhaseOutcome& p) { return p.answered && p.step_time == Seconds(0); });
}

Section answer_section(const Answer& answer, const nlohmann::ordered_json& summary) {
  const auto& step = summary["step"];
  Facts facts;
  const auto& run = summary["run"];
  const double days = run["days"].get<double>();
  if (run["gpu_hours"].get<double>() > 0) {
    facts.rows.push_back(
        {"whole run", fmt::format("{} GPU-hours, {}, {} at {} USD a GPU-hour",
                                  gpu_hours_text(run["gpu_hours"].get<double>()),
                                  days >= 1 ? fmt::format("{:.1f} days", days) : human(Seconds(86400 * days)),
                                  usd(run["cost_usd"].get<double>()), four_digits(answer.price.value()))});
  }
  if (only_answers(answer)) return {"Answer", {facts}};
  facts.rows.push_back({"step", human(Seconds(step["time_s"].get<double>()))});
  facts.rows.push_back({"speed", fmt::format("{} tokens/s a GPU, {} tokens a day",
                                             four_digits(step["tokens_per_s_per_gpu"].get<double>()),
                                             human_count(step["tokens_per_day"].get<double>()))});
  facts.rows.push_back({"MFU", fmt::format("{} (attention counted causal), {} (in full)",
                                           percent(step["mfu_causal"].get<double>()),
                                           percent(step["mfu_noncausal"].get<double>()))});
  const auto& memory = summary["memory"];
  const Bytes peak(memory["peak_bytes"].get<std::int64_t>()),
      capacity(memory["capacity_bytes"].get<std::int64_t>());
  const std::string left =
      peak > capacity ? binary_bytes(peak - capacity) + " too much" : binary_bytes(capacity - peak) + " left";
  facts.rows.push_back({"memory", fmt::format("{} of {} on the fullest rank, {}", binary_bytes(peak),
                                              binary_bytes(capacity), left)});
  return {"Answer", {facts}};
}

/// A peak, and whether it is more than there is.
std::string memory_text(Bytes peak, const Answer& answer) {
  if (peak == Bytes(0)) return "";
  return binary_bytes(peak) + (peak > answer.plan->gpu.memory ? " (!)" : "");
}

Section phases_section(const Answer& answer) {
  Grid grid;
  grid.headings = {{"phase", Align::Left}, {"tokens"}, {"step"}, {"memory"},
                   {"GPU-hours"},          {"time"},   {"cost"}};
  for (const PhaseOutcome& p : answer.phases) {
    const std::string no_step = p.answered ? "" : "given";
    grid.rows.push_back({p.name, p.tokens > 0 ? human_count(double(p.tokens)) : "",
                         p.step_time == Seconds(0) ? no_step : human(p.step_time),
                         memory_text(p.peak, answer), gpu_hours_text(p.gpu_hours), human(p.wall),
                         usd(p.gpu_hours * answer.price.value())});
  }
  return {"Phases", {grid}};
}

Section step_section(const nlohmann::ordered_json& summary) {
  Grid grid;
  grid.headings = {{"seconds of a step", Align::Left}, {"mean"}, {"rank 0"}, {"least"}, {"most"}};
  const auto& step = summary["step"];
  for (const StepPart& part : step_parts) {
    if (step["max"][part.key].get<double>() == 0) continue;  // The schedule has none of these.
    std::vector<std::string> cells = {part.label};
    for (const auto* of : {&step, &step["rank0"], &step["min"], &step["max"]})
      cells.push_back(fmt::format("{:.3f}", (*of)[part.key].get<double>()));
    grid.rows.push_back(cells);
  }
  return {"The step, rank by rank", {grid}};
}

Section published_section(const std::vector<ComparedFigure>& compared) {
  Comparison comparison;
  Facts sources;
  const auto mark_of = [&](const ComparedFigure& f) {
    const std::string text = f.note.empty() ? f.source : f.source + "; " + f.note;
    const auto same = [&](const auto& row) { return row.value == text; };
    const auto at = std::find_if(sources.rows.begin(), sources.rows.end(), same);
    if (at != sources.rows.end()) return at->label;
    sources.rows.push_back({fmt::format("[{}]", sources.rows.size() + 1), text});
    return sources.rows.back().label;
  };
  for (const ComparedFigure& f : compared) {
    comparison.rows.push_back({figure_label(f.what), figure_text(f.what, f.simulated),
                               figure_text(f.what, f.published), f.error_percent, mark_of(f)});
  }
  return {"Simulated beside published", {comparison, sources}};
}

Section memory_section(const Answer& answer, const nlohmann::ordered_json& summary) {
  const int fullest = summary["memory"]["fullest_rank"].get<int>();
  const RankMemory& rank = answer.memory[std::size_t(fullest)];
  Bars bars;
  const double capacity = double(answer.plan->gpu.memory.value());
  for (std::size_t k = 0; k < memory_classes; ++k) {
    const Bytes bytes = rank.peak.of[k];
    if (bytes > Bytes(0))
      bars.rows.push_back({std::string(memory_class_name(MemoryClass(k))), double(bytes.value()) / capacity,
                           binary_bytes(bytes)});
  }
  std::stable_sort(bars.rows.begin(), bars.rows.end(),
                   [](const auto& a, const auto& b) { return a.share > b.share; });
  return {
      fmt::format("Memory of pipeline rank {}, share of {}", fullest, binary_bytes(answer.plan->gpu.memory)),
      {bars}};
}

}  // namespace

std::vector<TimePart> time_parts(const Answer& answer) {
  const auto& ranks = answer.step.outcome.ranks;
  double compute = 0, exposed = 0, bubble = 0, own_tail = 0;
  const std::size_t each = ranks.size() / answer.step.tails.size();
  for (std::size_t i = 0; i < ranks.size(); ++i) {
    compute += seconds(ranks[i].compute) / double(ranks.size());
    exposed += seconds(ranks[i].exposed) / double(ranks.size());
    bubble += seconds(ranks[i].bubble) / double(ranks.size());
    own_tail += answer.step.tails[i / each].total().value() / double(ranks.size());
  }
  std::vector<TimePart> parts;
  const auto shares = compute_shares(answer);
  for (std::size_t c = 0; c < category_count; ++c) {
    if (shares[c] > 0) parts.push_back({std::string(category_names[c]), Seconds(compute * shares[c])});
  }
  const double waiting = seconds(answer.step.time - answer.step.outcome.pipeline_end) - own_tail;
  if (exposed > 0) parts.push_back({"exposed all-to-all", Seconds(exposed)});
  parts.push_back({"pipeline bubble", Seconds(bubble + waiting)});
  parts.push_back({"gradients and optimizer", Seconds(own_tail)});
  return parts;
}

Page page_of(const Answer& answer, const nlohmann::ordered_json& summary,
             const std::vector<ComparedFigure>& compared) {
  Page page;
  page.title = answer.scenario->title.empty() ? answer.plan->model.name : answer.scenario->title;
  page.sections.push_back(answer_section(answer, summary));
  if (!answer.phases.empty()) page.sections.push_back(phases_section(answer));
  for (const PhaseOutcome& phase : answer.phases)
    if (phase.answered) page.sections.push_back(answered_section(phase));
  if (!compared.empty()) page.sections.push_back(published_section(compared));
  if (answer.operation) {
    for (Section& section : operation_sections(*answer.operation))
      page.sections.push_back(std::move(section));
  }
  if (!only_answers(answer)) {
    Bars bars;
    for (const TimePart& part : time_parts(answer))
      bars.rows.push_back({part.name, part.time.value() / seconds(answer.step.time), human(part.time)});
    page.sections.push_back({"Where the step goes, mean over ranks", {bars}});
    page.sections.push_back(step_section(summary));
    page.sections.push_back(memory_section(answer, summary));
  }
  if (answer.ownership) {
    for (Section& section : ownership_sections(*answer.ownership))
      page.sections.push_back(std::move(section));
  }
  page.sections.push_back(what_section(answer, summary));
  return page;
}

}  // namespace orrery
