#!/usr/bin/env bash
# Installs what the tests need and runs everything.
#
#   tests/run.sh            all checks and tests (what CI runs)
#   tests/run.sh --quick    formatting, lints and tests, without documentation, long simulations and
#                           the published client and the browser (which need Node.js and, once, the npm registry)
#   tests/run.sh --lighthouse  no test, but a report of Lighthouse on the pages
#   tests/run.sh --soak     everything, with the long crash and simulation runs, and the benchmarks
#
# Servers that the tests need are started by the tests, on free ports and in temporary folders, and
# stopped again.
set -euo pipefail
cd "$(dirname "$0")/.."

mode=full
case "${1:-}" in
  "") ;;
  --quick) mode=quick ;;
  --lighthouse) mode=lighthouse ;;
  --soak) mode=soak ;;
  *) echo "usage: tests/run.sh [--quick|--soak|--lighthouse]" >&2; exit 2 ;;
esac

step() { printf '\n=== %s\n' "$*"; }

# Compressors that write request bodies in a hand other than the server's own, what the guides use,
# and the servers that tests start.
need=()
for program in gzip zstd brotli python3 openssl curl redis-server sqlite3; do
  command -v "$program" >/dev/null || need+=("$program")
done
# The published client, which a test installs from the npm registry and runs.
if [ "$mode" != quick ]; then
  command -v node >/dev/null || need+=(nodejs)
  command -v npm >/dev/null || need+=(npm)
  # The pages in a browser, driven by what another test installs from the npm registry.
  command -v chromium >/dev/null || command -v chromium-browser >/dev/null || need+=(chromium)
  # Another engine.
  command -v firefox-esr >/dev/null || command -v firefox >/dev/null || need+=(firefox-esr)
fi
# Servers of the distribution are not in PATH.
compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || command -v initdb >/dev/null ||
  need+=(postgresql)
if [ ${#need[@]} -gt 0 ]; then
  step "installing ${need[*]}"
  cannot() {
    echo "cannot install ${need[*]}: $1. Install them by hand and run this again." >&2
    exit 1
  }
  command -v apt-get >/dev/null || cannot "there is no apt-get here"
  sudo=""
  [ "$(id -u)" = 0 ] || sudo=sudo
  $sudo apt-get update -qq || cannot "apt-get update failed"
  # Ubuntu has Firefox as a snap only, which cannot be driven: its test says what is missing.
  if [[ " ${need[*]} " == *" firefox-esr "* ]] && ! apt-cache show firefox-esr >/dev/null 2>&1; then
    kept=()
    for package in "${need[@]}"; do [ "$package" = firefox-esr ] || kept+=("$package"); done
    need=(${kept[@]+"${kept[@]}"})
  fi
  [ ${#need[@]} -eq 0 ] || $sudo env DEBIAN_FRONTEND=noninteractive \
    apt-get install -y -qq --no-install-recommends "${need[@]}" || cannot "apt-get install failed"
fi
if [ "$mode" != quick ]; then
  node -e 'const [a, b] = process.versions.node.split("."); process.exit(a > 18 || (a == 18 && b >= 19) ? 0 : 1)' || {
    echo "the published client needs Node.js 18.19 or newer for its test; this is $(node --version)" >&2
    exit 1
  }
fi

[ "$mode" != lighthouse ] || exec tests/e2e/lighthouse.sh

case "$mode" in
  quick) export SIMULATED_LISTS=500 PROPTEST_CASES=64 ;;
  full) export SIMULATED_LISTS=10000 ;;
  soak) export SIMULATED_LISTS=200000 PROPTEST_CASES=5000 KILLS=300 SOAK=1 ;;
esac

step "formatting"
cargo fmt --all --check

step "lints"
cargo clippy --workspace --all-targets --locked -- -D warnings

step "tests"
skip=()
[ "$mode" != quick ] || skip=(-- --skip published_client --skip browser_suite)
cargo test --workspace --locked "${skip[@]}"

if [ "$mode" != quick ]; then
  step "documentation"
  RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --document-private-items --locked
  if command -v typos >/dev/null; then
    step "spelling"
    typos
  else
    echo "typos is not installed: spelling is not checked"
  fi
  if command -v cargo-deny >/dev/null; then
    step "dependencies"
    cargo deny --offline check licenses bans sources
  else
    echo "cargo-deny is not installed: licences, bans and sources of dependencies are not checked"
  fi
fi

if [ "$mode" = soak ]; then
  step "benchmarks"
  cargo bench --bench load --locked
  cargo bench --bench stats --locked
fi

step "everything passed"
