#!/bin/sh
# The engine travels: sim, topologies and models compile where nothing can be thrown or caught.
#   without_exceptions.sh COMPILER SOURCE_TREE
failed=0
for file in $(cd "$2" && find sim topologies models -name '*.cpp' -not -path 'models/reference/*' | sort); do
  "$1" -std=c++20 -fno-exceptions -fsyntax-only -Wall -Wextra -I"$2" "$2/$file" && continue
  echo "$file: does not compile without exceptions"
  failed=1
done
exit $failed
