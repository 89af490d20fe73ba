#include "tests/models/pipeline/pipelines.hpp"

// The papers number micro-batches from 1, the orders here from 0.
namespace orrery {
namespace {

// Narayanan et al., SC 2021, Figure 3 (there with 8 micro-batches): forwards, then backwards.
TEST(GPipe, RunsInTheOrderOfThePublishedFigure) {
  EXPECT_EQ(gantt(build("gpipe", {.ranks = 3, .micro_batches = 4})),
            "F0 F1 F2 F3                   B0--- B1--- B2--- B3---\n"
            "   F0 F1 F2 F3          B0--- B1--- B2--- B3---\n"
            "      F0 F1 F2 F3 B0--- B1--- B2--- B3---\n");
}

// Narayanan et al., SC 2021, Figure 4, top. Device 1 of the figure reads
//   1 2 3 4 _ _ _ _ _ _ 1 5 2 6 3 7 4 8 5 6 7 8     with six idle columns before the first backward:
// three forwards downstream and three backwards of two columns, less the three forwards done meanwhile.
TEST(OneForwardOneBackward, RunsInTheOrderOfThePublishedFigure) {
  const PipelineSchedule schedule = build("1f1b", {.ranks = 4, .micro_batches = 8});
  EXPECT_EQ(picture(schedule),
            "F0 F1 F2 F3 B0 F4 B1 F5 B2 F6 B3 F7 B4 B5 B6 B7\n"
            "F0 F1 F2 B0 F3 B1 F4 B2 F5 B3 F6 B4 F7 B5 B6 B7\n"
            "F0 F1 B0 F2 B1 F3 B2 F4 B3 F5 B4 F6 B5 F7 B6 B7\n"
            "F0 B0 F1 B1 F2 B2 F3 B3 F4 B4 F5 B5 F6 B6 F7 B7\n");
  EXPECT_EQ(gantt(build("1f1b", {.ranks = 4, .micro_batches = 4})),
            "F0 F1 F2 F3                   B0---    B1---    B2---    B3---\n"
            "   F0 F1 F2             B0--- F3 B1---    B2---    B3---\n"
            "      F0 F1       B0--- F2 B1--- F3 B2---    B3---\n"
            "         F0 B0--- F1 B1--- F2 B2--- F3 B3---\n");
}

// Narayanan et al., SC 2021, Figure 4, bottom: 4 devices, 8 micro-batches, 2 stages each (dark = a, light
// = b). Device 1 of the figure reads 1234 1234 567 | 1 8 2 5 3 6 4 7 1 8 2 3 4 5 6 7 8 5 6 7 8.
// By the rule: device r warms up with 2(3-r) + 4 forwards, here 10, 8, 6, 4, in the order a0-3 b0-3 a4-7
// b4-7; backwards take the same groups with b before a.
TEST(Interleaved, RunsInTheOrderOfThePublishedFigure) {
  EXPECT_EQ(picture(build("interleaved", {.ranks = 4, .micro_batches = 8, .virtual_stages = 2})),
            "F0a F1a F2a F3a F0b F1b F2b F3b F4a F5a F6a B0b F7a B1b F4b B2b F5b B3b F6b B0a F7b B1a "
            "B2a B3a B4b B5b B6b B7b B4a B5a B6a B7a\n"
            "F0a F1a F2a F3a F0b F1b F2b F3b F4a B0b F5a B1b F6a B2b F7a B3b F4b B0a F5b B1a F6b B2a "
            "F7b B3a B4b B5b B6b B7b B4a B5a B6a B7a\n"
            "F0a F1a F2a F3a F0b F1b F2b B0b F3b B1b F4a B2b F5a B3b F6a B0a F7a B1a F4b B2a F5b B3a "
            "F6b B4b F7b B5b B6b B7b B4a B5a B6a B7a\n"
            "F0a F1a F2a F3a F0b B0b F1b B1b F2b B2b F3b B3b F4a B0a F5a B1a F6a B2a F7a B3a F4b B4b "
            "F5b B5b F6b B6b F7b B7b B4a B5a B6a B7a\n");
}

// Qi et al., arXiv 2401.10241, Figure 3, top, shortened to 6 micro-batches: P-1-r forwards, then 1F1B with
// the weight gradients r behind. Three idle columns a rank, where 1F1B has nine.
TEST(ZeroBubbleH1, RunsInTheOrderOfThePublishedFigure) {
  EXPECT_EQ(gantt(build("zb-h1", {.ranks = 4, .micro_batches = 6})),
            "F0 F1 F2 F3          I0 W0 F4 I1 W1 F5 I2 W2 I3 W3 I4 W4 I5 W5\n"
            "   F0 F1 F2       I0 F3 I1 W0 F4 I2 W1 F5 I3 W2 I4 W3 I5 W4 W5\n"
            "      F0 F1    I0 F2 I1 F3 I2 W0 F4 I3 W1 F5 I4 W2 I5 W3 W4 W5\n"
            "         F0 I0 F1 I1 F2 I2 F3 I3 W0 F4 I4 W1 F5 I5 W2 W3 W4 W5\n");
}

std::string line(const std::string& text, int wanted) {
  std::size_t from = 0;
  for (int i = 0; i < wanted; ++i) from = text.find('\n', from) + 1;
  return text.substr(from, text.find('\n', from) - from);
}

// DeepSeek-V3, arXiv 2412.19437, Figure 5: 8 ranks, 20 micro-batches; the figure leaves the numbers of the
// reverse direction out, here they are 10 to 19. Written down from the published code's eight steps, with
// P = 8, H = 4, n = 10 and rank h from the end:
//   h = 0   1) 2*3 F  2) F F'  3) three times I' W' F'  4) 10-8+1 = 3 times F&B' F'&B  5) three times B'
//           F'&B  6) B', then I as the second half  7) three times W I  8) W
//   h = 3   2) four times F F'  4) 6 times, the first F and B' apart  6) B' B B' B, I' I I' I  8) four W
TEST(DualPipe, RunsInTheOrderOfThePublishedFigure) {
  const std::string rows = picture(build("dualpipe", {.ranks = 8, .micro_batches = 20}));
  EXPECT_EQ(line(rows, 0),
            "F0 F1 F2 F3 F4 F5 F6 F10 I10 W10 F11 I11 W11 F12 I12 W12 F13 "
            "F7&B13 F14&B0 F8&B14 F15&B1 F9&B15 F16&B2 B16 F17&B3 B17 F18&B4 B18 F19&B5 "
            "B19 I6 W6 I7 W7 I8 W8 I9 W9");
  // h = 1: 1) 4 F  2) two F F'  3) two I' W' F'  4) four  5) two  6) B' B, I' I (h is odd)  7) two  8) two.
  EXPECT_EQ(line(rows, 1),
            "F0 F1 F2 F3 F4 F10 F5 F11 I10 W10 F12 I11 W11 F13 "
            "F6&B12 F14&B0 F7&B13 F15&B1 F8&B14 F16&B2 F9&B15 F17&B3 B16 F18&B4 B17 F19&B5 "
            "B18 B6 I19 I7 W19 I8 W7 I9 W8 W9");
  EXPECT_EQ(line(rows, 3),
            "F0 F10 F1 F11 F2 F12 F3 F13 F4 B10 F14&B0 F5&B11 F15&B1 F6&B12 F16&B2 F7&B13 F17&B3 "
            "F8&B14 F18&B4 F9&B15 F19&B5 B16 B6 B17 B7 I18 I8 I19 I9 W18 W8 W19 W9");
  // The lower half mirrors the upper with the directions exchanged.
  EXPECT_EQ(line(rows, 7),
            "F10 F11 F12 F13 F14 F15 F16 F0 I0 W0 F1 I1 W1 F2 I2 W2 F3 "
            "F17&B3 F4&B10 F18&B4 F5&B11 F19&B5 F6&B12 B6 F7&B13 B7 F8&B14 B8 F9&B15 "
            "B9 I16 W16 I17 W17 I18 W18 I19 W19");
}

TEST(DualPipe, IsDrawnAgainstTimeWithTheFirstChunksMeetingInTheMiddle) {
  const std::string drawn = gantt(build("dualpipe", {.ranks = 8, .micro_batches = 20}));
  // Rank 3 forwards micro-batch 0 in the fourth column, each 4 characters wide.
  EXPECT_EQ(line(drawn, 3).substr(0, 54), "            F0  F10 F1  F11 F2  F12 F3  F13 F4  B10---");
}

// The same steps with R = 2 and N = 6; rank 0: 1) 2 F  2) F F'  3) I' W' F'  4) 6-4+1 = 3 times  5) B' F'&B
// 6) B' I  7) W I  8) W. A small letter tells the way out (a) from the way back (b).
TEST(DualPipeV, RunsTheStepsOfDualPipeWithAllMicroBatchesInBothPhases) {
  EXPECT_EQ(picture(build("dualpipev", {.ranks = 2, .micro_batches = 6})),
            "F0a F1a F2a F0b I0b W0b F1b F3a&B1b F2b&B0a F4a&B2b F3b&B1a F5a&B3b F4b&B2a B4b F5b&B3a "
            "B5b I4a W4a I5a W5a\n"
            "F0a F0b F1a F1b F2a B0b F2b&B0a F3a&B1b F3b&B1a F4a&B2b F4b&B2a F5a&B3b F5b&B3a "
            "B4b B4a I5b I5a W5b W5a\n");
}

}  // namespace
}  // namespace orrery
