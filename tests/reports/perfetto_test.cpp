#include "reports/perfetto.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <protozero/pbf_reader.hpp>
#include <set>
#include <tuple>

#include "sim/random.hpp"

namespace orrery {
namespace {

// A reader of the messages the writer uses, its field numbers typed again from the schema.
struct Event {
  std::uint64_t time = 0;
  int type = 0;
  std::uint64_t track = 0, name = 0;
  std::vector<std::uint64_t> flows, ends;
};
struct Track {
  std::string name, process;
  std::uint64_t parent = 0;
  int pid = 0, rank = -1, ordering = 0;
};
struct Trace {
  std::map<std::uint64_t, std::string> names;
  std::map<std::uint64_t, Track> tracks;
  std::vector<Event> events;
};

void read_descriptor(protozero::pbf_reader message, Trace& trace) {
  std::uint64_t uuid = 0;
  Track track;
  while (message.next()) {
    switch (message.tag()) {
      case 1:
        uuid = message.get_uint64();
        break;
      case 2:
        track.name = message.get_string();
        break;
      case 3: {
        protozero::pbf_reader process = message.get_message();
        while (process.next()) {
          if (process.tag() == 1)
            track.pid = process.get_int32();
          else if (process.tag() == 6)
            track.process = process.get_string();
          else
            process.skip();
        }
        break;
      }
      case 5:
        track.parent = message.get_uint64();
        break;
      case 11:
        track.ordering = message.get_enum();
        break;
      case 12:
        track.rank = message.get_int32();
        break;
      default:
        ADD_FAILURE() << "field " << message.tag();
        message.skip();
    }
  }
  EXPECT_FALSE(trace.tracks.contains(uuid)) << "track " << uuid << " described twice";
  trace.tracks[uuid] = track;
}

Event read_event(protozero::pbf_reader message) {
  Event event;
  while (message.next()) {
    switch (message.tag()) {
      case 9:
        event.type = message.get_enum();
        break;
      case 10:
        event.name = message.get_uint64();
        break;
      case 11:
        event.track = message.get_uint64();
        break;
      case 47:
        event.flows.push_back(message.get_fixed64());
        break;
      case 48:
        event.ends.push_back(message.get_fixed64());
        break;
      default:
        ADD_FAILURE() << "field " << message.tag();
        message.skip();
    }
  }
  return event;
}

Trace read_trace(const std::string& bytes) {
  Trace trace;
  protozero::pbf_reader file(bytes);
  for (bool first = true; file.next(1); first = false) {
    protozero::pbf_reader packet = file.get_message();
    std::uint64_t time = 0;
    std::uint32_t flags = 0, sequence = 0;
    while (packet.next()) {
      switch (packet.tag()) {
        case 8:
          time = packet.get_uint64();
          break;
        case 10:
          sequence = packet.get_uint32();
          break;
        case 13:
          flags = packet.get_uint32();
          break;
        case 11: {
          trace.events.push_back(read_event(packet.get_message()));
          trace.events.back().time = time;
          break;
        }
        case 12: {
          protozero::pbf_reader data = packet.get_message();
          while (data.next(2)) {
            protozero::pbf_reader entry = data.get_message();
            std::uint64_t id = 0;
            std::string name;
            while (entry.next()) {
              if (entry.tag() == 1)
                id = entry.get_uint64();
              else if (entry.tag() == 2)
                name = entry.get_string();
              else
                entry.skip();
            }
            trace.names[id] = name;
          }
          break;
        }
        case 60:
          read_descriptor(packet.get_message(), trace);
          break;
        default:
          ADD_FAILURE() << "field " << packet.tag();
          packet.skip();
      }
    }
    EXPECT_NE(sequence, 0u);
    EXPECT_EQ(flags, first ? 3u : 2u);  // The first clears what readers remember; all rely on it.
  }
  return trace;
}

using Row = std::tuple<std::string, std::string, std::string, std::uint64_t, std::uint64_t>;

struct Read {
  std::vector<Row> slices;                  ///< Sorted.
  std::vector<std::pair<Row, Row>> arrows;  ///< Sorted.
};

/// As Perfetto does: events by time, equal ones in file order; ends close the last begun of the track.
Read replay(const Trace& trace) {
  std::vector<Event> events = trace.events;
  std::stable_sort(events.begin(), events.end(),
                   [](const Event& a, const Event& b) { return a.time < b.time; });
  std::map<std::uint64_t, std::vector<const Event*>> open;
  std::map<std::uint64_t, Row> starts;
  std::vector<std::pair<std::uint64_t, Row>> ends;
  Read read;
  for (const Event& event : events) {
    const Track& track = trace.tracks.at(event.track);
    if (event.type == 1) {
      EXPECT_TRUE(open[event.track].empty()) << "a slice inside another";
      open[event.track].push_back(&event);
      continue;
    }
    EXPECT_EQ(event.type, 2);
    if (open[event.track].empty()) {
      ADD_FAILURE() << "an end without a begin";
      continue;
    }
    const Event& begin = *open[event.track].back();
    open[event.track].pop_back();
    const Row row{trace.tracks.at(track.parent).process, track.name, trace.names.at(begin.name), begin.time,
                  event.time};
    read.slices.push_back(row);
    for (const std::uint64_t id : begin.flows) EXPECT_TRUE(starts.emplace(id, row).second);
    for (const std::uint64_t id : begin.ends) ends.emplace_back(id, row);
  }
  for (const auto& [track, left] : open)
    EXPECT_TRUE(left.empty()) << "track " << track << " has a slice without end";
  for (const auto& [id, row] : ends) read.arrows.emplace_back(starts.at(id), row);
  std::sort(read.slices.begin(), read.slices.end());
  std::sort(read.arrows.begin(), read.arrows.end());
  return read;
}

Row row_of(const Timeline& timeline, const Timeline::Slice& slice) {
  return {timeline.actors[slice.actor], timeline.streams[slice.stream], timeline.names[slice.name],
          std::uint64_t(slice.start.value() / 1000), std::uint64_t(slice.end.value() / 1000)};
}

Read expected(const Timeline& timeline) {
  Read read;
  for (const auto& slice : timeline.slices) read.slices.push_back(row_of(timeline, slice));
  for (const auto& arrow : timeline.arrows) {
    read.arrows.emplace_back(row_of(timeline, timeline.slices[arrow.from]),
                             row_of(timeline, timeline.slices[arrow.to]));
  }
  std::sort(read.slices.begin(), read.slices.end());
  std::sort(read.arrows.begin(), read.arrows.end());
  return read;
}

/// Slices in any order, many of no length or under a nanosecond, back to back; arrows forwards.
Timeline any_timeline(RandomStream& random) {
  Timeline timeline;
  for (std::uint32_t i = 0; i < 1 + random.below(4); ++i)
    timeline.actors.push_back("rank " + std::to_string(i));
  for (std::uint32_t i = 0; i < 1 + random.below(3); ++i)
    timeline.streams.push_back("stream " + std::to_string(i));
  for (std::uint32_t i = 0; i < 1 + random.below(5); ++i)
    timeline.names.push_back("name µ" + std::to_string(i));
  for (std::uint32_t actor = 0; actor < timeline.actors.size(); ++actor) {
    for (std::uint32_t stream = 0; stream < timeline.streams.size(); ++stream) {
      std::int64_t clock = 0;
      for (std::uint32_t i = random.below(30); i > 0; --i) {
        clock += random.below(3) * random.below(2'000);
        const std::int64_t length = random.below(3) * random.below(3'000);
        const std::uint32_t name = random.below(std::uint32_t(timeline.names.size()));
        timeline.slices.push_back({actor, stream, name, Picoseconds(clock), Picoseconds(clock + length)});
        clock += length;
      }
    }
  }
  for (std::size_t i = timeline.slices.size(); i > 1; --i) {
    std::swap(timeline.slices[i - 1], timeline.slices[random.below(std::uint32_t(i))]);
  }
  if (timeline.slices.empty()) return timeline;
  for (int i = 0; i < 20; ++i) {
    const auto from = random.below(std::uint32_t(timeline.slices.size()));
    const auto to = random.below(std::uint32_t(timeline.slices.size()));
    if (timeline.slices[from].end <= timeline.slices[to].start) timeline.arrows.push_back({from, to});
  }
  return timeline;
}

TEST(Perfetto, ReadsBackEverySliceAndArrowOverRandomTimelines) {
  std::size_t arrows = 0;
  for (std::uint64_t seed = 0; seed < 500; ++seed) {
    RandomStream random(seed, {.owner = "test", .purpose = "timeline"});
    const Timeline timeline = any_timeline(random);
    const std::string bytes = to_perfetto(timeline);
    ASSERT_EQ(bytes, to_perfetto(timeline));
    const Read read = replay(read_trace(bytes));
    const Read wanted = expected(timeline);
    ASSERT_EQ(read.slices, wanted.slices) << "seed " << seed;
    ASSERT_EQ(read.arrows, wanted.arrows) << "seed " << seed;
    arrows += read.arrows.size();
  }
  EXPECT_GT(arrows, 1000u);
}

Timeline small_timeline() {
  const auto at = [](std::int64_t ns) { return Picoseconds(1000 * ns); };
  return {.actors = {"rank 0", "rank 1", "rank 2"},
          .streams = {"compute", "communication"},
          .names = {"F0", "send"},
          .slices = {{2, 1, 1, at(5), at(7)}, {0, 0, 0, at(0), at(4)}, {0, 1, 1, at(4), at(5)}},
          .arrows = {{2, 0}}};
}

TEST(Perfetto, HasAProcessAnActorAndATrackAStreamThatIsUsed) {
  const Trace trace = read_trace(to_perfetto(small_timeline()));
  std::vector<std::string> found;
  for (const auto& [uuid, track] : trace.tracks) {
    EXPECT_NE(uuid, 0u);
    if (track.process.empty()) {
      found.push_back(trace.tracks.at(track.parent).process + "/" + track.name + " " +
                      std::to_string(track.rank));
    } else {
      EXPECT_EQ(track.ordering, 3);  // Children in the order of their ranks.
      EXPECT_EQ(track.parent, 0u);
      found.push_back(track.process + " pid " + std::to_string(track.pid));
    }
  }
  std::sort(found.begin(), found.end());
  EXPECT_EQ(found, (std::vector<std::string>{"rank 0 pid 1", "rank 0/communication 1", "rank 0/compute 0",
                                             "rank 2 pid 3", "rank 2/communication 1"}));
}

TEST(Perfetto, StoresANameOnce) {
  Timeline timeline = small_timeline();
  timeline.names[0] = "a name that is long enough to be seen";
  timeline.slices.clear();
  for (std::int64_t us = 0; us < 10'000; ++us) {
    timeline.slices.push_back({0, 0, 0, Picoseconds(us * 1'000'000), Picoseconds((us + 1) * 1'000'000)});
  }
  timeline.arrows.clear();
  const std::string bytes = to_perfetto(timeline);
  EXPECT_EQ(bytes.find(timeline.names[0], bytes.find(timeline.names[0]) + 1), std::string::npos);
  EXPECT_LT(bytes.size(), 10'000u * 45);
}

TEST(Perfetto, AnEmptyTimelineIsATraceWithoutTracks) {
  const Trace trace = read_trace(to_perfetto(Timeline{}));
  EXPECT_TRUE(trace.tracks.empty());
  EXPECT_TRUE(trace.events.empty());
}

TEST(PerfettoDeathTest, StopsOnSlicesThatOverlapAndIndicesOutOfRange) {
  Timeline overlap = small_timeline();
  overlap.slices.push_back({0, 0, 0, Picoseconds(3'999), Picoseconds(5'000)});
  EXPECT_DEATH(to_perfetto(overlap), "fault in orrery");
  Timeline wild = small_timeline();
  wild.arrows.push_back({0, 3});
  EXPECT_DEATH(to_perfetto(wild), "fault in orrery");
}

}  // namespace
}  // namespace orrery
