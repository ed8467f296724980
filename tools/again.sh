#!/bin/sh
# Runs the tests that failed last once more, alone: "$@" is pytest. More than a handful is no accident of a busy machine.
# Exit status: 0 when all pass now; what failed first stays in the log above, and is named here.
set -eu
LARGEST=6
# pytest says 1 when all was run and some failed. A run that was cut short, or that could not begin, has proved nothing.
[ "$(cat .cache/test.status 2>/dev/null)" = 1 ] || { echo "again: the tests did not all run" >&2; exit 1; }
record=.pytest_cache/v/cache/lastfailed
[ -s "$record" ] || { echo "again: no test has failed here; what failed was something else" >&2; exit 1; }
failed=$(sed -n 's/^ *"\(.*\)": true,\{0,1\}$/\1/p' "$record")
count=$(printf '%s\n' "$failed" | grep -c .)
printf '\nagain: %s failed beside others, and run alone now:\n%s\n' "$count" "$failed"
[ "$count" -le "$LARGEST" ] || { echo "again: more than $LARGEST is no accident" >&2; exit 1; }
exec "$@" --last-failed --last-failed-no-failures none
