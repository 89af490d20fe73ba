#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

// The rules of the house that a compiler does not know, read off the source tree: which folder may include
// which, where each outside library may be used, words that have no place, and what lies at the top.

namespace {

namespace fs = std::filesystem;
using Strings = std::vector<std::string>;

const fs::path root = ORRERY_SOURCE;

struct SourceFile {
  std::string path, text;  ///< The path from the root.
};

std::string bytes_of(const fs::path& path) {
  std::ifstream stream(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

bool has_ending(const std::string& path, const Strings& endings) {
  return std::any_of(endings.begin(), endings.end(), [&](const std::string& e) { return path.ends_with(e); });
}

const std::vector<SourceFile>& written_files() {
  static const std::vector<SourceFile> all = [] {
    std::vector<SourceFile> files;
    for (const char* folder : {"sim", "topologies", "models", "reports", "scenarios", "tests", "bench"}) {
      for (const auto& entry : fs::recursive_directory_iterator(root / folder)) {
        const std::string path = fs::relative(entry.path(), root).string();
        if (entry.is_regular_file() && has_ending(path, {".cpp", ".hpp", ".cmake", ".sh", ".py", "/run"})) {
          files.push_back({path, bytes_of(entry.path())});
        }
      }
    }
    return files;
  }();
  return all;
}

std::vector<SourceFile> code() {
  std::vector<SourceFile> files;
  for (const SourceFile& file : written_files()) {
    if (has_ending(file.path, {".cpp", ".hpp"})) files.push_back(file);
  }
  return files;
}

std::string top_of(const std::string& path) { return path.substr(0, path.find('/')); }
std::string folder_of(const std::string& path) { return path.substr(0, path.rfind('/')); }

/// Comments and the insides of texts become blanks; line ends stay.
std::string without_words(const std::string& text) {
  std::string code = text;
  enum class In { Code, Line, Block, Text } in = In::Code;
  for (std::size_t i = 0; i < code.size(); ++i) {
    const std::string_view two = std::string_view(code).substr(i, 2);
    const bool skip = in == In::Text && code[i] == '\\';
    if (in == In::Code && two == "//") {
      in = In::Line;
    } else if (in == In::Code && two == "/*") {
      in = In::Block;
    } else if (in == In::Code && code[i] == '"') {
      in = In::Text;
      continue;
    } else if ((in == In::Text && code[i] == '"') || (in == In::Line && code[i] == '\n')) {
      in = In::Code;
    } else if (in == In::Block && two == "*/") {
      in = In::Code;
      code[i] = ' ';
    }
    if (in != In::Code && code[i] != '\n') code[i] = ' ';
    if (skip && code[i + 1] != '\n') code[++i] = ' ';
  }
  return code;
}

Strings includes_of(const std::string& text) {
  static const std::regex pattern(R"(^#include [<"]([^>"]+)[>"])", std::regex::multiline);
  Strings found;
  for (std::sregex_iterator at(text.begin(), text.end(), pattern), end; at != end; ++at)
    found.push_back((*at)[1]);
  return found;
}

bool is_folder_of_ours(const std::string& top) {
  static const std::set<std::string> ours{"sim",       "topologies", "models", "reports",
                                          "scenarios", "tests",      "bench"};
  return ours.contains(top);
}

/// Whom each folder may include: downwards only, and models and reports never see each other. A bench may
/// borrow a test's witness, to time what the test compares.
const std::map<std::string, std::set<std::string>> arrows{
    {"sim", {"sim"}},
    {"topologies", {"sim", "topologies"}},
    {"models", {"sim", "topologies", "models"}},
    {"reports", {"sim", "reports"}},
    {"scenarios", {"sim", "topologies", "models", "reports", "scenarios"}},
    {"bench", {"sim", "topologies", "models", "reports", "scenarios", "bench", "tests"}},
    {"tests", {"sim", "topologies", "models", "reports", "scenarios", "tests"}},
};

TEST(Tidy, IncludesPointDownwardsOnly) {
  for (const SourceFile& file : code()) {
    for (const std::string& name : includes_of(file.text)) {
      if (!is_folder_of_ours(top_of(name))) continue;
      EXPECT_TRUE(arrows.at(top_of(file.path)).contains(top_of(name))) << file.path << " includes " << name;
      const bool found = fs::exists(root / name);
      EXPECT_TRUE(found) << file.path << " includes " << name << ", which is not there";
      const bool witness = name.starts_with("models/reference") != file.path.starts_with("models/reference");
      if (top_of(file.path) == "models" && !name.starts_with("sim/")) {
        EXPECT_FALSE(witness) << file.path << " includes " << name << ": the reference must stay independent";
      }
    }
  }
}

TEST(Tidy, FoldersDoNotIncludeEachOtherInACircle) {
  std::map<std::string, std::set<std::string>> graph;
  for (const SourceFile& file : code()) {
    for (const std::string& name : includes_of(file.text)) {
      const bool both = is_folder_of_ours(top_of(name)) && top_of(file.path) != "tests";
      if (both && folder_of(name) != folder_of(file.path))
        graph[folder_of(file.path)].insert(folder_of(name));
    }
  }
  std::set<std::string> done, open;
  const std::function<void(const std::string&)> visit = [&](const std::string& folder) {
    if (done.contains(folder)) return;
    if (!open.insert(folder).second) {
      ADD_FAILURE() << folder << " includes itself by way of others";
      return;
    }
    for (const std::string& next : graph[folder]) visit(next);
    open.erase(folder);
    done.insert(folder);
  };
  const auto started = graph;
  for (const auto& [folder, unused] : started) visit(folder);
}

/// An outside library by the beginning of its headers, and the only places for it.
struct Outsider {
  std::string header;
  Strings places;
};
const Outsider outsiders[] = {
    {"boost/", {"topologies/", "sim/random.hpp"}},
    {"nlohmann/", {"models/transformer/", "models/kernels/", "reports/", "scenarios/"}},
    {"Eigen/", {"models/reference/"}},
    {"fmt/", {"reports/", "scenarios/"}},
    {"hdf5", {"reports/hdf5"}},
    {"protozero/", {"reports/perfetto.cpp"}},
    {"toml++/", {"scenarios/reading/toml_reader.cpp"}},
    {"CLI/", {"scenarios/commands/main.cpp", "scenarios/commands/completion.cpp"}},
    {"tbb/", {"scenarios/"}},
    {"mpi.h", {"scenarios/"}},
};

TEST(Tidy, OutsideLibrariesStayInTheirPlaces) {
  // Everything in angle brackets that is not of the language or the system must have a row.
  const std::regex language(R"([a-z_0-9]+|c[a-z]+|(sys/)?[a-z]+\.h)");
  for (const SourceFile& file : code()) {
    if (top_of(file.path) == "tests" || top_of(file.path) == "bench") continue;
    for (const std::string& name : includes_of(file.text)) {
      if (is_folder_of_ours(top_of(name))) continue;
      const Outsider* row = nullptr;
      for (const Outsider& outsider : outsiders) {
        if (name.starts_with(outsider.header)) row = &outsider;
      }
      if (row == nullptr) {
        EXPECT_TRUE(std::regex_match(name, language))
            << file.path << " includes " << name << ", which no row allows";
        continue;
      }
      const bool allowed = std::any_of(row->places.begin(), row->places.end(), [&](const std::string& place) {
        return file.path.starts_with(place);
      });
      EXPECT_TRUE(allowed) << file.path << " includes " << name;
    }
  }
}

TEST(Tidy, TheEngineIncludesNothingThatTouchesTheWorld) {
  const std::set<std::string> banned{"iostream", "fstream",   "filesystem", "thread",   "mutex",
                                     "future",   "atomic",    "chrono",     "random",   "regex",
                                     "locale",   "cstdio",    "ctime",      "unistd.h", "iomanip",
                                     "sstream",  "exception", "stdexcept"};
  for (const SourceFile& file : code()) {
    if (!std::set<std::string>{"sim", "topologies", "models"}.contains(top_of(file.path))) continue;
    if (file.path == "sim/check.hpp") continue;  // Our own faults say where they are and abort.
    for (const std::string& name : includes_of(file.text)) {
      EXPECT_FALSE(banned.contains(name)) << file.path << " includes " << name;
    }
  }
}

/// A pattern of code that has no place below `folders`, but for the files in `except`.
struct Ban {
  std::string pattern;
  Strings folders, except;
  std::string why;
};
const Strings engine{"sim/", "topologies/", "models/"};
const Strings libraries{"sim/", "topologies/", "models/", "reports/"};
const Strings product{"sim/", "topologies/", "models/", "reports/", "scenarios/"};
const Ban bans[] = {
    {R"(\bstd::(uniform|normal|exponential|poisson|discrete|bernoulli)_\w+|\b(s?rand|random_device|mt19937\w*)\s*\()",
     product,
     {},
     "chance comes by name from sim/random.hpp; std's distributions differ between libraries"},
    {R"(\b(std::)?(exp|exp2|expm1|log|log2|log10|log1p|pow|sin|cos|tanh?)\s*\()",
     engine,
     {"models/reference/"},
     "the maths library's last bits differ between machines: a table or exact arithmetic"},
    {R"((^|[^.\w>])(std::)?_?exit\s*\()", product, {}, "main returns; libraries hand back findings"},
    {R"(\bstd::(cout|cerr|clog)\b|\bprintf\s*\(|\bputs\s*\()", libraries, {}, "libraries never print"},
    {R"(\b(throw|try|catch)\b)", engine, {}, "a wrong request comes back as findings"},
    {R"(\bstd::(unordered_map|unordered_set)\b)", engine, {}, "its order differs between libraries"},
    {R"(\b(strtok|gets|sprintf|strcpy|strcat|setlocale)\s*\()", product, {}, "not safe"},
    {R"(\busing namespace\b)", product, {}, "names say where they come from"},
    {R"(\b(utils?|helpers?|misc)\b)", product, {}, "a name that says nothing"},
};

TEST(Tidy, BannedWordsAreNotThere) {
  for (const Ban& ban : bans) {
    const std::regex pattern(ban.pattern);
    for (const SourceFile& file : code()) {
      const auto begins = [&](const std::string& place) { return file.path.starts_with(place); };
      if (std::none_of(ban.folders.begin(), ban.folders.end(), begins)) continue;
      if (std::any_of(ban.except.begin(), ban.except.end(), begins)) continue;
      std::istringstream lines(without_words(file.text));
      int number = 0;
      for (std::string line; std::getline(lines, line);) {
        ++number;
        EXPECT_FALSE(std::regex_search(line, pattern))
            << file.path << ":" << number << ": " << ban.why << "\n"
            << line;
      }
    }
  }
}

TEST(Tidy, NothingIsLeftForLater) {
  const std::regex pattern(
      "\\b(TO"
      "DO|FIX"
      "ME|XX"
      "X|HA"
      "CK)\\b");
  for (const SourceFile& file : written_files())
    EXPECT_FALSE(std::regex_search(file.text, pattern)) << file.path;
}

TEST(Tidy, LinesAreReadableSideBySide) {
  constexpr std::size_t widest = 120;
  for (const SourceFile& file : written_files()) {
    std::istringstream lines(file.text);
    int number = 0;
    for (std::string line; std::getline(lines, line);) {
      ++number;
      // Columns as a terminal counts them: bytes that go on a character do not count.
      const auto width = std::count_if(line.begin(), line.end(), [](char c) { return (c & 0xC0) != 0x80; });
      EXPECT_LE(std::size_t(width), widest) << file.path << ":" << number;
      EXPECT_FALSE(line.ends_with(' ') || line.ends_with('\r'))
          << file.path << ":" << number << " ends in a blank";
      EXPECT_EQ(line.find('\t'), std::string::npos) << file.path << ":" << number << " has a tabulator";
    }
    EXPECT_TRUE(file.text.ends_with('\n') && !file.text.ends_with("\n\n"))
        << file.path << " does not end in one line end";
  }
}

TEST(Tidy, HeadersAreIncludedOnce) {
  for (const SourceFile& file : code()) {
    const bool header = file.path.ends_with(".hpp");
    EXPECT_TRUE(!header || file.text.starts_with("#pragma once\n")) << file.path;
  }
}

TEST(Tidy, FilesAreNamedInWholeLowerCaseWords) {
  const std::regex pattern("([a-z0-9_]+/)+[a-z0-9_]+(\\.(cpp|hpp|cmake|sh|py))?");
  for (const SourceFile& file : written_files())
    EXPECT_TRUE(std::regex_match(file.path, pattern)) << file.path;
}

TEST(Tidy, TheTopHoldsWhatIsExpected) {
  const std::set<std::string> wanted{
      "CMakeLists.txt", "CMakePresets.json", "LICENSE",   "README.md", ".ci",   "bench",
      "models",         "reports",           "scenarios", "sim",       "tests", "topologies"};
  // What tools leave or look for there.
  const std::set<std::string> allowed{".git",  ".gitignore", ".clang-format", ".clang-tidy",
                                      "build", "out",        "shared"};
  std::set<std::string> found;
  for (const auto& entry : fs::directory_iterator(root)) {
    const std::string name = entry.path().filename().string();
    found.insert(name);
    EXPECT_TRUE(wanted.contains(name) || allowed.contains(name)) << name << " has no place at the top";
  }
  for (const std::string& name : wanted)
    EXPECT_TRUE(found.contains(name)) << name << " is missing at the top";
  EXPECT_THAT(bytes_of(root / "LICENSE"), testing::HasSubstr("Apache License"));
}

TEST(Tidy, ARuleCatchesWhatItForbids) {
  EXPECT_EQ(without_words("a // rand()\nb"), "a          \nb");
  EXPECT_EQ(without_words("f(\"throw \\\" x\");"), "f(\"          \");");
  EXPECT_TRUE(std::regex_search("  const double y = std::exp(x);", std::regex(bans[1].pattern)));
  EXPECT_TRUE(std::regex_search("  x = pow (2, 3);", std::regex(bans[1].pattern)));
  EXPECT_FALSE(std::regex_search("  x = catalog(2);", std::regex(bans[1].pattern)));
  EXPECT_TRUE(std::regex_search("  throw 3;", std::regex(bans[4].pattern)));
  EXPECT_EQ(includes_of("#include \"a/b.hpp\"\n#include <c>\n"), (Strings{"a/b.hpp", "c"}));
}

}  // namespace
