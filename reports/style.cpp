#include "reports/style.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <initializer_list>

namespace orrery {
namespace {

/// The first of these variables that says anything.
std::optional<std::string> variable(std::initializer_list<const char*> names) {
  for (const char* name : names) {
    const char* const value = std::getenv(name);
    if (value != nullptr && *value != '\0') return value;
  }
  return {};
}

bool says_utf8(std::string language) {
  std::transform(language.begin(), language.end(), language.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  return language.find("utf-8") != std::string::npos || language.find("utf8") != std::string::npos;
}

}  // namespace

Surroundings look_around(int descriptor) {
  Surroundings found;
  if (::isatty(descriptor) == 1) {
    found.stream = Surroundings::Stream::Terminal;
    winsize size{};
    if (::ioctl(descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) found.columns = size.ws_col;
  }
  found.term = variable({"TERM"});
  found.language = variable({"LC_ALL", "LC_CTYPE", "LANG"});
  found.no_color = variable({"NO_COLOR"});
  found.force_color = variable({"CLICOLOR_FORCE", "FORCE_COLOR"});
  return found;
}

Style choose_style(const Surroundings& surroundings, Wish colour, Wish ascii) {
  Style style;
  const bool terminal = surroundings.stream == Surroundings::Stream::Terminal;
  if (terminal && surroundings.columns) style.columns = std::clamp(*surroundings.columns, 40, 100);

  const bool unicode = ascii == Wish::Never || (surroundings.language && says_utf8(*surroundings.language));
  style.glyphs = ascii != Wish::Always && unicode ? Glyphs::Unicode : Glyphs::Ascii;

  const auto is_set = [](const std::optional<std::string>& value) { return value && !value->empty(); };
  const bool forced = is_set(surroundings.force_color) && *surroundings.force_color != "0";
  const bool automatic =
      !is_set(surroundings.no_color) && (forced || (terminal && surroundings.term != "dumb"));
  style.colour =
      colour == Wish::Always || (colour == Wish::Automatic && automatic) ? Colour::Ansi : Colour::None;
  return style;
}

}  // namespace orrery
