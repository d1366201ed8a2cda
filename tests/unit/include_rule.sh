#!/usr/bin/env bash
# daemon -> transport, model; transport -> model's status, event, list and state types; model -> nothing.
set -u
cd "$(dirname "$0")/../.." || exit 2
bad=0
complain() { echo "include rule: $1"; bad=1; }
while IFS=: read -r file _ line; do
  header=$(sed -E 's/.*#[ ]*include[ ]*[<"]([^>"]+)[>"].*/\1/' <<<"$line")
  case "$file" in
  model/*)
    case "$header" in
    model/*|stdint.h|stddef.h|stdbool.h|string.h|stdlib.h|math.h|limits.h|float.h|assert.h|stdio.h|stdarg.h|inttypes.h|stdalign.h|immintrin.h|errno.h|stdatomic.h|sys/mman.h) ;;
    *) complain "$file includes <$header>; model/ may use libc, libm and itself only" ;;
    esac ;;
  transport/*)
    case "$header" in
    model/status.h|model/event.h|model/list.h|model/state.h) ;;
    model/*|daemon/*) complain "$file includes $header; transport/ may use model/{status,event,list,state}.h only" ;;
    esac ;;
  esac
done < <(grep -nE '^[ ]*#[ ]*include' model/*.[ch] transport/*.[ch] 2>/dev/null)
# stdio in model/ is for snprintf only: no streams, no clock, no threads.
if grep -nE '\b(printf|fprintf|fopen|fwrite|fread|puts|time|clock_gettime|gettimeofday|rand|random|pthread_[a-z_]+|getenv)\(' model/*.[ch] | grep -vE 'snprintf|vsnprintf|^[^:]+:[0-9]+: \*|//'; then
  complain "model/ must not do input, output, clocks, threads or unkeyed random numbers"
fi
exit $bad
