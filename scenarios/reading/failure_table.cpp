#include "scenarios/reading/failure_table.hpp"

#include <algorithm>
#include <array>

#include "scenarios/reading/open_data.hpp"
#include "scenarios/reading/text_reader.hpp"

namespace orrery {
namespace {

std::vector<std::string_view> parts() {
  std::vector<std::string_view> names;
  for (std::size_t i = 0; i < std::size_t(FailingPart::Count); ++i)
    names.push_back(failing_part_name(FailingPart(i)));
  return names;
}
std::vector<std::string_view> yes_no() { return {"yes", "no"}; }

void store_part(FailureTable& table, const ParsedValue& value) {
  const auto names = parts();
  table.causes.back().part = FailingPart(std::find(names.begin(), names.end(), value.text) - names.begin());
}
void store_planned(FailureTable& table, const ParsedValue& value) {
  table.causes.back().planned = value.text == "yes";
}

using T = FailureTable;
using C = FailureCause;
constexpr std::array rows{
    Key<T>{{"gpus", integer(1, 1 << 24), required, "of the job that was observed"}, store<&T::gpus>},
    Key<T>{{"observed", quantity(QuantityKind::Time, 60, 1e10), required, "how long"}, store<&T::observed>},
    Key<T>{{"source", text(), required, "where it was published"}, store<&T::source>},
    Key<T>{{"cause[].name", text(), required, "as the source has it"}, store_last<&T::causes, &C::name>},
    Key<T>{{"cause[].part", word(parts), required, "what must be replaced"}, store_part},
    Key<T>{{"cause[].count", number(0, 1e9), required, "interruptions in the time observed"},
           store_last<&T::causes, &C::count>},
    Key<T>{{"cause[].planned", word(yes_no), otherwise("\"no\""), "yes: a checkpoint is taken first"},
           store_planned},
};

}  // namespace

std::span<const Key<FailureTable>> failure_keys() { return rows; }

HardwareReading<FailureTable> read_failures(std::string_view name_or_path) {
  HardwareReading<FailureTable> reading;
  OpenedData opened = open_data(DataKind::Failures, name_or_path);
  reading.diagnostics = std::move(opened.diagnostics);
  if (!reading.ok()) return reading;
  reading.spec.name = name_or_path;
  ParsedText parsed = parse_text(opened.source, 0);
  reading.document.sources.push_back(std::move(opened.source));
  reading.document.root = std::move(parsed.root);
  reading.diagnostics = std::move(parsed.diagnostics);
  if (!reading.ok()) return reading;
  const std::vector<KeyRow> plain(rows.begin(), rows.end());
  Settings settings = read_settings(reading.document.root, plain, reading.document.sources);
  reading.diagnostics = std::move(settings.diagnostics);
  for (const Setting& setting : settings.list) {
    if (plain[setting.row].repeated())
      reading.spec.causes.resize(std::max(reading.spec.causes.size(), setting.element + 1));
    rows[setting.row].store(reading.spec, setting.parsed);
  }
  if (reading.ok() && reading.spec.source.empty())
    reading.diagnostics.push_back({"source", "the table has no source", "say where it was published", {}});
  if (reading.ok() && reading.spec.causes.empty())
    reading.diagnostics.push_back(
        {"cause", "the table has no [[cause]]", "one for each kind of interruption", {}});
  return reading;
}

}  // namespace orrery
