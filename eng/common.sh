# What ./omoai and ./test.sh share. Sourced, with $root set.

require_dotnet() {
  if ! command -v dotnet >/dev/null || ! dotnet --list-sdks | grep -q '^10\.'; then
    echo "Omoai needs the .NET 10 SDK (dotnet-sdk-10.0): https://dotnet.microsoft.com/download" >&2
    exit 5
  fi
  export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1
}

# Whether a source file is newer than the file $1.
changed_since() {
  [ -n "$(find "$root/src" "$root/models" "$root/eng" "$root"/*.props "$root"/*.targets "$root/global.json" "$root/artifacts/feed.props" \
    \( -name bin -o -name obj -o -name node_modules \) -prune -o -type f -newer "$1" -print -quit)" ]
}

# Builds $1, and is silent unless that fails. Two builds of one checkout at a time would trip over each other.
build() {
  local log="$root/artifacts/build.log"
  mkdir -p "$root/artifacts"
  if command -v flock >/dev/null; then
    exec 9>"$root/artifacts/build.lock"
    flock 9
  fi
  # Compiler servers outlive the build; they must not hold the lock.
  if ! dotnet build "$1" -c Release --nologo -v quiet >"$log" 2>&1 9>&-; then
    cat "$log" >&2
    return 1
  fi
  exec 9>&-
}
