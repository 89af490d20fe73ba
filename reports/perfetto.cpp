#include "reports/perfetto.hpp"

#include <algorithm>
#include <numeric>
#include <protozero/pbf_writer.hpp>
#include <span>
#include <tuple>
#include <vector>

#include "reports/unicode.hpp"
#include "sim/check.hpp"

namespace orrery {
namespace {

// Field numbers of Perfetto's schema, message by message.
namespace trace {
constexpr int packet = 1;
}
namespace packet {
constexpr int timestamp = 8, sequence_id = 10, track_event = 11, interned_data = 12, sequence_flags = 13,
              track_descriptor = 60;
constexpr int state_cleared = 1, needs_state = 2;
}  // namespace packet
namespace track {
constexpr int uuid = 1, name = 2, process = 3, parent_uuid = 5, child_ordering = 11, sibling_order_rank = 12;
constexpr int explicit_order = 3;
}  // namespace track
namespace process {
constexpr int pid = 1, name = 6;
}
namespace event {
constexpr int type = 9, name_id = 10, track_uuid = 11, flow_ids = 47, terminating_flow_ids = 48;
constexpr int slice_begin = 1, slice_end = 2;
}  // namespace event
namespace interned {
constexpr int event_names = 2, id = 1, name = 2;
}

using Writer = protozero::pbf_writer;
using Index = std::uint32_t;

constexpr std::uint32_t sequence = 1;

/// Fills one packet of the trace; `flags` say what its reader must remember.
template <class Fill>
void append_packet(std::string& bytes, int flags, Fill fill) {
  Writer whole(bytes);
  Writer one(whole, trace::packet);
  one.add_uint32(packet::sequence_id, sequence);
  one.add_uint32(packet::sequence_flags, std::uint32_t(flags));
  fill(one);
}

// Identities of tracks: actors first, then every stream of every actor. Never 0, which means "none".
std::uint64_t uuid_of(Index actor) { return std::uint64_t(actor) + 1; }
std::uint64_t uuid_of(const Timeline& timeline, Index actor, Index stream) {
  return 1 + timeline.actors.size() + std::uint64_t(actor) * timeline.streams.size() + stream;
}

void append_names(std::string& bytes, const Timeline& timeline) {
  append_packet(bytes, packet::state_cleared | packet::needs_state, [&](Writer& one) {
    Writer data(one, packet::interned_data);
    for (std::size_t i = 0; i < timeline.names.size(); ++i) {
      Writer name(data, interned::event_names);
      name.add_uint64(interned::id, i + 1);
      name.add_string(interned::name, valid_utf8(timeline.names[i]));
    }
  });
}

void append_process(std::string& bytes, const Timeline& timeline, Index actor) {
  append_packet(bytes, packet::needs_state, [&](Writer& one) {
    Writer descriptor(one, packet::track_descriptor);
    descriptor.add_uint64(track::uuid, uuid_of(actor));
    {
      Writer owner(descriptor, track::process);
      owner.add_int32(process::pid, std::int32_t(actor + 1));  // 0 is the kernel's idle process.
      owner.add_string(process::name, valid_utf8(timeline.actors[actor]));
    }
    descriptor.add_enum(track::child_ordering, track::explicit_order);
    descriptor.add_int32(track::sibling_order_rank, std::int32_t(actor));
  });
}

void append_stream(std::string& bytes, const Timeline& timeline, Index actor, Index stream) {
  append_packet(bytes, packet::needs_state, [&](Writer& one) {
    Writer descriptor(one, packet::track_descriptor);
    descriptor.add_uint64(track::uuid, uuid_of(timeline, actor, stream));
    descriptor.add_string(track::name, valid_utf8(timeline.streams[stream]));
    descriptor.add_uint64(track::parent_uuid, uuid_of(actor));
    descriptor.add_int32(track::sibling_order_rank, std::int32_t(stream));
  });
}

std::uint64_t nanoseconds(Picoseconds time) { return std::uint64_t(time.value() / 1000); }

/// The arrows at one end of each slice, as rows of flow identities (arrow index + 1) laid end to end.
struct Flows {
  std::vector<std::size_t> first;  ///< Of each slice's row; one more for the end of the last.
  std::vector<std::uint64_t> ids;
  std::span<const std::uint64_t> of(Index slice) const {
    return {ids.data() + first[slice], ids.data() + first[slice + 1]};
  }
};

Flows flows_by(Index Timeline::Arrow::*end, const Timeline& timeline) {
  Flows flows{std::vector<std::size_t>(timeline.slices.size() + 1),
              std::vector<std::uint64_t>(timeline.arrows.size())};
  for (const Timeline::Arrow& arrow : timeline.arrows) {
    ORRERY_CHECK(arrow.*end < timeline.slices.size());
    ++flows.first[arrow.*end + 1];
  }
  std::partial_sum(flows.first.begin(), flows.first.end(), flows.first.begin());
  std::vector<std::size_t> next(flows.first.begin(), flows.first.end() - 1);
  for (std::size_t i = 0; i < timeline.arrows.size(); ++i) flows.ids[next[timeline.arrows[i].*end]++] = i + 1;
  return flows;
}

void append_slice(std::string& bytes, const Timeline& timeline, const Flows& leaving, const Flows& entering,
                  Index index) {
  const Timeline::Slice& slice = timeline.slices[index];
  const std::uint64_t uuid = uuid_of(timeline, slice.actor, slice.stream);
  append_packet(bytes, packet::needs_state, [&](Writer& one) {
    one.add_uint64(packet::timestamp, nanoseconds(slice.start));
    Writer begin(one, packet::track_event);
    begin.add_enum(event::type, event::slice_begin);
    begin.add_uint64(event::name_id, slice.name + std::uint64_t(1));
    begin.add_uint64(event::track_uuid, uuid);
    for (const std::uint64_t id : leaving.of(index)) begin.add_fixed64(event::flow_ids, id);
    for (const std::uint64_t id : entering.of(index)) begin.add_fixed64(event::terminating_flow_ids, id);
  });
  append_packet(bytes, packet::needs_state, [&](Writer& one) {
    one.add_uint64(packet::timestamp, nanoseconds(slice.end));
    Writer end(one, packet::track_event);
    end.add_enum(event::type, event::slice_end);
    end.add_uint64(event::track_uuid, uuid);
  });
}

/// By track, and on a track by time. Readers sort by time and keep our order at equal times, so a
/// slice of no length, which comes first, opens and closes before its neighbour opens.
std::vector<Index> by_track(const std::vector<Timeline::Slice>& slices) {
  std::vector<Index> order(slices.size());
  std::iota(order.begin(), order.end(), Index(0));
  std::stable_sort(order.begin(), order.end(), [&](Index a, Index b) {
    const auto key = [](const Timeline::Slice& s) { return std::tie(s.actor, s.stream, s.start, s.end); };
    return key(slices[a]) < key(slices[b]);
  });
  return order;
}

}  // namespace

std::string to_perfetto(const Timeline& timeline) {
  const Flows leaving = flows_by(&Timeline::Arrow::from, timeline);
  const Flows entering = flows_by(&Timeline::Arrow::to, timeline);
  std::string bytes;
  bytes.reserve(48 * timeline.slices.size());  // Some 40 a slice; growing by copies costs more.
  append_names(bytes, timeline);
  const Timeline::Slice* before = nullptr;
  for (const Index index : by_track(timeline.slices)) {
    const Timeline::Slice& slice = timeline.slices[index];
    ORRERY_CHECK(slice.actor < timeline.actors.size() && slice.stream < timeline.streams.size());
    ORRERY_CHECK(slice.name < timeline.names.size());
    ORRERY_CHECK(slice.start >= Picoseconds(0) && slice.start <= slice.end);
    const bool same_actor = before != nullptr && before->actor == slice.actor;
    const bool same_stream = same_actor && before->stream == slice.stream;
    if (!same_actor) append_process(bytes, timeline, slice.actor);
    if (!same_stream) append_stream(bytes, timeline, slice.actor, slice.stream);
    ORRERY_CHECK(!same_stream || before->end <= slice.start);
    append_slice(bytes, timeline, leaving, entering, index);
    before = &slice;
  }
  return bytes;
}

}  // namespace orrery
