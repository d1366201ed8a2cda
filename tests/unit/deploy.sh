#!/usr/bin/env bash
# The manual pages are well-formed, the unit is hardened, the sample file is a good one, the
# completions complete, the package holds what it should. What needs a tool that is not there is said and left out.
set -u
tasted=$1
cd "$(dirname "$0")/../.." || exit 2
folder=$(mktemp -d) || exit 2
trap 'rm -rf "$folder"' EXIT
bad=0
complain() { echo "deploy: $1"; bad=1; }
without() { echo "deploy: no $1 here, not tried: $2"; }

if command -v mandoc >/dev/null; then
  for page in deploy/tasted.1 deploy/tasted.conf.5; do
    mandoc -T lint -W warning "$page" || complain "$page has warnings"
    [ "$(mandoc -T ascii "$page" | wc -l)" -gt 50 ] || complain "$page is all but empty"
  done
else
  without mandoc "manual pages"
fi

if command -v systemd-analyze >/dev/null; then
  exposure=$(systemd-analyze security --offline=true deploy/tasted.service | sed -nE 's/.*exposure level for [^:]*: ([0-9.]+) .*/\1/p')
  echo "deploy: exposure of tasted.service: $exposure"
  awk -v e="${exposure:-10}" 'BEGIN { exit !(e <= 1.2) }' || complain "the unit's exposure is $exposure, above 1.2"
else
  without systemd-analyze "the unit's exposure"
fi

# A file without the comment signs sets every option to its default: it is good, and changes nothing.
sed -E 's/^#([a-z_.]+ =)/\1/' deploy/tasted.conf | grep -vE '^(security.protocol|finish) =' >"$folder/all.conf"
grep -qE '^dim = 64' "$folder/all.conf" || complain "the sample does not show model.dim"
env -i "$tasted" -c "$folder/all.conf" config check >/dev/null || complain "the sample's own defaults are refused"
env -i "$tasted" -c "$folder/all.conf" config show | sed -E 's/ +; .*:[0-9]+$//' >"$folder/from_sample"
env -i "$tasted" -c /dev/null config show >"$folder/from_defaults"
diff "$folder/from_defaults" "$folder/from_sample" || complain "the sample is not the defaults"

# bash: what would be offered for the last word.
offered() {
  bash -c '. deploy/completion/tasted.bash
    COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _tasted 2>/dev/null; printf "%s\n" "${COMPREPLY[@]}"' - "$@"
}
offered tasted con | grep -qx config || complain "bash does not complete commands"
offered tasted config sh | grep -qx show || complain "bash does not complete config show"
offered tasted -c x config check --conn | grep -qx -- --connect || complain "bash does not complete options"
offered tasted --set model.d | grep -qx model.dim= || complain "bash does not complete keys"
offered tasted snapshot inf | grep -qx info || complain "bash does not complete snapshot info"
grep -qF 'FILE…' deploy/completion/* && complain "a completion offers what stands for a file"
if command -v zsh >/dev/null; then
  zsh -n deploy/completion/_tasted || complain "zsh does not read its completion"
fi
if command -v fish >/dev/null; then
  fish -n deploy/completion/tasted.fish || complain "fish does not read its completion"
fi

package() { # into the folder: what the package installs, and its control files
  cpack --config "$(dirname "$tasted")/CPackConfig.cmake" -B "$folder/package" >"$folder/cpack.log" 2>&1 &&
    dpkg-deb -x "$folder"/package/*.deb "$folder/root" && dpkg-deb -e "$folder"/package/*.deb "$folder/control"
}
if ! command -v dpkg-shlibdeps >/dev/null || ! command -v cpack >/dev/null || ! command -v file >/dev/null; then
  without "dpkg-dev, cpack or file" "the package"
elif ! package; then
  cat "$folder/cpack.log"
  complain "no package can be made"
else
  for file in usr/bin/tasted usr/share/man/man1/tasted.1 usr/share/man/man5/tasted.conf.5 \
    usr/share/bash-completion/completions/tasted usr/share/doc/tasted/tasted.conf.sample; do
    [ -s "$folder/root/$file" ] || complain "the package lacks $file"
  done
  cmp -s deploy/tasted.service "$folder/root/usr/lib/systemd/system/tasted.service" || complain "the package's unit is another"
  cmp -s deploy/tasted.conf "$folder/root/etc/tasted/tasted.conf" || complain "the package's settings are others"
  grep -qx /etc/tasted/tasted.conf "$folder/control/conffiles" || complain "an upgrade would overwrite the settings"
  grep -q '^Depends: .*librdkafka1.*' "$folder/control/control" || complain "the package asks for no libraries"
  "$folder/root/usr/bin/tasted" --version | grep -q '^tasted ' || complain "the package's program does not run"
  for script in postinst prerm postrm; do
    sh -n "$folder/control/$script" && [ -x "$folder/control/$script" ] || complain "$script cannot run"
  done
fi
exit $bad
