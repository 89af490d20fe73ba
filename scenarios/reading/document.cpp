#include "scenarios/reading/document.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

#include "scenarios/reading/open_data.hpp"
#include "scenarios/reading/text_reader.hpp"

namespace orrery {
namespace {

void merge(TableValue& under, TableValue&& over) {
  for (Member& member : over) {
    Member* old = find_member(under, member.name);
    if (!old) {
      under.push_back(std::move(member));
      continue;
    }
    auto* from = std::get_if<TableValue>(&member.value.data);
    auto* to = std::get_if<TableValue>(&old->value.data);
    if (from && to) {
      merge(*to, std::move(*from));
      old->place = member.place;
      old->value.place = member.value.place;
    } else {
      *old = std::move(member);
    }
  }
}

/// Reads a file and what it includes, depth first.
class IncludeReader {
 public:
  explicit IncludeReader(DocumentReading& reading) : reading_(reading) {}

  TableValue read(SourceText text) {
    const int source = int(reading_.document.sources.size());
    const std::string name = text.name;
    reading_.document.sources.push_back(std::move(text));
    ParsedText parsed = parse_text(reading_.document.sources[source], source);
    for (Diagnostic& diagnostic : parsed.diagnostics) reading_.diagnostics.push_back(std::move(diagnostic));

    Member* include = find_member(parsed.root, "include");
    if (!include) return std::move(parsed.root);
    const Value wanted = std::move(include->value);
    std::erase_if(parsed.root, [](const Member& member) { return member.name == "include"; });
    chain_.push_back(name);
    TableValue merged = read_includes(wanted);
    chain_.pop_back();
    merge(merged, std::move(parsed.root));
    return merged;
  }

 private:
  void fail(std::string problem, std::string remedy, const Place& place, Fault fault = Fault::Input) {
    reading_.diagnostics.push_back({"include", std::move(problem), std::move(remedy), {place}, fault});
  }

  TableValue read_includes(const Value& wanted) {
    TableValue merged;
    const auto read_one = [&](const Value& item) {
      const auto* name = std::get_if<std::string>(&item.data);
      if (name) return merge(merged, open(*name, item.place));
      fail("include takes names or paths in quotes, found " + std::string(value_kind(item)),
           "as in include = [\"deepseek-v3\"]", item.place);
    };
    if (const auto* list = std::get_if<Array>(&wanted.data)) {
      std::ranges::for_each(*list, read_one);
    } else {
      read_one(wanted);
    }
    return merged;
  }

  TableValue open(const std::string& name, const Place& place) {
    OpenedData opened = open_data(DataKind::Scenario, path_beside(name, chain_.back()));
    for (Diagnostic& diagnostic : opened.diagnostics)
      fail("include: " + diagnostic.problem, diagnostic.remedy, place, diagnostic.fault);
    if (!opened.diagnostics.empty()) return {};
    if (const auto again = std::ranges::find(chain_, opened.source.name); again != chain_.end()) {
      std::string circle;
      for (auto at = again; at != chain_.end(); ++at) circle += *at + " -> ";
      fail("include goes in a circle: " + circle + opened.source.name, "take one of these includes out",
           place);
      return {};
    }
    if (++includes_ > most_includes) {
      if (includes_ == most_includes + 1) fail("more than 32 includes", "merge some of the files", place);
      return {};
    }
    return read(std::move(opened.source));
  }

  DocumentReading& reading_;
  std::vector<std::string> chain_;
  int includes_ = 0;
};

/// One step of a path such as phase[1].tokens.
struct Step {
  std::string name;
  std::optional<std::size_t> index;
};

bool is_bare(std::string_view name) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  };
  return !name.empty() && std::ranges::all_of(name, allowed);
}

std::optional<std::vector<Step>> read_path(std::string_view path) {
  std::vector<Step> steps;
  while (true) {
    const std::size_t dot = path.find('.');
    std::string_view part = path.substr(0, dot);
    Step step;
    if (part.ends_with(']')) {
      const std::size_t open = part.find('[');
      if (open == std::string_view::npos) return std::nullopt;
      const std::string_view digits = part.substr(open + 1, part.size() - open - 2);
      std::size_t index = 0;
      const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), index);
      if (digits.empty() || error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
      step.index = index;
      part = part.substr(0, open);
    }
    if (!is_bare(part)) return std::nullopt;
    step.name = part;
    steps.push_back(std::move(step));
    if (dot == std::string_view::npos) return steps;
    path.remove_prefix(dot + 1);
  }
}

int columns_of(std::string_view text) {
  return int(
      std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

void apply_set(DocumentReading& reading, const std::string& argument) {
  const int source = int(reading.document.sources.size());
  reading.document.sources.push_back({"--set", argument, SourceKind::Argument});
  const auto fail = [&](std::string problem, std::string remedy, const Place& place) {
    reading.diagnostics.push_back({"", std::move(problem), std::move(remedy), {place}});
  };
  const Place whole{source, 1, 1, std::max(columns_of(argument), 1)};
  constexpr const char* example = "as in --set cluster.nodes=128";
  const std::size_t equals = argument.find('=');
  if (equals == std::string::npos) return fail("--set needs key=value", example, whole);
  std::string_view key(argument.data(), equals), right(argument);
  right.remove_prefix(equals + 1);
  while (key.ends_with(' ')) key.remove_suffix(1);
  const Place key_place{source, 1, 1, std::max(columns_of(key), 1)};
  const auto steps = read_path(key);
  if (!steps || int(steps->size()) > deepest_nesting)
    return fail("'" + std::string(key) + "' is not a key", "names joined by points, " + std::string(example),
                key_place);

  if (!is_utf8(right)) return fail("the value is not valid UTF-8", example, whole);
  const int column = columns_of(argument.substr(0, equals)) + 2;
  std::optional<Value> value = parse_toml_value(right, source, column);
  if (!value) value = Value{std::string(right), {source, 1, column, std::max(columns_of(right), 1)}};

  TableValue* table = &reading.document.root;
  for (std::size_t i = 0; i < steps->size(); ++i) {
    const Step& step = (*steps)[i];
    const bool last = i + 1 == steps->size();
    Member* member = find_member(*table, step.name);
    if (!step.index && last) {
      if (member) {
        member->place = key_place;
        member->value = std::move(*value);
      } else {
        table->push_back({step.name, key_place, std::move(*value)});
      }
      return;
    }
    if (!member && !step.index) {
      table->push_back({step.name, key_place, {TableValue{}, key_place}});
      member = &table->back();
    }
    Value* inner = member ? &member->value : nullptr;
    if (step.index) {
      auto* list = inner ? std::get_if<Array>(&inner->data) : nullptr;
      const std::size_t size = list ? list->size() : 0;
      if (*step.index >= size) {
        return fail("there is no " + step.name + "[" + std::to_string(*step.index) + "]",
                    size == 0 ? "the scenario has no list " + step.name
                              : "the last one is " + step.name + "[" + std::to_string(size - 1) + "]",
                    key_place);
      }
      inner = &(*list)[*step.index];
      if (last) {
        *inner = std::move(*value);
        return;
      }
    }
    table = std::get_if<TableValue>(&inner->data);
    if (!table)
      return fail("'" + step.name + "' holds " + std::string(value_kind(*inner)) + ", not a table", example,
                  key_place);
  }
}

}  // namespace

DocumentReading read_document_text(SourceText text, std::span<const std::string> sets) {
  DocumentReading reading;
  reading.document.root = IncludeReader(reading).read(std::move(text));
  if (reading.diagnostics.empty())
    for (const std::string& argument : sets) apply_set(reading, argument);
  sort_by_place(reading.diagnostics);
  return reading;
}

DocumentReading read_document(std::string_view name_or_path, std::span<const std::string> sets) {
  OpenedData opened = open_data(DataKind::Scenario, name_or_path);
  if (!opened.diagnostics.empty()) return {{}, std::move(opened.diagnostics)};
  return read_document_text(std::move(opened.source), sets);
}

std::vector<Place> locate(const Document& document, std::string_view key) {
  const auto steps = read_path(key);
  std::vector<Place> places;
  if (!steps) return places;
  const TableValue* table = &document.root;
  for (const Step& step : *steps) {
    const Member* member = table ? find_member(*table, step.name) : nullptr;
    if (!member) break;
    const Value* value = &member->value;
    const auto* list = std::get_if<Array>(&value->data);
    if (step.index && list && *step.index < list->size()) value = &(*list)[*step.index];
    places = {value->place};
    table = std::get_if<TableValue>(&value->data);
  }
  return places;
}

}  // namespace orrery
