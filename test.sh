#!/usr/bin/env bash
# Builds everything and runs every test project. The last line is: N passed, N failed, N skipped
set -uo pipefail
root=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")" && pwd)
. "$root/eng/common.sh"

require_dotnet
"$root/eng/probe-feed" || exit
"$root/eng/install-azurite" || echo "The tests of blob storage are skipped." >&2
build "$root/Omoai.sln" || exit

results="$root/artifacts/test-results"
rm -rf "$results"
status=0
dotnet test "$root/Omoai.sln" -c Release --no-build --nologo -v quiet \
  --logger "trx;LogFilePrefix=result" --results-directory "$results" || status=$?

# The counters of every test project's result file.
count() { cat "$results"/*.trx 2>/dev/null | grep -o '<Counters [^>]*>' | grep -o " $1=\"[0-9]*\"" | tr -dc '0-9\n' | awk '{ n += $1 } END { print n + 0 }'; }
total=$(count total) passed=$(count passed) failed=$(count failed)
[ "$total" -gt 0 ] || status=1
echo "$passed passed, $failed failed, $((total - passed - failed)) skipped"
exit "$status"
