#!/usr/bin/env bash
# Does what docs/adding-a-model.md says, as a reader would: adding_a_model.sh REPOSITORY BUILD
# Every block after <!-- file: NAME --> is that file, every sh block is run, in the order of the page, in one empty folder, against an
# installed Weighbridge; a text block after <!-- says --> is the last line of what the commands before it printed.
set -euo pipefail
page=$(realpath "${1:?usage: adding_a_model.sh REPOSITORY BUILD}")/docs/adding-a-model.md build=$(realpath "$2")
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT

cmake --install "$build" --component sdk --prefix "$place/prefix" >/dev/null
cmake --install "$build" --component Unspecified --prefix "$place/prefix" >/dev/null
[ -x "$place/prefix/bin/weighbridge" ] || { echo "the install has no program" >&2; exit 1; }

mkdir -p "$place/here" "$place/home" "$place/steps"
# One file for each block, in order: N.file.NAME, N.run or N.says.
awk -v steps="$place/steps" '
  /^<!-- file: [A-Za-z0-9_.]+ -->$/ {kind = "file." $3; next}
  /^<!-- says -->$/ {kind = "says"; next}
  !inside && /^```sh$/ {inside = 1; target = sprintf("%s/%03d.run", steps, ++n); printf "" > target; kind = ""; next}
  !inside && /^```/ && kind != "" {inside = 1; target = sprintf("%s/%03d.%s", steps, ++n, kind); printf "" > target; kind = ""; next}
  !inside && /^```/ {inside = 2; next}
  inside && /^```$/ {inside = 0; next}
  inside == 1 {print > target}' "$page"

cd "$place/here"
# The author has flags and plugins of their own, not those of this run.
unset CFLAGS CXXFLAGS LDFLAGS CPATH CPLUS_INCLUDE_PATH WEIGHBRIDGE_PLUGIN_PATH XDG_DATA_HOME || true
export PREFIX=$place/prefix PATH=$place/prefix/bin:$PATH HOME=$place/home
files=0 runs=0
for step in "$place"/steps/*; do
  case $step in
    *.file.*) cp "$step" "${step##*.file.}"; files=$((files + 1)) ;;
    *.run)
      echo "--- $(cat "$step")"
      bash -euo pipefail "$step" > "$place/said" 2>&1 || { cat "$place/said" >&2; echo "the page's command fails" >&2; exit 1; }
      cat "$place/said"
      runs=$((runs + 1)) ;;
    *.says)
      [ "$(tail -n 1 "$place/said")" = "$(cat "$step")" ] || { echo "the page says: $(cat "$step")" >&2; exit 1; } ;;
  esac
done
[ "$files" -ge 6 ] && [ "$runs" -ge 6 ] || { echo "the page has $files files and $runs commands" >&2; exit 1; }
cmp tiny/config.json exported/config.json
