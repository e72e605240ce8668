#!/usr/bin/env bash
# A report of Lighthouse on the pages: mobile, median of three runs, on made-up events. Not a test: the
# score for speed is the machine's as much as the page's. Run by `tests/run.sh --lighthouse`.
set -euo pipefail
cd "$(dirname "$0")/../.."

binary=${BINARY:-target/release/weather-mcp-analytics}
[ -n "${BINARY:-}" ] || cargo build --release --locked
chromium=$(command -v chromium || command -v chromium-browser)
folder=$(mktemp -d)
trap '[ -z "${server:-}" ] || kill "$server"; rm -rf "$folder"' EXIT

"$binary" demo --days 90 --events 20000 --seed 7 --into "$folder/demo" >/dev/null 2>&1
export ANALYTICS_QUEUE__URL="sqlite://$folder/demo/queue.db" ANALYTICS_STORE__URL="sqlite://$folder/demo/analytics.db"
# Pages name their own address, so it must be known before the start.
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
base=http://127.0.0.1:$port
ANALYTICS_SHARE__URL=$base ANALYTICS_SERVER__READ_LIMIT=0 \
  "$binary" serve --listen "127.0.0.1:$port" --metrics-listen off 2>"$folder/log" &
server=$!
until curl -sf "$base/livez" >/dev/null; do
  kill -0 "$server" || { cat "$folder/log" >&2; exit 1; }
  sleep 0.1
done

echo "| page | performance | accessibility | best practices | SEO | LCP, s | TBT, ms | CLS | bytes |"
echo "|---|---|---|---|---|---|---|---|---|"
for page in / /tools /tools/get_forecast /performance /errors /versions /geography /status /methodology /transparency; do
  for run in 1 2 3; do
    # The version is pinned; npm keeps it after the first time.
    CHROME_PATH=$chromium npx --yes lighthouse@12.8.2 "$base$page" --quiet --output=json \
      --output-path="$folder/$run.json" --chrome-flags="--headless=new --no-sandbox" >/dev/null
  done
  node -e '
    const [page, folder] = process.argv.slice(1);
    const runs = [1, 2, 3].map((run) => JSON.parse(require("fs").readFileSync(`${folder}/${run}.json`)));
    const median = (of) => runs.map(of).sort((a, b) => a - b)[1];
    const score = (name) => Math.round(median(({ categories }) => categories[name].score) * 100);
    const audit = (name) => median(({ audits }) => audits[name].numericValue);
    const scores = ["performance", "accessibility", "best-practices", "seo"].map(score);
    const times = [(audit("largest-contentful-paint") / 1000).toFixed(2), Math.round(audit("total-blocking-time")), audit("cumulative-layout-shift").toFixed(3), audit("total-byte-weight")];
    console.log(`| ${[page, ...scores, ...times].join(" | ")} |`);
  ' "$page" "$folder"
done
