// Flows that run side by side: which bundle a flow joins, and when it leaves.
#include <algorithm>
#include <bit>

#include "sim/check.hpp"
#include "sim/flow_network_state.hpp"

namespace orrery {
namespace {

// How many bundles of a link are looked at for one of the same path. Missing one costs speed alone.
constexpr std::size_t most_looked_at = 16;

// Where `gone` is this much more than a flow's need, digits of the need would be lost in the sum.
constexpr double most_gone_per_need = 64;

std::uint32_t key_of(std::span<const PathLink> path) {
  std::uint64_t key = path.size();
  for (const PathLink& step : path) {
    const std::uint64_t share = std::bit_cast<std::uint32_t>(step.share);
    key = (key ^ step.link ^ (share << 32)) * 0x9E3779B97F4A7C15;
    key ^= key >> 29;
  }
  return std::uint32_t(key >> 32);
}

constexpr auto later = [](const auto& a, const auto& b) {
  return a.due != b.due ? a.due > b.due : a.flow > b.flow;
};

}  // namespace

FlowNetwork::State::BundleIndex FlowNetwork::State::find_bundle(std::span<const PathLink> path,
                                                                std::uint32_t path_key) const {
  LinkIndex loneliest = path[0].link;
  for (const PathLink& step : path.subspan(1)) {
    if (crossings[step.link].size() < crossings[loneliest].size()) loneliest = step.link;
  }
  const std::vector<Crossing>& here = crossings[loneliest];
  for (std::size_t i = here.size(); i-- > here.size() - std::min(here.size(), most_looked_at);) {
    if (here[i].path_key != path_key) continue;
    const Bundle& bundle = bundles[here[i].bundle];
    if (bundle.length != path.size()) continue;
    const auto same = [](const PathLink& a, const Step& b) { return a.link == b.link && a.share == b.share; };
    if (std::equal(path.begin(), path.end(), steps.begin() + bundle.path, same)) return here[i].bundle;
  }
  return no_bundle;
}

// Takes a used bundle with room for the path, or makes one; each keeps its steps for life.
FlowNetwork::State::BundleIndex FlowNetwork::State::make_bundle(std::span<const PathLink> path,
                                                                std::uint32_t path_key) {
  const auto room = std::size_t(std::bit_width(path.size() - 1));
  if (room >= spare_bundles.size()) spare_bundles.resize(room + 1);
  BundleIndex index;
  if (spare_bundles[room].empty()) {
    index = BundleIndex(bundles.size());
    bundles.push_back({});
    bundles.back().path = std::uint32_t(steps.size());
    others.push_back({});
    steps.resize(steps.size() + (std::size_t(1) << room));
  } else {
    index = spare_bundles[room].back();
    spare_bundles[room].pop_back();
  }
  Bundle& bundle = bundles[index];
  bundle.gone = 0;
  bundle.level = free_level;
  bundle.since = bundle.end = now;
  bundle.holder = no_link;
  bundle.length = std::uint32_t(path.size());
  bundle.seen = 0;
  std::uint32_t next = bundle.path;
  for (const PathLink& step : path) {
    std::vector<Crossing>& here = crossings[step.link];
    if (here.empty()) link_records[step.link].busy_since = now;
    steps[next].link = step.link;
    steps[next].place = std::uint32_t(here.size());
    steps[next].share = step.share;
    here.push_back({.bundle = index, .step = next++, .path_key = path_key});
  }
  return index;
}

void FlowNetwork::State::remove_bundle(BundleIndex index) {
  const Bundle& bundle = bundles[index];
  for (std::uint32_t s = bundle.path; s < bundle.path + bundle.length; ++s) {
    std::vector<Crossing>& here = crossings[steps[s].link];
    here[steps[s].place] = here.back();
    steps[here.back().step].place = steps[s].place;
    here.pop_back();
    LinkRecord& record = link_records[steps[s].link];
    if (here.empty()) record.busy += now - record.busy_since;
  }
  if (bundle.holder != no_link) --links[bundle.holder].held;
  spare_bundles[std::size_t(std::bit_width(bundle.length - 1))].push_back(index);
}

void FlowNetwork::State::weigh(const Bundle& bundle, double weight) {
  for (std::uint32_t s = bundle.path; s < bundle.path + bundle.length; ++s) {
    steps[s].load = double(steps[s].share) * weight;
  }
}

void FlowNetwork::State::join(FlowIndex index, std::span<const PathLink> path) {
  Flow& flow = flows[index];
  const double need = double(flow.size.value()) / flow.weight;
  for (const PathLink& step : path) ++link_records[step.link].flows;
  const std::uint32_t path_key = key_of(path);
  flow.bundle = find_bundle(path, path_key);
  if (flow.bundle == no_bundle) {
    flow.bundle = make_bundle(path, path_key);
    Bundle& bundle = bundles[flow.bundle];
    bundle.flows = 1;
    bundle.first = index;
    bundle.due = need;
    weigh(bundle, flow.weight);
    return;
  }
  Bundle& bundle = bundles[flow.bundle];
  auto& [weight, members] = others[flow.bundle];
  if (bundle.flows == 1) weight = flows[bundle.first].weight;
  bring_up_to_date(bundle);
  if (bundle.gone > need * most_gone_per_need) {
    for (Member& member : members) member.due -= bundle.gone;  // Keeps their order.
    bundle.due -= bundle.gone;
    bundle.gone = 0;
  }
  Member added{need + bundle.gone, index};
  if (added.due < bundle.due) {
    std::swap(added.due, bundle.due);
    std::swap(added.flow, bundle.first);
  }
  members.push_back(added);
  std::push_heap(members.begin(), members.end(), later);
  ++bundle.flows;
  weight += flow.weight;
  weigh(bundle, weight);
}

// Takes out the flows of a bundle that end now, and the bundle with the last of them.
void FlowNetwork::State::leave_those_due(BundleIndex index) {
  Bundle& bundle = bundles[index];
  const double moved = bundle.level * (double((now - bundle.since).value()) * 1e-12);
  while (end_of(bundle.since, bundle.due - bundle.gone, bundle.level) <= now) {
    const double need = bundle.due - bundle.gone;
    ORRERY_CHECK(moved >= need * (1 - 1e-12) - bundle.level * 2e-15);
    ORRERY_CHECK(moved <= need * (1 + 1e-12) + bundle.level * 1.1e-12);
    Flow& flow = flows[bundle.first];
    finished.push_back({now, flow.started, bundle.first});
    flow.bundle = no_bundle;
    for (std::uint32_t s = bundle.path; s < bundle.path + bundle.length; ++s) {
      LinkRecord& record = link_records[steps[s].link];
      --record.flows;
      record.carried += Bytes(std::int64_t(double(steps[s].share) * double(flow.size.value()) + 0.5));
    }
    if (--bundle.flows == 0) return remove_bundle(index);
    auto& [weight, members] = others[index];
    bundle.due = members.front().due;
    bundle.first = members.front().flow;
    weight = bundle.flows == 1 ? flows[bundle.first].weight : weight - flow.weight;
    std::pop_heap(members.begin(), members.end(), later);
    members.pop_back();
  }
  weigh(bundle, others[index].weight);
}

}  // namespace orrery
