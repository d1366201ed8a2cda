#!/usr/bin/env bash
# The command line: help, version, common options anywhere, misuse, exit codes.
set -u
tasted=$1
folder=$(mktemp -d) || exit 2
trap 'rm -rf "$folder"' EXIT
bad=0
complain() { echo "command line: $1"; bad=1; }

# expect CODE STREAM PATTERN WORDS…: the exit code, and a line on stdout (out) or stderr (err).
expect() {
  local code=$1 stream=$2 pattern=$3
  shift 3
  env -i "$tasted" "$@" >"$folder/out" 2>"$folder/err" </dev/null
  local got=$?
  [ $got = "$code" ] || complain "tasted $*: exit $got, not $code"
  grep -qE -- "$pattern" "$folder/$stream" || complain "tasted $*: no /$pattern/ on std$stream: $(cat "$folder/$stream")"
  local other=out
  [ "$stream" = out ] && other=err
  [ -s "$folder/$other" ] && complain "tasted $*: also on std$other: $(cat "$folder/$other")"
}

expect 0 out '^tasted [0-9]+\.[0-9]+\.[0-9]+$' --version
expect 0 out '^tasted ' config --version
expect 0 out '^Usage: tasted' --help
expect 0 out '^Usage: tasted' -h
expect 0 out '^Usage: tasted' help
expect 0 out '^Usage: tasted config' config --help
expect 0 out '^Usage: tasted config' --help config
expect 0 out '^Usage: tasted config' help config
expect 64 err '^Usage: tasted'
expect 64 err "unknown command conifg; did you mean config\?" conifg
expect 64 err "unknown command xyzzy$" xyzzy
expect 64 err "unknown command xyzzy$" help xyzzy
expect 64 err "unknown option --verbose before a command" --verbose config
expect 64 err "unknown option --conect; did you mean --connect\?" config check --conect
expect 64 err "unknown option -x" config -x check
expect 64 err "--connect takes no value" config check --connect=yes
expect 64 err "say which: check, defaults or show" config
expect 64 err "no chekc; there are check" config chekc
expect 64 err "not also show" config check show
expect 64 err "--set needs a value" config check --set
expect 64 err "-c needs a value" config check -c
expect 64 err "--set dim: give it as SECTION.KEY=VALUE" config check --set dim
expect 64 err "--set dim: give it as SECTION.KEY=VALUE" top u --set dim
for option in --snapshot --report --html --items --from-snapshot; do
  expect 64 err "replay: $option needs a value: FILE" replay "$option" '' events
done
expect 64 err "top: --snapshot needs a value: FILE" top 1 --snapshot=
expect 64 err "snapshot: --vectors needs a value: PATH" snapshot export state --vectors ''
expect 65 err "--warmup has no effect: it tells how to --evaluate" replay --warmup .3 "$folder/none"
expect 65 err "--every has no effect" replay "$folder/none" --every 3
expect 64 err "--events is how many --stream writes" demo --events 5

# Anywhere, in any of the usual forms; the last file wins.
echo '[model]' >"$folder/good.conf"
echo 'dim = 128' >>"$folder/good.conf"
echo '[model' >"$folder/bad.conf"
for words in "-c $folder/good.conf config show" "config -c $folder/good.conf show" "config show -c$folder/good.conf" \
  "config --config=$folder/good.conf show" "config show -c $folder/bad.conf -c $folder/good.conf" \
  "--set model.dim=128 config show" "config --set=model.dim=128 show"; do
  # shellcheck disable=SC2086
  expect 0 out '^dim = 128' $words
done
expect 64 err "not also --set" config check -- --set x=y
expect 0 out '^The settings are good' config check
expect 78 err 'bad.conf:1: this line is no' config check -c "$folder/bad.conf"
expect 78 err 'bad.conf:1: this line is no' config show -c "$folder/bad.conf"
expect 78 err 'cannot read the settings in /nonexistent' -c /nonexistent config check
expect 78 err 'model.dim = 3: must be' --set model.dim=3 config check

# Help is for people with 80 columns; so is the sample file.
for words in --help $(env -i "$tasted" --help | sed -nE '/^Commands:/,/^$/s/^  ([a-z]+) .*/\1/p') "config defaults" "config show"; do
  case $words in
  -* | *\ *) ;;
  *) words="help $words" ;;
  esac
  # shellcheck disable=SC2086
  columns=$(env -i "$tasted" $words | LC_ALL=C.UTF-8 wc -L)
  [ "$columns" -le 80 ] || complain "tasted $words: $columns columns"
done

# An option's help begins in one column, or on a line of its own.
env -i "$tasted" help replay | grep '^  -' | LC_ALL=C.UTF-8 grep -vE '^  .{20}  [^ ]|^  [^ ]+ [^ ]+$' &&
  complain "the help of an option is out of its column"

# What cannot be written is no success.
if [ -e /dev/full ]; then
  env -i "$tasted" config defaults >/dev/full 2>"$folder/err"
  [ $? = 73 ] || complain "a full disk goes unnoticed"
  grep -q 'cannot write to standard output' "$folder/err" || complain "a full disk is not told"
fi
exit $bad
