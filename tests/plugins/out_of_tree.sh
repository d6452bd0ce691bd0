#!/bin/sh
# A plugin's author has the installed SDK, a compiler of their own and nothing of this tree. Builds the template that
# way with Clang, then converts with it.
#   out_of_tree.sh BUILD PROGRAM GOLDEN
set -eu
build=$1 program=$2 golden=$3

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
fail() { echo "out_of_tree: $*" >&2; exit 1; }

cmake --install "$build" --component sdk --prefix "$work/sdk" > /dev/null
[ -f "$work/sdk/share/weighbridge/template/my_family.cpp" ] || fail "the SDK installs no template"
cp -r "$work/sdk/share/weighbridge/template" "$work/family"

# The author's flags, not those of this run.
unset CFLAGS CXXFLAGS LDFLAGS CPATH CPLUS_INCLUDE_PATH || true
CC=clang CXX=clang++ cmake -G Ninja -S "$work/family" -B "$work/family/build" -DCMAKE_PREFIX_PATH="$work/sdk"
cmake --build "$work/family/build"
plugins=$work/family/build
library=$plugins/my_family.so

symbols=$(nm -D --defined-only "$library" | awk '{print $3}')
[ "$symbols" = wb_plugin_v1 ] || fail "the plugin exports: $symbols"

checked=$("$program" plugin check --strict "$library")
echo "$checked"
[ "$(echo "$checked" | tail -n 1)" = "my_family 1.0.0: keeps the contract (MyFamilyForCausalLM; 1 family)" ] || fail "plugin check says otherwise"
echo "$checked" | grep -q "^proven: my_family, tiny: " || fail "plugin check proved nothing"

# A checkpoint that this family alone claims; the template has no rotary scaling.
cp -r "$golden/llama3/hf" "$work/source"
sed -e 's/"LlamaForCausalLM"/"MyFamilyForCausalLM"/' -e 's/"model_type": "llama"/"model_type": "my_family"/' \
    -e '/"rope_scaling": {/,/}/d' "$golden/llama3/hf/config.json" > "$work/source/config.json"
grep -q MyFamilyForCausalLM "$work/source/config.json" || fail "the golden case is not what it was"

if "$program" import --hf-model "$work/source" --megatron-path "$work/unknown" --no-progress 2> "$work/refusal"; then
  fail "the program converts the template's architecture without the template"
fi
grep -q "MyFamilyForCausalLM: no plugin knows this architecture" "$work/refusal" || fail "refused, but not for want of a plugin: $(cat "$work/refusal")"

"$program" import --plugin-path "$plugins" --hf-model "$work/source" --megatron-path "$work/megatron" --no-progress
"$program" export --plugin-path "$plugins" --megatron-path "$work/megatron" --hf-model "$work/source" --hf-path "$work/exported" --no-progress
"$program" compare "$work/source" "$work/exported" --no-progress

# Without the source beside it, its config.json is the family's own work.
"$program" export --plugin-path "$plugins" --megatron-path "$work/megatron" --architecture MyFamilyForCausalLM --hf-path "$work/alone" --no-progress
"$program" compare "$work/source" "$work/alone" --no-progress
grep -q '"model_type": "my_family"' "$work/alone/config.json" || fail "the exported config.json is of another model type"

# compare does tell checkpoints apart.
if "$program" compare "$work/source" "$golden/llama3-tied/hf" --no-progress > "$work/differences"; then
  fail "compare finds two different models equal"
fi
grep -q "^different: " "$work/differences" || fail "compare did not compare"
