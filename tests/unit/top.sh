#!/usr/bin/env bash
# tasted top against a Redis of its own, filled by redis-cli as any application could.
set -u
tasted=$1
folder=$(mktemp -d)
redis-server --port 0 --unixsocket "$folder/socket" --save "" --dir "$folder" >"$folder/log" &
server=$!
trap 'kill $server; wait $server 2>/dev/null; rm -rf "$folder"' EXIT
redis() { redis-cli -s "$folder/socket" "$@" >/dev/null; }
for _ in $(seq 600); do redis ping 2>/dev/null && break; sleep .05; done

bad=0
top() { # runs it; the exit code goes to $code, what it says to $out and $err
  out=$("$tasted" top --set "redis.url=unix://$folder/socket" "$@" 2>"$folder/err"); code=$?
  err=$(<"$folder/err")
}
check() { # what was expected, and a test of it
  local what=$1; shift
  "$@" || { echo "top.sh: $what: code $code, out: $out, err: $err"; bad=1; }
}
has() { [[ $1 == *"$2"* ]]; }

top u1; check "neither list: 65" [ "$code" = 65 ]; check "says what is missing" has "$err" taste:popular
redis set taste:popular '{"items":["p1"],"scores":[3],"at":7,"v":1}'
top u1 --json; check "popular: 0" [ "$code" = 0 ]
check "the popular list" has "$out" '"items": ["p1"]'
check "says whose it is" has "$err" "no list"
redis set taste:top:u1 '{"items":["a\"b","c"],"scores":[1.5,-0.1],"at":1700000000123,"v":2}'
top u1 --json
check "json" [ "$out" = '{"user": "u1", "items": ["a\"b", "c"], "scores": [1.5, -0.1], "at": 1700000000123, "popular": false}' ]
check "quiet" [ -z "$err" ]
top -n 1 u1; check "as a table" has "$out" 'a"b       1.5000'
check "-n" [ "$(wc -l <<<"$out")" = 2 ]
printf 'set taste:top:u2 "\\x82\\xa5items\\x92\\xa1x\\xa1y\\xa6scores\\x92\\xca\\x3f\\x80\\x00\\x00\\x02"\n' |
  redis-cli -s "$folder/socket" >/dev/null
top u2 --json; check "msgpack" has "$out" '"items": ["x", "y"], "scores": [1.0, 2.0]'
redis rpush taste:top:u3 r1 r2
top u3 --json; check "list" has "$out" '"items": ["r1", "r2"], "scores": [null, null], "at": null'
redis zadd taste:top:u4 1 z1 2 z2
top u4 --json; check "zset" has "$out" '"items": ["z2", "z1"], "scores": [2.0, 1.0]'
redis set taste:top:u5 'not a list'
top u5; check "not a list: 65" [ "$code" = 65 ]; check "says which" has "$err" "redis: taste:top:u5: this is not a list"
redis hset taste:top:u6 a b
top u6; check "another type: 65" [ "$code" = 65 ]
printf 'set taste:top:u7 "\\xdd\\xff\\xff\\xff\\xff"\n' | redis-cli -s "$folder/socket" >/dev/null
top u7; check "a lying header: 65" [ "$code" = 65 ]
redis set taste:similar:i1 '{"items":["i2","i3"],"scores":[0.5,0.25],"at":7,"v":1}'
similar() { out=$(env -i "$tasted" similar -c /dev/null --set redis.url="unix://$folder/socket" "$@" 2>"$folder/err"); code=$?; err=$(cat "$folder/err"); }
similar i1 --json; check "similar" [ "$out" = '{"item": "i1", "items": ["i2", "i3"], "scores": [0.5, 0.25], "at": 7}' ]
similar i9; check "nothing similar: 65" [ "$code" = 65 ]
check "says how else" has "$err" "no taste:similar:i9; --snapshot FILE asks a model"
similar; check "similar to what: 64" [ "$code" = 64 ]
for misuse in "" "a b" "-n 0 a" "-n x a" "-n 1001 a"; do
  # shellcheck disable=SC2086
  top $misuse; check "misuse '$misuse': 64" [ "$code" = 64 ]
done
top $'u\xe9'; check "not UTF-8: 64" [ "$code" = 64 ]; check "says so" has "$err" "the id of a user is UTF-8"
similar $'i\xe9'; check "an item that is not UTF-8: 64" [ "$code" = 64 ]
top u1 --set redis.url=unix:///nowhere/at/all; check "unreachable: 69" [ "$code" = 69 ]
check "says what to do" has "$err" "No such file or directory; start it, or set redis.url"
top u1 --set redis.url=http://x; check "bad configuration: 78" [ "$code" = 78 ]
top u1 --snapshot "$folder/none"; check "no such snapshot: 65" [ "$code" = 65 ]
exit $bad
