#!/bin/bash
# SPDX-License-Identifier: BSD-3-Clause
# usage: check.sh SOURCE BUILD CC CMAKE
# Installs BUILD into an empty prefix, moves it, and builds and runs the outside program against it:
# by pkg-config and by find_package, shared and static, and with other limits. Fails when the shared
# library shows another set of symbols than the public headers declare.
set -euo pipefail
source=$1 build=$2 cc=$3 cmake=$4
outside=$source/tests/install/outside
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

fail() {
	echo "FAILED: $*"
	exit 1
}

"$cmake" --install "$build" --prefix "$folder/first" >"$folder/log" || { cat "$folder/log"; fail install; }
mv "$folder/first" "$folder/prefix"
prefix=$folder/prefix
pc=$(find "$prefix" -name amphora.pc)
[ -n "$pc" ] || fail "no amphora.pc"
libraries=$(dirname "$(dirname "$pc")")

for file in "$prefix/include/amphora/shm.h" "$libraries/libamphora.a" "$libraries/libamphora.so" \
	"$libraries/cmake/amphora/amphora-config.cmake"; do
	[ -e "$file" ] || fail "${file#"$prefix/"} is missing"
done
for header in "$source"/include/amphora/*.h; do
	[ -e "$prefix/include/amphora/$(basename "$header")" ] || fail "$(basename "$header") is missing"
done
! grep -rlF -e "$source" -e "$build" "$prefix/include" "$(dirname "$pc")" "$libraries/cmake" ||
	fail "the installed files above name the source or the build folder"
if [ -x "$build/bin/amphora" ]; then
	[ -x "$prefix/bin/amphora" ] || fail "bin/amphora is missing"
	[[ $("$prefix/bin/amphora" --version) == *[0-9]* ]] || fail "bin/amphora --version"
	"$prefix/bin/amphora" demo --coprocessor process --output "$folder/edges.png" >"$folder/log" ||
		{ cat "$folder/log"; fail "the installed demo"; }
	grep -q "$prefix/share/amphora" "$folder/log" || fail "the demo did not use the installed firmware"
fi

# machine.h is what a bare-metal program is given by its board: no part of this library
headers=("$prefix"/include/amphora/*.h)
python3 "$source/tests/install/declared.py" "${headers[@]/%*machine.h/}" >"$folder/declared"
nm -D --defined-only "$libraries/libamphora.so" | awk '{ print $3 }' | LC_ALL=C sort >"$folder/shown"
[ "$(wc -l <"$folder/shown")" -gt 50 ] || fail "libamphora.so shows next to nothing"
diff "$folder/declared" "$folder/shown" ||
	fail "< the headers declare it and libamphora.so has it not, > it shows what no header declares"

PKG_CONFIG_PATH=$(dirname "$pc") LD_LIBRARY_PATH=$libraries
export PKG_CONFIG_PATH LD_LIBRARY_PATH
flags=(-std=c11 -Wall -Wextra -Werror "$outside/outside.c")

# shellcheck disable=SC2046 # pkg-config's words are words
"$cc" "${flags[@]}" -o "$folder/by-pkg-config" $(pkg-config --cflags --libs amphora)
"$folder/by-pkg-config" || fail "by pkg-config, shared"
[ "$("$folder/by-pkg-config")" = "amphora $(pkg-config --modversion amphora)" ] ||
	fail "CMakeLists.txt and version.h differ in the version"
[[ $(ldd "$folder/by-pkg-config") == *"$libraries/libamphora.so"* ]] || fail "not linked to the shared library"

# shellcheck disable=SC2046
"$cc" "${flags[@]}" -o "$folder/static" $(pkg-config --cflags amphora) "$libraries/libamphora.a" \
	$(pkg-config --static --libs-only-other amphora)
"$folder/static" || fail "by pkg-config, static"

# shellcheck disable=SC2046
"$cc" "${flags[@]}" -DAMPH_NAME_MAX=64 -o "$folder/other-limits" $(pkg-config --cflags --libs amphora)
"$folder/other-limits" && result=0 || result=$?
[ $result -eq 2 ] || fail "other limits were not found: exit $result"

"$cmake" -S "$outside" -B "$folder/build" -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_C_COMPILER="$cc" \
	>"$folder/log" && "$cmake" --build "$folder/build" >>"$folder/log" ||
	{ cat "$folder/log"; fail "by find_package"; }
"$folder/build/outside_shared" || fail "by find_package, shared"
"$folder/build/outside_static" || fail "by find_package, static"
echo "installed, moved, and used by pkg-config and find_package"
