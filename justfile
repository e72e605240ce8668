# `just` lists the recipes; each is one command that also works without just.

_list:
    @just --list --unsorted

# Run server, worker and page on http://127.0.0.1:3000
run *args:
    cargo run --release -- {{ args }}

# Fill a folder with 90 plausible days; the last line says how to look at them
demo *args="--into demo-data":
    cargo run --release -- demo {{ args }}

# Formatting, lints and spelling
check:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets --locked -- -D warnings
    typos

# The tests that a change must pass
test *args:
    tests/run.sh {{ args }}

# The inner loop
quick:
    tests/run.sh --quick

# Requests a second, beside a server that says hello
bench *args:
    cargo bench --bench load --locked -- {{ args }}

# Make everything that is generated anew: docs/*.md, the schema of pipeline.yaml
docs:
    UPDATE=1 cargo test --workspace --locked

# Print the JSON Schema of pipeline.yaml
schema:
    cargo run --quiet -- schema
