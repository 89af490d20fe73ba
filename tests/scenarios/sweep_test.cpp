#include "scenarios/sweeping/sweep.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "scenarios/sweeping/journal.hpp"
#include "sim/random.hpp"
#include "tests/reports/scratch_folder.hpp"

namespace orrery {
namespace {

using testing::HasSubstr;

SweepPoint point(double cost, double wall, PointOutcome outcome = PointOutcome::Simulated) {
  SweepPoint p;
  p.figures.outcome = outcome;
  p.figures.cost = Dollars(cost);
  p.figures.wall = Seconds(wall);
  return p;
}

// The definition, read off word by word.
std::vector<bool> slow_front(const std::vector<SweepPoint>& points) {
  std::vector<bool> front;
  for (const SweepPoint& p : points) {
    bool beaten = !p.figures.ok();
    for (const SweepPoint& q : points) {
      const double cost = q.figures.cost.value() - p.figures.cost.value(),
                   wall = q.figures.wall.value() - p.figures.wall.value();
      beaten = beaten || (q.figures.ok() && cost <= 0 && wall <= 0 && (cost < 0 || wall < 0));
    }
    front.push_back(!beaten);
  }
  return front;
}

TEST(ParetoFront, IsWhatNoPointBeatsInBothOverRandomPoints) {
  RandomStream draw(7, {"sweep", "points"});
  for (int round = 0; round < 2000; ++round) {
    std::vector<SweepPoint> points;
    // Few distinct values, so that ties and twins are common.
    for (std::uint32_t n = draw.below(12) + 1; n > 0; --n)
      points.push_back(point(draw.below(6), draw.below(6), PointOutcome(draw.below(5) / 2)));
    EXPECT_EQ(pareto_front(points), slow_front(points)) << "round " << round;
  }
}

const JournalKey key{"orrery 1.0.0", "v3", "0123456789abcdef"};

Figures figures(double step) {
  Figures f;
  f.outcome = PointOutcome::Simulated;
  f.step = Seconds(step);
  f.gpus = 8;
  f.cost = Dollars(step / 3);
  return f;
}

TEST(Journal, KeepsEveryBitOfAFigure) {
  const ScratchFolder scratch;
  const std::string path = (scratch.path() / "points.jsonl").string();
  RandomStream draw(3, {"sweep", "figures"});
  std::vector<Figures> written;
  {
    auto opened = Journal::open(path, key);
    Journal& journal = std::get<Journal>(opened);
    for (int i = 0; i < 200; ++i) {
      written.push_back(figures(draw.uniform() * (i % 2 ? 1e-9 : 1e12)));
      EXPECT_FALSE(journal.append({"n=" + std::to_string(i)}, written.back()));
    }
  }
  auto opened = Journal::open(path, key);
  const Journal& journal = std::get<Journal>(opened);
  EXPECT_EQ(journal.size(), 200u);
  for (int i = 0; i < 200; ++i) {
    const Figures* read = journal.find({"n=" + std::to_string(i)});
    ASSERT_NE(read, nullptr);
    EXPECT_EQ(read->step, written[std::size_t(i)].step);
    EXPECT_EQ(read->cost, written[std::size_t(i)].cost);
  }
}

// Killed between any two bytes: the lines that were whole are there, and the next ones follow them.
TEST(Journal, CutAtAnyByteKeepsTheWholeLines) {
  const ScratchFolder scratch;
  const std::string path = (scratch.path() / "points.jsonl").string();
  const std::string whole =
      journal_head(key) + journal_line({"n=1"}, figures(1)) + journal_line({"n=2"}, figures(2));
  const std::size_t one = journal_head(key).size() + journal_line({"n=1"}, figures(1)).size();
  for (std::size_t cut = 0; cut <= whole.size(); ++cut) {
    std::ofstream(path, std::ios::binary) << whole.substr(0, cut);
    {
      auto opened = Journal::open(path, key);
      ASSERT_TRUE(std::holds_alternative<Journal>(opened)) << "cut at " << cut;
      Journal& journal = std::get<Journal>(opened);
      EXPECT_EQ(journal.size(), std::size_t(cut >= one) + (cut == whole.size())) << "cut at " << cut;
      EXPECT_FALSE(journal.append({"n=3"}, figures(3)));
    }
    auto again = Journal::open(path, key);
    EXPECT_EQ(std::get<Journal>(again).size(), 1 + std::size_t(cut >= one) + (cut == whole.size()));
  }
}

TEST(Journal, ADamagedByteCostsItsLineAlone) {
  const ScratchFolder scratch;
  const std::string path = (scratch.path() / "points.jsonl").string();
  const std::string first = journal_line({"n=1"}, figures(1)), second = journal_line({"n=2"}, figures(2));
  for (std::size_t at = 0; at + 1 < first.size(); ++at) {
    std::string text = journal_head(key) + first + second;
    text[journal_head(key).size() + at] ^= 1;
    std::ofstream(path, std::ios::binary) << text;
    auto opened = Journal::open(path, key);
    const Journal& journal = std::get<Journal>(opened);
    EXPECT_EQ(journal.find({"n=1"}), nullptr) << "byte " << at;
    EXPECT_NE(journal.find({"n=2"}), nullptr) << "byte " << at;
  }
}

TEST(Journal, OfAnotherQuestionIsRefusedByName) {
  const ScratchFolder scratch;
  const std::string path = (scratch.path() / "points.jsonl").string();
  const auto problem = [&](const JournalKey& mine) {
    auto opened = Journal::open(path, mine);
    const Finding* finding = std::get_if<Finding>(&opened);
    return finding ? finding->problem : "";
  };
  EXPECT_EQ(problem(key), "");
  EXPECT_THAT(problem({"orrery 2.0.0", "v3", key.question}),
              HasSubstr("orrery 1.0.0 wrote it, this is orrery 2.0.0"));
  EXPECT_THAT(problem({key.program, "llama", key.question}), HasSubstr("it is of v3, this sweep of llama"));
  EXPECT_THAT(problem({key.program, "v3", "f"}), HasSubstr("v3 or an option has changed since"));
  EXPECT_EQ(problem(key), "") << "a refusal changes nothing";
  std::ofstream(path, std::ios::binary) << "my own notes";
  EXPECT_THAT(problem(key), HasSubstr("is no journal of orrery"));
  EXPECT_EQ(bytes_of(path), "my own notes");
}

TEST(Journal, HasOneWriter) {
  const ScratchFolder scratch;
  const std::string path = (scratch.path() / "points.jsonl").string();
  auto first = Journal::open(path, key);
  auto second = Journal::open(path, key);
  ASSERT_TRUE(std::holds_alternative<Finding>(second));
  EXPECT_THAT(std::get<Finding>(second).problem, HasSubstr("being written by another process"));
}

}  // namespace
}  // namespace orrery
