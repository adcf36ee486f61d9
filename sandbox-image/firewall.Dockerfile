# SPDX-License-Identifier: Apache-2.0
# The image of the containers that set and watch the host's firewall, with NET_ADMIN on the host's network.
# Build with the bin scripts or:
#   docker build -t zcbot-firewall:latest -f sandbox-image/firewall.Dockerfile sandbox-image
#
# It shares no layer with the sandboxes' image, and so no page of memory: if a sandbox manages to change a file
# that it can only read, nobody executes that file here. The image contains only what the script needs.
ARG BASE=debian:trixie-slim
FROM ${BASE} AS files

RUN set -eu; \
    export DEBIAN_FRONTEND=noninteractive; \
    apt-get update -q; \
    apt-get install -y -q --no-install-recommends bash ethtool mount nftables util-linux
# Copies the files, since a link to a file of the layer below would be that file. Scanners and bills of
# materials read in status.d which packages the files belong to.
RUN set -eu; \
    mkdir -p /files/var/lib/dpkg/status.d; \
    for program in /bin/bash /usr/sbin/nft /usr/sbin/ethtool /usr/bin/nsenter /usr/bin/mount; do \
      for file in "$program" $(ldd "$program" | grep -o '/[^ ]*'); do \
        real=$(readlink -f "$file"); \
        install -D "$real" "/files$file"; \
        package=$(dpkg-query -S "$real" | cut -d: -f1); \
        dpkg-query -s "$package" >"/files/var/lib/dpkg/status.d/$package"; \
      done; \
    done

FROM scratch

LABEL org.opencontainers.image.title="zcbot-firewall" \
      org.opencontainers.image.description="Sets and watches the rules on the sandboxes' bridge" \
      org.opencontainers.image.licenses="Apache-2.0"

COPY --from=files /files/ /
COPY --chmod=0444 firewall.sh /usr/local/lib/zcbot/firewall.sh
COPY --chmod=0555 host-firewall.sh /usr/local/sbin/zcbot-host-firewall

USER 1000:1000
ENTRYPOINT ["/usr/local/sbin/zcbot-host-firewall"]
