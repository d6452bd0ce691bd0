#!/usr/bin/env bash
# crash.sh PROGRAM MAKE_MODEL [--kills N] [--gigabytes G]: kills conversions at random times and resumes them; what comes out is
# what an undisturbed run makes, and nothing that is not complete ever has the destination's name.
set -euo pipefail
program=$(realpath "${1:?usage: crash.sh PROGRAM MAKE_MODEL [--kills N] [--gigabytes G]}") maker=$(realpath "${2:?MAKE_MODEL is missing}")
shift 2
kills=20 gigabytes=0.1
while [ $# -gt 0 ]; do
  case $1 in
    --kills) kills=${2:?--kills needs a number} ;;
    --gigabytes) gigabytes=${2:?--gigabytes needs a number} ;;
    *) printf 'crash.sh: there is no option %s\n' "$1" >&2; exit 2 ;;
  esac
  shift 2
done
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
cd "$place"
die() { printf 'crash.sh: %s\n' "$*" >&2; exit 1; }
milliseconds() { echo $(($(date +%s%N) / 1000000)); }

python3 "$maker" model --gigabytes "$gigabytes" >/dev/null
begin=$(milliseconds)
"$program" import --hf-model model --megatron-path megatron --no-progress >/dev/null
takes=$(($(milliseconds) - begin + 20))
"$program" export --megatron-path megatron --hf-model model --hf-path back --no-progress >/dev/null

done_kills=0 conversions=0 resumed=0
while [ "$done_kills" -lt "$kills" ]; do
  case $((conversions % 2)) in
    0) command=(import --hf-model model --megatron-path out) expected=megatron ;;
    1) command=(export --megatron-path megatron --hf-model model --hf-path out) expected=back ;;
  esac
  resume=()
  while :; do
    "$program" "${command[@]}" "${resume[@]}" --sync-every 4MB --threads $((RANDOM % 3 + 1)) --max-memory $((RANDOM % 3 * 32 + 96))MiB \
      --no-progress --json >report 2>errors &
    child=$!
    # Now and then it is let run to its end.
    if [ "$done_kills" -lt "$kills" ] && [ $((RANDOM % 8)) != 0 ]; then
      pause=$((RANDOM % takes))
      sleep "$((pause / 1000)).$(printf %03d $((pause % 1000)))"
      kill -9 "$child" 2>/dev/null || :
    fi
    code=0
    wait "$child" 2>/dev/null || code=$?
    case $code in
      0) break ;;
      137) done_kills=$((done_kills + 1)) ;;
      2) # A resumed run may be given less memory than the windows of the first one take; it says so and changes nothing.
        grep -q -- '--max-memory' report || { cat report errors >&2; die "a run was refused"; } ;;
      *) cat report errors >&2; die "a run failed with exit code $code" ;;
    esac
    if [ -e out ]; then diff -r "$expected" out || die "an output that is not complete has the destination's name"; fi
    resume=(--resume)
  done
  diff -r "$expected" out || die "the output of a run that was killed and resumed differs"
  if ! grep -q '"bytes_resumed": 0,' report; then resumed=$((resumed + 1)); fi
  [ "$("$program" "${command[@]}" --no-progress --json | grep -c '"already_done": true')" = 1 ] || die "a finished output is not known as such"
  left=$(find . -maxdepth 1 -name '.out.*' ! -name .out.weighbridge-done)
  [ -z "$left" ] || die "a finished run left $left"
  rm -rf out .out.*
  conversions=$((conversions + 1))
done
[ "$resumed" -gt 0 ] || die "no run took up the work of another"

# Ctrl-C: the exit code, the command that continues, and that it does.
"$program" import --hf-model model --megatron-path out --sync-every 1MB --threads 1 --no-progress >/dev/null 2>errors &
child=$!
sleep "$((takes / 2000)).$(printf %03d $((takes / 2 % 1000)))"
kill -TERM "$child" 2>/dev/null || :
code=0
wait "$child" || code=$?
if [ "$code" = 130 ] && [ -e .out.weighbridge-journal ]; then
  grep -q -- 'weighbridge import --hf-model model --megatron-path out --sync-every 1MB --threads 1 --no-progress --resume' errors || {
    cat errors >&2
    die "the command that continues is not told"
  }
fi
"$program" import --hf-model model --megatron-path out --resume --no-progress >/dev/null 2>&1
diff -r megatron out || die "a run that was stopped and resumed differs"
echo "$done_kills kills in $conversions conversions, $resumed of them completed from the work of a killed run"
