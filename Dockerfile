# Outturn as a service. Build: `docker build --tag outturn .`
#
# Run, with the project (outturn.toml, pipelines/, sql/) in the current folder:
#
#   docker run --detach --name outturn --restart unless-stopped \
#     --read-only --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges \
#     --volume "$PWD":/project:ro --volume outturn-warehouse:/var/lib/outturn outturn
#
# The project is mounted read-only, so its outturn.toml must say `location = "/var/lib/outturn"` under [warehouse], and a
# project that simulates its partners must write there too: `folder = "/var/lib/outturn/simulated/police"` in [simulate]
# and in its [[mirror]]. One run by hand, or a question: `docker exec outturn outturn --project /project status`.
#
# The health pages stay on the container's own loopback. Keys of an object store come as environment variables.

# The compiler's image holds gcc and libc6-dev, which is all that the C in ring, aws-lc-sys, zstd-sys and psm needs.
FROM rust:1.95-slim-bookworm AS builder
WORKDIR /build

# The dependencies, in a layer that stands until Cargo.toml or Cargo.lock change.
COPY Cargo.toml Cargo.lock ./
RUN mkdir src \
    && echo 'fn main() {}' > src/main.rs \
    && touch src/lib.rs \
    && cargo build --release --locked \
    && rm -r src

# The program. Copied files may be older than the layer above, and Cargo goes by their time.
COPY . .
RUN touch src/main.rs src/lib.rs \
    && cargo build --release --locked --bin outturn

FROM debian:bookworm-slim
# Partners' certificates are judged by the system's roots. Time zones are in the program.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && install --directory --owner 10001 --group 10001 --mode 0700 /var/lib/outturn
COPY --from=builder /build/target/release/outturn /usr/local/bin/outturn
COPY LICENSE /usr/share/doc/outturn/LICENSE

# By number, so that an orchestrator can see that it is not root.
USER 10001:10001
WORKDIR /var/lib/outturn
VOLUME /var/lib/outturn

# The program asks its own /healthz: the image has no other HTTP client.
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=3 \
    CMD ["outturn", "--project", "/project", "health"]

# The program itself answers SIGTERM, as process 1 too, and starts no other: no init is needed. A run that is under way
# ends at its next safe point; `docker stop --time 30` gives it time.
STOPSIGNAL SIGTERM
ENTRYPOINT ["outturn"]
CMD ["--project", "/project", "serve"]
