# shellcheck shell=bash disable=SC2034
# Shared by the scripts of this tree; sourced, never run. Expects `set -euo pipefail`.

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
export CMAKE_COLOR_DIAGNOSTICS=${CMAKE_COLOR_DIAGNOSTICS:-OFF} DEBIAN_FRONTEND=noninteractive
: "${CORTEX_STARTED:=$(date +%s)}" # inherited, so that nested scripts count from one start
export CORTEX_STARTED

build_packages=(
  g++ cmake ninja-build catch2 libcaf-dev libconcurrentqueue-dev libsqlite3-dev libsodium-dev
  nlohmann-json3-dev libre2-dev libyaml-dev pkg-config libcli11-dev libsqlitecpp-dev)
tsan_packages=(clang libclang-rt-dev llvm)
format_packages=(clang-format-14)

elapsed() { echo $(($(date +%s) - CORTEX_STARTED)); }
say() { printf '== [%4d s] %s\n' "$(elapsed)" "$*"; }
die() {
  printf '== [%4d s] error: %s\n' "$(elapsed)" "$*" >&2
  exit 1
}

# Succeeds on distributions whose package names are those above.
is_debian() {
  command -v dpkg-query >/dev/null && command -v apt-get >/dev/null || return 1
  case " $(. /etc/os-release 2>/dev/null && echo "${ID:-} ${ID_LIKE:-}") " in
    *" debian "* | *" ubuntu "*) return 0 ;;
  esac
  return 1
}

# need_packages NAME...: installs what is missing when root, otherwise names it and stops.
need_packages() {
  local name missing=()
  if ! is_debian; then
    say "not a Debian system: installing nothing; needed are the equivalents of: $*"
    return 0
  fi
  for name in "$@"; do
    [[ $(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null) == installed ]] \
      || missing+=("$name")
  done
  if ((${#missing[@]} == 0)); then
    return 0
  fi
  if ((EUID != 0)); then
    die "missing packages; as root: apt-get install --no-install-recommends ${missing[*]}"
  fi

  local apt=(apt-get -q -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3)
  mkdir -p "$root/build"
  local log=$root/build/packages.log
  say "installing ${missing[*]}"
  if [[ -z ${CORTEX_APT_UPDATED:-} ]]; then
    "${apt[@]}" update >"$log" 2>&1 </dev/null || {
      tail -n 20 "$log" >&2
      die "apt-get update failed"
    }
    export CORTEX_APT_UPDATED=1
  fi
  "${apt[@]}" install -y --no-install-recommends "${missing[@]}" >>"$log" 2>&1 </dev/null || {
    tail -n 40 "$log" >&2
    die "apt-get install failed"
  }
}

# The largest number of compilers that neither the cores nor the free memory regret.
job_count() {
  local cores memory
  cores=$(nproc)
  memory=$(awk '/^MemAvailable:/ { print int($2 / 1572864) }' /proc/meminfo 2>/dev/null || true)
  if [[ -n $memory ]] && ((memory < cores)); then
    cores=$((memory > 1 ? memory : 1))
  fi
  echo "$cores"
}

known_preset() {
  case $1 in
    release | debug | asan | tsan) ;;
    *) die "unknown preset '$1': release, debug, asan or tsan" ;;
  esac
}

# Programs under ThreadSanitizer want the address space laid out without surprises.
launcher=()
prepare_preset() {
  need_packages "${build_packages[@]}"
  if [[ $1 == tsan ]]; then
    need_packages "${tsan_packages[@]}"
    "$root/tests/tsan_caf"
    if setarch "$(uname -m)" -R true 2>/dev/null; then
      launcher=(setarch "$(uname -m)" -R)
    fi
  fi
}

# build PRESET [TARGET...]: configures and builds.
build() {
  local preset=$1 targets=()
  shift
  if (($# > 0)); then
    targets=(--target "$@")
  fi
  cd "$root" || return
  say "configuring $preset"
  mkdir -p build
  cmake --preset "$preset" >"build/$preset.configure.log" 2>&1 </dev/null || {
    cat "build/$preset.configure.log" >&2
    die "configuring $preset failed"
  }
  say "building $preset${targets[*]:+ (${targets[*]:1})} with $(job_count) jobs"
  "${launcher[@]}" cmake --build --preset "$preset" --parallel "$(job_count)" "${targets[@]}" </dev/null \
    || die "building $preset failed"
}

# run_ctest PRESET [CTEST ARGUMENT...]: tests see a home of their own, inside the build folder.
run_ctest() {
  local preset=$1 home=$root/build/$1/home
  shift
  rm -rf "$home"
  mkdir -p "$home/tmp"
  mkdir -m 0700 "$home/run"
  cd "$root" || return
  say "testing $preset"
  env -u XDG_CONFIG_DIRS -u XDG_DATA_DIRS HOME="$home" TMPDIR="$home/tmp" \
    XDG_CONFIG_HOME="$home/.config" XDG_DATA_HOME="$home/.local/share" \
    XDG_STATE_HOME="$home/.local/state" XDG_CACHE_HOME="$home/.cache" XDG_RUNTIME_DIR="$home/run" \
    "${launcher[@]}" ctest --preset "$preset" --parallel "$(job_count)" "$@" </dev/null
}
