#pragma once

#include <optional>
#include <string>

namespace orrery {

enum class Glyphs { Unicode, Ascii };
enum class Colour { None, Ansi };
enum class Wish { Automatic, Always, Never };  ///< What the command line asked for.

/// How text is to look. The default is what goes into files and mails.
struct Style {
  int columns = 100;
  Glyphs glyphs = Glyphs::Unicode;
  Colour colour = Colour::None;
};

/// What a stream leads to, as far as it decides on looks. Environment variables as they are set.
struct Surroundings {
  enum class Stream { Terminal, Other } stream = Stream::Other;
  std::optional<int> columns;  ///< Of the terminal.
  std::optional<std::string> term, language, no_color, force_color;
};

/// Asks the system about a file descriptor: isatty, its size, TERM, LC_ALL or LC_CTYPE or LANG (the
/// first that is set and not empty), NO_COLOR, and CLICOLOR_FORCE or FORCE_COLOR.
Surroundings look_around(int descriptor);

/// Colour: as wished, else never when NO_COLOR is set and not empty (no-color.org), else when forced,
/// else on a terminal that is not "dumb". Glyphs: `Wish::Always` for ASCII wins, else Unicode if the
/// language says UTF-8. Columns: the terminal's, between 40 and 100; 100 elsewhere.
Style choose_style(const Surroundings& surroundings, Wish colour = Wish::Automatic,
                   Wish ascii = Wish::Automatic);

}  // namespace orrery
