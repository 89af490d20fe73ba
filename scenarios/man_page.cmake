# Writes the manual page from what the program's own --help says.
#   cmake -DORRERY=<binary> -DOUT=<orrery.1> -P man_page.cmake
cmake_policy(VERSION 3.25)

function(ask result)
  execute_process(COMMAND ${ORRERY} ${ARGN} OUTPUT_VARIABLE text COMMAND_ERROR_IS_FATAL ANY)
  set(${result} "${text}" PARENT_SCOPE)
endfunction()

# Text as roff prints it unchanged: backslashes and dashes escaped, no line that begins like a command.
function(as_roff result text)
  string(REPLACE "\\" "\\e" text "${text}")
  string(REPLACE "-" "\\-" text "${text}")
  string(REGEX REPLACE "\n([.'])" "\n\\\\&\\1" text "\n${text}")
  string(STRIP "${text}" text)
  set(${result} "${text}" PARENT_SCOPE)
endfunction()

ask(version --version)
string(STRIP "${version}" version)
ask(help --help)
string(REGEX REPLACE "^.*\nVerbs:\n" "\n" listed "${help}")
string(FIND "${listed}" "\n\n" end)
string(SUBSTRING "${listed}" 0 ${end} listed)
string(REGEX MATCHALL "\n  [a-z]+ " verbs "${listed}")
if(NOT verbs)
  message(FATAL_ERROR "no commands found in orrery --help")
endif()

set(commands "")
foreach(verb IN LISTS verbs)
  string(STRIP "${verb}" verb)
  ask(text ${verb} --help)
  string(REPLACE "[OPTIONS] [SCENARIO(0x)]" "[OPTIONS] SCENARIO" text "${text}")
  string(REGEX REPLACE "\\[([A-Z]+)\\(0x\\)\\]" "\\1" text "${text}")
  as_roff(text "${text}")
  string(APPEND commands ".SS ${verb}\n.nf\n${text}\n.fi\n")
endforeach()

file(WRITE "${OUT}" ".TH ORRERY 1 \"\" \"${version}\" \"User Commands\"
.SH NAME
orrery \\- simulator of GPU clusters that train large language models
.SH SYNOPSIS
.B orrery
.I COMMAND
[\\fIOPTIONS\\fR] [\\fINAME\\fR...]
.SH DESCRIPTION
Simulates the training of a Mixture\\-of\\-Experts language model on a cluster of GPUs, kernel by kernel and message
by message, and answers with step time, GPU\\-hours, cost, memory and where the time goes.
.PP
A scenario is a TOML file, or the name of a built\\-in one
.RB ( \"orrery list\" ).
Every quantity in it has its unit, as in \"50 GB/s\".
.B orrery explain KEY
says what a key means, its unit, range and default.
.SH COMMANDS
${commands}.SH OUTPUT
Answers go to standard output, talk and errors to standard error.
.B run
leaves a folder (out/NAME, or the one named by \\-\\-out): summary.json, summary.txt, scenario.toml, tables as CSV,
the same tables in results.h5 (HDF5, also netCDF\\-4), and with \\-\\-trace a Perfetto trace.
Files appear whole or not at all.
The same scenario gives the same bytes at any number of threads.
.SH EXIT STATUS
.TP
0
done
.TP
1
the machine failed (disk, permission)
.TP
2
wrong input
.TP
3
the plan does not fit in memory
.TP
4
a verdict or gate failed
.SH ENVIRONMENT
.TP
NO_COLOR
no colours, whatever its value
.SH FILES
.TP
/usr/share/orrery
the built\\-in scenarios, hardware, models and kernel families as files, to read and to copy
")
